internal import Hashing

/// `Stripe-Signature: t=TIMESTAMP,v1=HEX,…`: the HMAC-SHA256 of `TIMESTAMP.BODY`, whose key is the whole secret, `whsec_`
/// included (docs.stripe.com, "Verify webhook signatures manually"). While a secret is being rolled there are several `v1`.
struct StripeSignature: SignatureScheme {
    let secrets: [HookSecret]

    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool {
        guard let header = fields.single("stripe-signature") else { return false }
        var timestamps: [Substring] = []
        var candidates: [[UInt8]] = []
        for item in header.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return false }
            if parts[0] == "t" { timestamps.append(parts[1]) }
            if parts[0] == "v1", let code = Hexadecimal.decode(parts[1]) { candidates.append(code) }
        }
        guard timestamps.count == 1, let timestamp = SignatureTimestamp(timestamps[0]), timestamp.isFresh(at: now)
        else { return false }
        return secrets.sign([timestamp.text, Array(".".utf8), body], .sha256, as: candidates)
    }
}
