import AMQPBridge
import EventLoop
import Testing

@testable import Routes

@Suite("The store of deliveries")
struct DeliveryStoreTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func begin(_ store: DeliveryStore, _ id: String, after time: Duration = .zero) -> DeliveryStore.Place {
        store.begin(DeliveryKey("hook", "h", id), now: Self.start + time)
    }

    /// Whether it was new.
    @discardableResult
    private func deliver(
        _ store: DeliveryStore, _ id: String, after time: Duration = .zero, isDelivered: Bool = true
    ) -> Bool {
        guard case .first(let reservation) = begin(store, id, after: time) else { return false }
        store.finish(reservation, isDelivered: isDelivered, now: Self.start + time)
        return true
    }

    @Test("knows a delivery that comes again")
    func remembers() {
        let store = DeliveryStore()
        #expect(deliver(store, "a"))
        guard case .delivered = begin(store, "a") else {
            Issue.record("not known")
            return
        }
        #expect(deliver(store, "b"))
        #expect(store.count == 2)
    }

    @Test("says while the first is under way, however long that takes")
    func inFlight() {
        let store = DeliveryStore()
        guard case .first(let reservation) = begin(store, "a") else {
            Issue.record("not new")
            return
        }
        for seconds in [0, 100_000] {
            guard case .inFlight = begin(store, "a", after: .seconds(seconds)) else {
                Issue.record("not in flight")
                return
            }
        }
        store.finish(reservation, isDelivered: true, now: Self.start + .seconds(100_000))
        #expect(!deliver(store, "a", after: .seconds(100_000)))
    }

    @Test("forgets what was not delivered for certain")
    func releases() {
        let store = DeliveryStore()
        #expect(deliver(store, "a", isDelivered: false))
        #expect(store.count == 0)
        #expect(deliver(store, "a"))
        #expect(!deliver(store, "a"))
    }

    @Test("forgets a delivery when its time has come, not before")
    func expires() {
        var limits = DeliveryStore.Limits()
        limits.lifetime = .seconds(10)
        let store = DeliveryStore(limits: limits)
        deliver(store, "a")
        deliver(store, "b", after: .seconds(5))
        #expect(!deliver(store, "a", after: .milliseconds(9_999)))
        #expect(deliver(store, "a", after: .seconds(10)))
        #expect(!deliver(store, "b", after: .seconds(14)))
        #expect(!deliver(store, "a", after: .seconds(19)))
        #expect(deliver(store, "c", after: .seconds(100)))
        #expect(store.count == 1)
    }

    @Test("forgets the oldest when it is full, and none that is under way")
    func isBounded() {
        var limits = DeliveryStore.Limits()
        limits.deliveries = 3
        let store = DeliveryStore(limits: limits)
        guard case .first = begin(store, "flying") else {
            Issue.record("not new")
            return
        }
        deliver(store, "a")
        deliver(store, "b")
        deliver(store, "c")
        #expect(store.count == 3)
        #expect(!deliver(store, "b"))
        #expect(!deliver(store, "c"))
        #expect(deliver(store, "a"))
        #expect(!deliver(store, "c"))
        #expect(deliver(store, "b"))
        guard case .inFlight = begin(store, "flying") else {
            Issue.record("forgotten")
            return
        }
    }

    @Test("stays in its bounds for ever")
    func manyDeliveries() {
        var limits = DeliveryStore.Limits()
        limits.deliveries = 100
        let store = DeliveryStore(limits: limits)
        for number in 0..<10_000 {
            #expect(deliver(store, String(number)))
            #expect(!deliver(store, String(number)))
        }
        #expect(store.count == 100)
        for number in 9_900..<10_000 { #expect(!deliver(store, String(number))) }
    }

    @Test("tells apart whose deliveries they are")
    func keys() {
        #expect(DeliveryKey("hook", "a", "1") == DeliveryKey("hook", "a", "1"))
        for other in [
            DeliveryKey("hook", "a", "2"), DeliveryKey("hook", "b", "1"), DeliveryKey("cloudevents", "a", "1"),
            DeliveryKey("hook", "a1", ""), DeliveryKey("hook", "", "a1"), DeliveryKey("hook", "a:1"),
            DeliveryKey("hook", "a1:1"),
            DeliveryKey("hooka", "1"), DeliveryKey("hook", "a", "1", ""),
        ] {
            #expect(other != DeliveryKey("hook", "a", "1"))
        }
    }
}
