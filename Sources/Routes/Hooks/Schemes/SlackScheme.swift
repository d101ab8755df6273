internal import Hashing
internal import JSON

/// `X-Slack-Signature: v0=HEX`: the HMAC-SHA256 of `v0:TIMESTAMP:BODY`, with `X-Slack-Request-Timestamp`
/// (docs.slack.dev, "Verifying requests from Slack").
struct SlackScheme: HookScheme {
    static let name = "slack"

    private let secrets: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) { secrets = try values.keys() }

    private static let (signature, date) = ("x-slack-signature", "x-slack-request-timestamp")
    private static let version = "v0="

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        let (signature, date) = (try fields.signed(Self.signature), try fields.signed(Self.date))
        guard let timestamp = SignatureTimestamp(date) else { throw .malformedHeader(Self.date) }
        guard signature.hasPrefix(Self.version),
            let code = Hexadecimal.decode(signature.dropFirst(Self.version.count))
        else { throw .malformedHeader(Self.signature) }
        try secrets.check([code], of: Self.signed(timestamp.text, body), .sha256)
        try timestamp.check(now: now)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] {
        let code = secrets.code(of: Self.signed(Array("\(now)".utf8), body), .sha256)
        return [
            SignedHeader(Self.date, "\(now)"), SignedHeader(Self.signature, Self.version + Hexadecimal.encode(code)),
        ]
    }

    private static func signed(_ timestamp: [UInt8], _ body: [UInt8]) -> [[UInt8]] {
        [Array("v0:".utf8), timestamp, Array(":".utf8), body]
    }

    /// Of its Events API; its commands and interactions are sent once, and have none.
    private static let event = Template.known("{/event_id}")

    func deliveryID(in source: TemplateSource) -> String? { try? Self.event.name(from: source) }

    /// Theirs have about 50 bytes.
    private static let longestChallenge = 1_024

    /// How Slack makes sure that an address is ours (docs.slack.dev, "url_verification").
    func challenge(in body: JSONValue) throws(Problem) -> String? {
        guard body.member("type")?.string == "url_verification" else { return nil }
        guard let challenge = body.member("challenge")?.string, challenge.utf8.count <= Self.longestChallenge else {
            throw Problem(
                .deliveryRefused,
                at: [.init("/challenge", "must be a string of at most \(Self.longestChallenge) bytes")])
        }
        return challenge
    }
}
