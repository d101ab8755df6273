internal import Hashing

/// An HMAC of the body, and perhaps more, in a header.
struct HMACSignature: Sendable {
    enum Encoding: String, Sendable, CaseIterable {
        case hex, base64
    }

    let secrets: [HookSecret]
    /// In lower case.
    let header: String
    var algorithm = HMAC.Algorithm.sha256
    var encoding = Encoding.hex
    /// The text before the code: `sha256=`.
    var prefix = ""

    /// - Parameter parts: what is signed, one behind the other.
    func verify(_ fields: HeaderFields, _ parts: [UInt8]...) throws(SignatureFault) {
        let value = try fields.signed(header)
        guard value.utf8.starts(with: prefix.utf8), let code = decode(value.utf8.dropFirst(prefix.utf8.count)) else {
            throw .malformedHeader(header)
        }
        try secrets.check([code], of: parts, algorithm)
    }

    /// The header that ``verify(_:_:)`` accepts.
    func sign(_ parts: [UInt8]...) -> SignedHeader {
        let code = secrets.code(of: parts, algorithm)
        return SignedHeader(header, prefix + (encoding == .hex ? Hexadecimal.encode(code) : Base64.encode(code)))
    }

    private func decode(_ text: Substring.UTF8View) -> [UInt8]? {
        switch encoding {
        case .hex: Hexadecimal.decode(Substring(text))
        case .base64: Base64.decode(Substring(text))
        }
    }
}
