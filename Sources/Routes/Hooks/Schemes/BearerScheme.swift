/// `Authorization: Bearer SECRET` (RFC 6750), for senders that sign nothing.
struct BearerScheme: HookScheme {
    static let name = "bearer"

    let secrets: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) { secrets = try values.tokens() }

    private static let header = HeaderName.authorization.rawValue

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        guard let token = AccessPolicy.bearerToken(try fields.signed(Self.header)) else {
            throw .malformedHeader(Self.header)
        }
        guard secrets.contain(token: token) else { throw .wrongToken }
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] {
        [SignedHeader(Self.header, "Bearer \(secrets[0].text)")]
    }
}
