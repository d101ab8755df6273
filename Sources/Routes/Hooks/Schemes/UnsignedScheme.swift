/// For who says so: whoever knows the hook's name may use it.
struct UnsignedScheme: HookScheme {
    static let name = "none"
    static let isSigned = false

    init(_ values: SchemeValues) throws(HookConfigurationError) { try values.noSecrets(of: Self.name) }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) {}

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [] }
}
