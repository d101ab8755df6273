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
        #expect(live.settingsWaiting(for: next) == ["limits.maxNames", "log.format"])
        live = LiveConfiguration(next, keys: KeyRing(next.keys), hooks: Self.noHooks, previous: live)
        #expect(live.settingsWaiting(for: next) == ["limits.maxNames", "log.format"])
        #expect(live.settingsWaiting(for: first) == [])
    }

    @Test("goes on asking for keys when there are none any more")
    func lastKey() throws {
        let (without, with) = (try configuration([:]), try configuration(["GATEWAY_API_KEY": "a"]))
        let anonymous = try configuration(["GATEWAY_ALLOW_ANONYMOUS": "on"])
        let live = LiveConfiguration(with, keys: KeyRing(with.keys), hooks: Self.noHooks)
        for next in [without, anonymous] { #expect(throws: ConfigurationError.self) { try live.keys(for: next) } }
        #expect(try live.keys(for: with).keys.count == 1)
        // One that was open stays so, until there is a key.
        let open = LiveConfiguration(anonymous, keys: KeyRing([]), hooks: Self.noHooks)
        #expect(try open.keys(for: anonymous).keys.isEmpty)
        #expect(try open.keys(for: with).keys.count == 1)
        // Nobody could call any more.
        #expect(throws: ConfigurationError.self) { try open.keys(for: without) }
    }

    @Test("keeps the key that was made for want of another, until there is one")
    func madeKey() throws {
        let (without, with) = (try configuration([:]), try configuration(["GATEWAY_API_KEY": "a"]))
        let made = KeyRing([KeyEntry(madeForThisRun: "k")])
        #expect(made.isMadeForThisRun && !KeyRing(with.keys).isMadeForThisRun && !KeyRing([]).isMadeForThisRun)
        let live = LiveConfiguration(without, keys: made, hooks: Self.noHooks)
        #expect(try live.keys(for: without).isMadeForThisRun)
        #expect(try live.keys(for: with).keys.count == 1)
        // Nor does it open by a file that changes: that waits for a restart.
        let anonymous = try configuration(["GATEWAY_ALLOW_ANONYMOUS": "on"])
        #expect(try live.keys(for: anonymous).isMadeForThisRun)
        #expect(live.settingsWaiting(for: anonymous) == ["allowAnonymous"])
    }
}
