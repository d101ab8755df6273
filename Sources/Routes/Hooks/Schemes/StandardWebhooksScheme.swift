internal import Hashing

/// `webhook-signature: v1,BASE64 v1,BASE64 …`: the HMAC-SHA256 of `ID.TIMESTAMP.BODY`, with `webhook-id` and
/// `webhook-timestamp` (standardwebhooks.com); or the same with `svix-` in their names.
struct StandardWebhooksScheme: HookScheme {
    static let name = "standard-webhooks"

    private let secrets: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        secrets = try values.keys(mustBe: "base64, behind 'whsec_'", Self.key)
    }

    /// The key that a secret stands for: base64, with or without `whsec_` before it.
    private static func key(_ secret: String) -> [UInt8]? {
        let prefix = "whsec_"
        return Base64.decode(secret.hasPrefix(prefix) ? secret.dropFirst(prefix.count) : secret[...])
    }

    /// That of the signature: it is signed.
    func deliveryID(in source: TemplateSource) -> String? {
        Self.prefix(source.fields).flatMap { source.fields.single("\($0)-id") }
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        guard let prefix = Self.prefix(fields) else { throw Self.fault(fields) }
        let (id, date) = (try fields.signed("\(prefix)-id"), try fields.signed("\(prefix)-timestamp"))
        guard let timestamp = SignatureTimestamp(date) else { throw .malformedHeader("\(prefix)-timestamp") }
        let candidates = try fields.signed("\(prefix)-signature").split(separator: " ").compactMap { signature in
            signature.hasPrefix("v1,") ? Base64.decode(signature.dropFirst("v1,".count)) : nil
        }
        guard !candidates.isEmpty else { throw .malformedHeader("\(prefix)-signature") }
        try secrets.check(candidates, of: Self.signed(id, timestamp.text, body), .sha256)
        try timestamp.check(now: now)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] {
        let id = "msg_" + Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        let code = secrets.code(of: Self.signed(id, Array("\(now)".utf8), body), .sha256)
        let values = ["id": id, "timestamp": "\(now)", "signature": "v1," + Base64.encode(code)]
        return Self.parts.map { SignedHeader("\(Self.prefixes[0])-\($0)", values[$0] ?? "") }
    }

    private static func signed(_ id: String, _ timestamp: [UInt8], _ body: [UInt8]) -> [[UInt8]] {
        let dot = Array(".".utf8)
        return [Array(id.utf8), dot, timestamp, dot, body]
    }

    private static let prefixes = ["webhook", "svix"]
    private static let parts = ["id", "timestamp", "signature"]

    /// The one under which all three are: parts of two signatures are none.
    private static func prefix(_ fields: HeaderFields) -> String? {
        prefixes.first { prefix in
            parts.allSatisfy { fields.single("\(prefix)-\($0)") != nil } && fields.single("\(prefix)-id") != ""
        }
    }

    /// The complaint where no prefix has all: that of the prefix that has some.
    private static func fault(_ fields: HeaderFields) -> SignatureFault {
        let prefix = prefixes.first { prefix in
            parts.contains { !fields.values(named: "\(prefix)-\($0)").isEmpty }
        }
        for part in parts {
            let name = "\(prefix ?? prefixes[0])-\(part)"
            do throws(SignatureFault) {
                _ = try fields.signed(name)
            } catch {
                return error
            }
        }
        return .malformedHeader("\(prefix ?? prefixes[0])-id")
    }
}
