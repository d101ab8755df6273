internal import Hashing

/// `webhook-signature: v1,BASE64 v1,BASE64 …`: the HMAC-SHA256 of `ID.TIMESTAMP.BODY`, with `webhook-id` and
/// `webhook-timestamp` (standardwebhooks.com); or the same with `svix-` in their names.
struct StandardWebhooksSignature: SignatureScheme {
    let secrets: [HookSecret]

    /// The key that a secret stands for: base64, with or without `whsec_` before it.
    static func key(_ secret: String) -> [UInt8]? {
        let prefix = "whsec_"
        return Base64.decode(secret.hasPrefix(prefix) ? secret.dropFirst(prefix.count) : secret[...])
    }

    /// The delivery's id, which is signed.
    static func id(_ fields: HeaderFields) -> String? { headers(fields)?.id }

    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool {
        guard let (id, date, signatures) = Self.headers(fields), let timestamp = SignatureTimestamp(date),
            timestamp.isFresh(at: now)
        else { return false }
        let candidates = signatures.split(separator: " ").compactMap { signature in
            signature.hasPrefix("v1,") ? Base64.decode(signature.dropFirst("v1,".count)) : nil
        }
        let dot = Array(".".utf8)
        return secrets.sign([Array(id.utf8), dot, timestamp.text, dot, body], .sha256, as: candidates)
    }

    /// All three under the same prefix: parts of two signatures are none.
    private static func headers(_ fields: HeaderFields) -> (id: String, date: String, signatures: String)? {
        for prefix in ["webhook", "svix"] {
            if let id = fields.single("\(prefix)-id"), !id.isEmpty, let date = fields.single("\(prefix)-timestamp"),
                let signatures = fields.single("\(prefix)-signature")
            {
                return (id, date, signatures)
            }
        }
        return nil
    }
}
