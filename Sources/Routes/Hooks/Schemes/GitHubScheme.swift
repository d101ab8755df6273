/// `X-Hub-Signature-256: sha256=HEX`: the body's HMAC-SHA256 (docs.github.com, "Validating webhook deliveries"); the older SHA-1
/// signature counts for nothing.
struct GitHubScheme: HookScheme {
    static let name = "github"

    private let signature: HMACSignature

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        signature = HMACSignature(secrets: try values.keys(), header: "x-hub-signature-256", prefix: "sha256=")
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        try signature.verify(fields, body)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [signature.sign(body)] }

    private static let delivery = Template.known("{header:X-GitHub-Delivery}")

    func deliveryID(in source: TemplateSource) -> String? { try? Self.delivery.name(from: source) }
}
