/// `X-Trello-Webhook: BASE64`: the HMAC-SHA1 of the body and the address that was given to Trello, under the secret of the Power-Up or app
/// (developer.atlassian.com, "Trello: Webhooks").
struct TrelloScheme: HookScheme {
    static let name = "trello"
    static let settings = [callbackURL]
    static let confirmsAddress = true

    /// As it was given to Trello: behind a proxy nobody else knows it.
    private static let callbackURL = SchemeSetting("callbackUrl", isRequired: true)

    private let signature: HMACSignature
    private let callbackURL: [UInt8]

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        let url = try values.required(Self.callbackURL)
        guard Self.isAddress(url) else {
            throw HookConfigurationError(
                Self.callbackURL.name, "must be the address that Trello was given: https://…")
        }
        callbackURL = Array(url.utf8)
        signature = HMACSignature(
            secrets: try values.keys(), header: "x-trello-webhook", algorithm: .sha1, encoding: .base64)
    }

    /// Whether it has a scheme and a host, and nothing that no address has.
    private static func isAddress(_ url: String) -> Bool {
        guard let rest = ["https://", "http://"].lazy.filter(url.hasPrefix).first.map({ url.dropFirst($0.count) }),
            url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return false }
        let authority = rest.prefix { !"/?#".contains($0) }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let end = place.hasPrefix("[") ? place.firstIndex(of: "]") : nil
        let host = end.map { place[...$0] } ?? place.prefix { $0 != ":" }
        return WebOrigin("https://\(host)") != nil
    }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        try signature.verify(fields, body, callbackURL)
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [signature.sign(body, callbackURL)] }

    private static let action = Template.known("{/action/id}")

    func deliveryID(in source: TemplateSource) -> String? { try? Self.action.name(from: source) }

    /// Before it delivers anything, Trello asks with HEAD, without a signature, and waits for a 200.
    func confirmation(of query: String) -> String { "" }
}
