internal import Hashing

/// The body's HMAC in any header: Shopify's scheme, Linear's and that of many others.
struct HMACScheme: HookScheme {
    static let name = "hmac"
    static let settings = [header, algorithm, encoding, prefix]

    private static let header = SchemeSetting("header", isRequired: true)
    /// `sha256`, `sha1` or `sha512`.
    private static let algorithm = SchemeSetting("algorithm")
    /// `hex` or `base64`.
    private static let encoding = SchemeSetting("encoding")
    /// The text before the code.
    private static let prefix = SchemeSetting("prefix")

    let signature: HMACSignature

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        let header = try values.headerName(Self.header)
        guard let algorithm = HMAC.Algorithm(rawValue: values[Self.algorithm] ?? "sha256") else {
            throw HookConfigurationError(Self.algorithm.name, "must be sha256, sha1 or sha512")
        }
        guard let encoding = HMACSignature.Encoding(rawValue: values[Self.encoding] ?? "hex") else {
            throw HookConfigurationError(Self.encoding.name, "must be hex or base64")
        }
        signature = HMACSignature(
            secrets: try values.keys(), header: header, algorithm: algorithm, encoding: encoding,
            prefix: values[Self.prefix] ?? "")
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        try signature.verify(fields, body)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [signature.sign(body)] }
}
