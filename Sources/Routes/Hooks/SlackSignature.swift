internal import Hashing

/// `X-Slack-Signature: v0=HEX`: the HMAC-SHA256 of `v0:TIMESTAMP:BODY`, with `X-Slack-Request-Timestamp`
/// (docs.slack.dev, "Verifying requests from Slack").
struct SlackSignature: SignatureScheme {
    let secrets: [HookSecret]

    private static let (signature, date) = ("x-slack-signature", "x-slack-request-timestamp")

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        let (signature, date) = (try fields.signed(Self.signature), try fields.signed(Self.date))
        guard let timestamp = SignatureTimestamp(date) else { throw .malformedHeader(Self.date) }
        guard signature.hasPrefix("v0="), let code = Hexadecimal.decode(signature.dropFirst("v0=".count)) else {
            throw .malformedHeader(Self.signature)
        }
        try secrets.check([code], of: [Array("v0:".utf8), timestamp.text, Array(":".utf8), body], .sha256)
        try timestamp.check(now: now)
    }
}
