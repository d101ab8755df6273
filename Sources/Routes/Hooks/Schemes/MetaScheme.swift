internal import Hashing

/// Facebook, Instagram, Messenger, Threads and WhatsApp: `X-Hub-Signature-256: sha256=HEX`, the HMAC-SHA256 of the body's bytes under the
/// app's secret (developers.facebook.com, "Webhooks: Get Started"). Meta says that it signs what has `\u…` escapes in place of other letters
/// than ASCII's: that is what it sends, too.
struct MetaScheme: HookScheme {
    static let name = "meta"
    static let settings = [verifyToken]
    static let confirmsAddress = true

    /// The text in the field "Verify token" of the app's dashboard.
    private static let verifyToken = SchemeSetting("verifyToken", isRequired: true, isSecret: true)

    private let signature: HMACSignature
    private let verifyTokens: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        signature = HMACSignature(secrets: try values.keys(), header: "x-hub-signature-256", prefix: "sha256=")
        guard let token = HookSecret(Array(try values.required(Self.verifyToken).utf8)) else {
            throw HookConfigurationError(Self.verifyToken.name, "is empty")
        }
        verifyTokens = [token]
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        try signature.verify(fields, body)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [signature.sign(body)] }

    /// Theirs have about ten digits.
    private static let longestChallenge = 1_024

    /// `?hub.mode=subscribe&hub.challenge=TEXT&hub.verify_token=TOKEN` (the same page, "Verification Requests").
    func confirmation(of query: String) throws(SignatureFault) -> String {
        guard let query = try? Query(query) else { throw .malformedQuery }
        // Before all else: what else is wrong, nobody learns who does not know it.
        guard verifyTokens.contain(token: try query.only("hub.verify_token")) else {
            throw .wrongParameter("hub.verify_token")
        }
        guard try query.only("hub.mode") == "subscribe" else { throw .malformedParameter("hub.mode") }
        let challenge = try query.only("hub.challenge")
        guard (1...Self.longestChallenge).contains(challenge.utf8.count) else {
            throw .malformedParameter("hub.challenge")
        }
        return challenge
    }
}

extension Query {
    /// The value of a parameter that came exactly once: of two nobody knows which one is meant.
    fileprivate func only(_ name: String) throws(SignatureFault) -> String {
        let values = parameters.filter { $0.name == name }.map(\.value)
        guard let value = values.first else { throw .missingParameter(name) }
        guard values.count == 1 else { throw .malformedParameter(name) }
        return value
    }
}
