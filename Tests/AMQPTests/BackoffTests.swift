import BrokerFixtures
import Testing

@testable import AMQP

@Suite("The backoff")
struct BackoffTests {
    @Test("doubles from the first wait to the longest")
    func doubles() {
        var (shortest, longest) = (Backoff(), Backoff())
        let waits = (0..<9).map { _ in longest.next(jitter: 1) }
        #expect(waits == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000].map { .milliseconds($0) })
        #expect((0..<9).map { _ in shortest.next(jitter: 0) } == waits.map { $0 / 2 })
    }

    @Test("stays between half and all of a wait")
    func staysInBounds() {
        var backoff = Backoff(first: .seconds(1), longest: .seconds(4))
        for full in [1, 2, 4, 4] {
            let wait = backoff.next(jitter: .random(in: 0..<1))
            #expect(wait >= .seconds(full) / 2 && wait <= .seconds(full))
        }
    }

    @Test("starts again after a success")
    func resets() {
        var backoff = Backoff()
        for _ in 0..<5 { _ = backoff.next(jitter: 0.5) }
        backoff.reset()
        #expect(backoff.next(jitter: 1) == .milliseconds(100))
    }

    @Test("does not overflow after many failures")
    func survivesManyFailures() {
        var backoff = Backoff()
        for _ in 0..<1_000 { _ = backoff.next(jitter: 0) }
        #expect(backoff.next(jitter: 1) == .seconds(5))
    }
}
