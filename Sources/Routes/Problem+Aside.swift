extension Problem {
    /// The reason of a refusal that the log is told, and its sender is not: it would help those who guess.
    enum Aside: Sendable, Equatable {
        case credential(CredentialFault)
        case signature(SignatureFault)

        /// A word.
        var reason: String {
            switch self {
            case .credential(let fault): fault.reason
            case .signature(let fault): fault.reason
            }
        }

        /// The facts for the log beyond what its sender was told.
        var detail: String? {
            switch self {
            case .credential(let fault): fault.detail
            case .signature(let fault): fault.description
            }
        }

        /// The name of the key that was sent, if it is one.
        var key: String? {
            if case .credential(.expired(let name)) = self { name } else { nil }
        }
    }
}

/// Why a request is nobody's.
enum CredentialFault: Sendable, Equatable {
    case missing
    /// It is none by its form; its sender is told how.
    case malformed
    case unknown
    /// The key of this name.
    case expired(String)

    fileprivate var reason: String {
        switch self {
        case .missing: "no_key"
        case .malformed: "malformed_key"
        case .unknown: "unknown_key"
        case .expired: "expired_key"
        }
    }

    fileprivate var detail: String? {
        switch self {
        case .missing, .malformed: nil
        case .unknown: "the key is none of those that are configured"
        case .expired(let name): "the key '\(name)' has expired"
        }
    }
}

/// Why a delivery, or the question before the first, is not from who knows the hook's secret.
package enum SignatureFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// A header that the signature is made of.
    case missingHeader(String)
    /// It came more than once, or is not what the scheme asks for.
    case malformedHeader(String)
    /// The signature is right, and was made so many seconds ago; of less than nothing: it will be made then.
    case clock(Int64)
    case wrongSecret
    /// The same, where nothing is signed.
    case wrongToken
    /// The query of a question, which has no headers to say anything with, cannot be read.
    case malformedQuery
    case missingParameter(String)
    /// It came more than once, or is not what the scheme asks for.
    case malformedParameter(String)
    /// It is not what the hook is configured with.
    case wrongParameter(String)

    fileprivate var reason: String {
        switch self {
        case .missingHeader: "missing_header"
        case .malformedHeader: "malformed_header"
        case .clock: "clock_off"
        case .wrongSecret, .wrongToken, .wrongParameter: "wrong_secret"
        case .missingParameter: "missing_parameter"
        case .malformedQuery, .malformedParameter: "malformed_parameter"
        }
    }

    package var description: String {
        switch self {
        case .missingHeader(let name): "there is no header \(name)"
        case .malformedHeader(let name): "the header \(name) came twice, or is not what the hook's scheme makes"
        case .clock(let age):
            "the delivery was signed \(abs(age)) s \(age < 0 ? "from now" : "ago"), and \(SignatureTimestamp.tolerance) s are allowed: "
                + "a clock is off, or the delivery was kept"
        case .wrongSecret: "the signature is not of this body with one of the hook's secrets"
        case .wrongToken: "the token is none of the hook's secrets"
        case .malformedQuery: "the query is escaped wrongly, or not in UTF-8"
        case .missingParameter(let name): "there is no \(name) in the query"
        case .malformedParameter(let name):
            "\(name) came twice in the query, or is not what the hook's scheme makes"
        case .wrongParameter(let name): "\(name) in the query is not what the hook is configured with"
        }
    }
}
