internal import Hashing

/// `Stripe-Signature: t=TIMESTAMP,v1=HEX,…`: the HMAC-SHA256 of `TIMESTAMP.BODY`, whose key is the whole secret, `whsec_`
/// included (docs.stripe.com, "Verify webhook signatures manually"). While a secret is being rolled there are several `v1`.
struct StripeScheme: HookScheme {
    static let name = "stripe"

    private let secrets: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) { secrets = try values.keys() }

    private static let header = "stripe-signature"

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        let header = try fields.signed(Self.header)
        var timestamps: [Substring] = []
        var candidates: [[UInt8]] = []
        for item in header.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw .malformedHeader(Self.header) }
            if parts[0] == "t" { timestamps.append(parts[1]) }
            if parts[0] == "v1", let code = Hexadecimal.decode(parts[1]) { candidates.append(code) }
        }
        guard timestamps.count == 1, let timestamp = SignatureTimestamp(timestamps[0]), !candidates.isEmpty else {
            throw .malformedHeader(Self.header)
        }
        try secrets.check(candidates, of: Self.signed(timestamp.text, body), .sha256)
        try timestamp.check(now: now)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] {
        let code = secrets.code(of: Self.signed(Array("\(now)".utf8), body), .sha256)
        return [SignedHeader(Self.header, "t=\(now),v1=\(Hexadecimal.encode(code))")]
    }

    private static func signed(_ timestamp: [UInt8], _ body: [UInt8]) -> [[UInt8]] {
        [timestamp, Array(".".utf8), body]
    }

    /// Of an event object. What is delivered again has the same one.
    private static let event = Template.known("{/id}")

    func deliveryID(in source: TemplateSource) -> String? { try? Self.event.name(from: source) }
}
