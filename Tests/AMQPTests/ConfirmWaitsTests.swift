import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("Waiting for a confirm")
struct ConfirmWaitsTests {
    private static let start = MonotonicTime.seconds(1_000)

    @Test("ends with the confirm, if it comes in time")
    func ends() {
        let waits = ConfirmWaits()
        var told: [String] = []
        let first = waits.begin(until: Self.start + .seconds(2)) { _ in told.append("first") }
        let second = waits.begin(until: Self.start + .seconds(1)) { _ in told.append("second") }
        #expect(first != second)
        waits.end(first)?(.success(.routed))
        #expect(told == ["first"])
        #expect(waits.end(first) == nil)
        #expect(waits.expired(now: Self.start + .milliseconds(999)).isEmpty)
        waits.end(second)?(.success(.routed))
        #expect(told == ["first", "second"])
        #expect(waits.deadline == nil)
        #expect(waits.expired(now: Self.start + .seconds(10)).isEmpty)
    }

    @Test("ends at its deadline, once")
    func expires() throws {
        let waits = ConfirmWaits()
        var told = 0
        let id = waits.begin(until: Self.start + .seconds(2)) { _ in told += 1 }
        _ = waits.begin(until: Self.start + .seconds(3)) { _ in }
        let deadline = try #require(waits.deadline)
        #expect(deadline > Self.start + .seconds(2) && deadline <= Self.start + .milliseconds(2_020))
        for tell in waits.expired(now: deadline) { tell(.failure(.brokerNack)) }
        #expect(told == 1)
        #expect(waits.end(id) == nil)
        #expect(waits.deadline.map { $0 > Self.start + .seconds(3) } == true)
    }
}
