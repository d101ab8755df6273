/// A shared secret, as it is, in a header of its own: GitLab's `X-Gitlab-Token` (docs.gitlab.com, "Webhooks"), Telegram's
/// `X-Telegram-Bot-Api-Secret-Token` (core.telegram.org/bots/api, "setWebhook").
struct TokenScheme: HookScheme {
    static let name = "token"
    static let settings = [header]

    private static let header = SchemeSetting("header", isRequired: true)

    private let secrets: [HookSecret]
    private let header: String

    init(_ values: SchemeValues) throws(HookConfigurationError) {
        header = try values.headerName(Self.header)
        secrets = try values.tokens()
    }

    var credentialHeaders: [String] { [header] }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        guard secrets.contain(token: try fields.signed(header)) else { throw .wrongToken }
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [SignedHeader(header, secrets[0].text)] }
}
