internal import Hashing

/// `X-Slack-Signature: v0=HEX`: the HMAC-SHA256 of `v0:TIMESTAMP:BODY`, with `X-Slack-Request-Timestamp`
/// (docs.slack.dev, "Verifying requests from Slack").
struct SlackSignature: SignatureScheme {
    let secrets: [HookSecret]

    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool {
        guard let timestamp = fields.single("x-slack-request-timestamp").flatMap({ SignatureTimestamp($0) }),
            timestamp.isFresh(at: now),
            let signature = fields.single("x-slack-signature"), signature.hasPrefix("v0="),
            let code = Hexadecimal.decode(signature.dropFirst("v0=".count))
        else { return false }
        return secrets.sign([Array("v0:".utf8), timestamp.text, Array(":".utf8), body], .sha256, as: [code])
    }
}
