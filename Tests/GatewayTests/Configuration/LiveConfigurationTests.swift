import Routes
import Testing

@testable import Gateway

@Suite("The configuration of a running gateway")
struct LiveConfigurationTests {
    private static let noFlags = ServeOptions.parseOrExit([])
    private static let noHooks = HookRing([], nil)

    private func configuration(_ variables: [String: String]) throws -> Configuration {
        try Configuration(Self.noFlags, environment: Environment(variables: variables))
    }

    @Test("says which settings wait for a restart, until they are as they were")
    func waiting() throws {
        let first = try configuration(["GATEWAY_API_KEY": "a"])
        var live = LiveConfiguration(first, keys: KeyRing(first.keys), hooks: Self.noHooks)
        let next = try configuration(
            [
                "GATEWAY_API_KEY": "b", "GATEWAY_ALLOW_ANONYMOUS": "on", "GATEWAY_LOG_LEVEL": "debug",
                "GATEWAY_MAX_NAMES": "1", "GATEWAY_LOG_FORMAT": "json",
            ])
        #expect(live.settingsWaiting(for: next) == [.maxNames, .logFormat])
        live = LiveConfiguration(next, keys: KeyRing(next.keys), hooks: Self.noHooks, previous: live)
        #expect(live.settingsWaiting(for: next) == [.maxNames, .logFormat])
        #expect(live.settingsWaiting(for: first) == [])
    }

    @Test("goes on asking for keys when there are none any more")
    func lastKey() throws {
        let (with, without) = (KeyRing([KeyEntry(apiKey: "a")]), KeyRing([]))
        let configuration = try configuration([:])
        #expect(throws: ConfigurationError.self) {
            try LiveConfiguration(configuration, keys: with, hooks: Self.noHooks).check(without)
        }
        try LiveConfiguration(configuration, keys: with, hooks: Self.noHooks).check(with)
        try LiveConfiguration(configuration, keys: without, hooks: Self.noHooks).check(with)
        try LiveConfiguration(configuration, keys: without, hooks: Self.noHooks).check(without)
    }

    @Test("refuses to be open to everyone, unless it is meant to be")
    func everyone() throws {
        let ring = KeyRing([])
        #expect(throws: ConfigurationError.self) { try AccessPolicy(try configuration([:]), ring, isLoopback: false) }
        _ = try AccessPolicy(try configuration([:]), ring, isLoopback: true)
        _ = try AccessPolicy(try configuration(["GATEWAY_ALLOW_ANONYMOUS": "on"]), ring, isLoopback: false)
        _ = try AccessPolicy(try configuration([:]), KeyRing([KeyEntry(apiKey: "a")]), isLoopback: false)
    }
}
