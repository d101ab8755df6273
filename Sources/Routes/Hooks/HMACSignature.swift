internal import Hashing

/// The body's HMAC in a header: GitHub's scheme, Shopify's, Linear's and that of many others.
struct HMACSignature: SignatureScheme {
    enum Encoding: String, Sendable, CaseIterable {
        case hex, base64
    }

    let secrets: [HookSecret]
    /// In lower case.
    let header: String
    let algorithm: HMAC.Algorithm
    let encoding: Encoding
    /// What stands before the code: `sha256=`.
    let prefix: String

    /// GitHub's (docs.github.com, "Validating webhook deliveries"); its older SHA-1 signature counts for nothing.
    static func github(_ secrets: [HookSecret]) -> HMACSignature {
        HMACSignature(
            secrets: secrets, header: "x-hub-signature-256", algorithm: .sha256, encoding: .hex, prefix: "sha256=")
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        let value = try fields.signed(header)
        guard value.utf8.starts(with: prefix.utf8), let code = decode(value.utf8.dropFirst(prefix.utf8.count)) else {
            throw .malformedHeader(header)
        }
        try secrets.check([code], of: [body], algorithm)
    }

    private func decode(_ text: Substring.UTF8View) -> [UInt8]? {
        switch encoding {
        case .hex: Hexadecimal.decode(Substring(text))
        case .base64: Base64.decode(Substring(text))
        }
    }
}
