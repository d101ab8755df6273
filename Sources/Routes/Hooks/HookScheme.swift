internal import Hashing

/// Who delivers to a hook, and so how a delivery is signed.
public struct HookScheme: Sendable {
    enum Kind: Sendable {
        case github, stripe, slack, standardWebhooks, bearer, unsigned
        case hmac(header: String, HMAC.Algorithm, HMACSignature.Encoding, prefix: String)
    }

    let kind: Kind

    public static let github = HookScheme(kind: .github)
    public static let stripe = HookScheme(kind: .stripe)
    public static let slack = HookScheme(kind: .slack)
    public static let standardWebhooks = HookScheme(kind: .standardWebhooks)
    public static let bearer = HookScheme(kind: .bearer)
    /// Anybody.
    public static let unsigned = HookScheme(kind: .unsigned)

    /// The body's HMAC in a header.
    ///
    /// - Parameters:
    ///   - algorithm: `sha256`, `sha1` or `sha512`.
    ///   - encoding: `hex` or `base64`.
    ///   - prefix: what stands before the code.
    public static func hmac(
        header: String, algorithm: String = "sha256", encoding: String = "hex", prefix: String = ""
    ) throws(HookConfigurationError) -> HookScheme {
        let name = header.lowercased()
        guard name.isHeaderName else { throw HookConfigurationError("header", "must be the name of a header") }
        guard let known = HMAC.Algorithm(rawValue: algorithm) else {
            throw HookConfigurationError("algorithm", "must be sha256, sha1 or sha512")
        }
        guard let coding = HMACSignature.Encoding(rawValue: encoding) else {
            throw HookConfigurationError("encoding", "must be hex or base64")
        }
        return HookScheme(kind: .hmac(header: name, known, coding, prefix: prefix))
    }

    /// The scheme of this name in the configuration, except `hmac`, which has settings.
    public init?(name: String) {
        switch name {
        case "github": self = .github
        case "stripe": self = .stripe
        case "slack": self = .slack
        case "standard-webhooks": self = .standardWebhooks
        case "bearer": self = .bearer
        case "none": self = .unsigned
        default: return nil
        }
    }

    private init(kind: Kind) {
        self.kind = kind
    }

    /// What checks signatures with these secrets.
    func signature(_ secrets: [String]) throws(HookConfigurationError) -> any SignatureScheme {
        if case .unsigned = kind {
            guard secrets.isEmpty else { throw HookConfigurationError("secrets", "the scheme 'none' checks nothing") }
            return Unsigned()
        }
        guard !secrets.isEmpty else { throw HookConfigurationError("secrets", "is required") }
        var keys: [HookSecret] = []
        for (index, secret) in secrets.enumerated() { keys.append(try key(secret, "secrets[\(index)]")) }
        switch kind {
        case .github: return HMACSignature.github(keys)
        case .stripe: return StripeSignature(secrets: keys)
        case .slack: return SlackSignature(secrets: keys)
        case .standardWebhooks: return StandardWebhooksSignature(secrets: keys)
        case .bearer: return BearerToken(secrets: keys)
        case .unsigned: return Unsigned()
        case .hmac(let header, let algorithm, let encoding, let prefix):
            return HMACSignature(
                secrets: keys, header: header, algorithm: algorithm, encoding: encoding, prefix: prefix)
        }
    }

    private func key(_ secret: String, _ field: String) throws(HookConfigurationError) -> HookSecret {
        var bytes: [UInt8]? = Array(secret.utf8)
        if case .standardWebhooks = kind { bytes = StandardWebhooksSignature.key(secret) }
        guard let bytes else { throw HookConfigurationError(field, "must be base64, behind 'whsec_'") }
        guard let key = HookSecret(bytes) else { throw HookConfigurationError(field, "is empty") }
        return key
    }
}
