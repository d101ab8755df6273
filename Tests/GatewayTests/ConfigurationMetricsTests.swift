import AMQPBridge
import EventLoop
import Hashing
import Routes
import Testing

@testable import Gateway

@Suite("The metrics of the configuration")
struct ConfigurationMetricsTests {
    private let metrics = ConfigurationMetrics()

    private func key(_ name: String, expires: Int?) -> KeyEntry {
        KeyEntry(name: name, digests: [SHA256.Digest(of: name)], scopes: [], expires: expires)
    }

    @Test("say when the configuration was taken over, and whether it is that of the files")
    func reloads() {
        let hooks = HookRing([], nil)
        metrics.took(KeyRing([]), hooks, isReloaded: false, now: 10)
        #expect(metrics.numbers.reloads == (0, 0))
        #expect(metrics.numbers.isCurrent && metrics.numbers.taken == 10)
        metrics.refused()
        metrics.refused()
        #expect(metrics.numbers.reloads == (0, 2))
        #expect(!metrics.numbers.isCurrent && metrics.numbers.taken == 10)
        metrics.took(KeyRing([]), hooks, isReloaded: true, now: 20)
        #expect(metrics.numbers.reloads == (1, 2))
        #expect(metrics.numbers.isCurrent && metrics.numbers.taken == 20)
    }

    @Test("know the keys that expire, as they are now")
    func expiries() {
        let hooks = HookRing([], nil)
        metrics.took(
            KeyRing([key("b", expires: 2), key("never", expires: nil), key("a", expires: 1)]), hooks, isReloaded: false,
            now: 0)
        #expect(metrics.numbers.expiries.map(\.key) == ["a", "b"])
        #expect(metrics.numbers.expiries.map(\.time) == [1, 2])
        metrics.took(KeyRing([key("b", expires: 3)]), hooks, isReloaded: true, now: 0)
        #expect(metrics.numbers.expiries.map(\.time) == [3])
    }

    @Test("count deliveries over reloads, as long as the hook has its name")
    func hooks() throws {
        func entries(_ names: String...) throws -> [HookEntry] {
            let hooks = names.map { "{name: \($0), scheme: none, event: e, rooms: [r]}" }.joined(separator: ", ")
            return try ConfigurationFile(path: "f.yaml", Array("hooks: [\(hooks)]".utf8)).hooks
        }
        let first = HookRing(try entries("a", "b"), nil)
        let second = HookRing(try entries("b", "c"), nil, previous: first)
        metrics.took(KeyRing([]), second, isReloaded: true, now: 0)
        let hooks = metrics.numbers.hooks
        #expect(hooks.map(\.name) == ["b", "c"])
        #expect(hooks[0].counters === first.counters["b"])
        #expect(metrics.numbers.cloudEvents === first.cloudEventCounters)
    }
}
