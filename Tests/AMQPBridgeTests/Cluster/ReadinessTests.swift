import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("Readiness")
struct ReadinessTests {
    private let now = MonotonicTime.seconds(100)

    private func caller(_ waiter: Int, until deadline: MonotonicTime) -> Readiness.Caller {
        Readiness.Caller(waiter: waiter, deadline: deadline, proceed: { _ in }, fail: { _ in })
    }

    @Test("comes when the servers that were called have had their time")
    func comes() {
        var readiness = Readiness()
        readiness.wait(caller(1, until: now))
        #expect(!readiness.isOpen && readiness.state == .starting)
        readiness.open()
        #expect(readiness.becomeReady() == nil && !readiness.isOpen && readiness.waiting == 1)
        readiness.called(until: now)
        #expect(readiness.discoveryEnd == nil)
        readiness.discover()
        #expect(readiness.isOpen && readiness.discoveryEnd == nil)
        readiness.called(until: now)
        #expect(readiness.discoveryEnd == now)
        #expect(readiness.becomeReady()?.map(\.waiter) == [1])
        #expect(readiness.state == .ready && readiness.waiting == 0 && readiness.discoveryEnd == nil)
    }

    @Test("is lost with the connection, and a refusal is remembered")
    func lost() {
        var readiness = Readiness()
        readiness.open()
        readiness.disconnected()
        #expect(readiness.state == .disconnected)
        readiness.open()
        readiness.refuse()
        readiness.disconnected()
        #expect(readiness.state == .refused && !readiness.isOpen)
    }

    @Test("lets callers go that give up, or have waited too long")
    func callers() {
        var readiness = Readiness()
        for waiter in 1...3 { readiness.wait(caller(waiter, until: now + .seconds(waiter))) }
        #expect(readiness.abandon(waiter: 2).map(\.waiter) == [2])
        #expect(readiness.abandon(waiter: 2).isEmpty)
        #expect(readiness.expired(now: now + .seconds(1)).map(\.waiter) == [1])
        #expect(readiness.takeCallers().map(\.waiter) == [3])
        #expect(readiness.waiting == 0)
    }

    @Test("that is waited for in vain has a reason")
    func reasons() {
        var readiness = Readiness()
        #expect(readiness.error(exchange: "x") == .brokerUnavailable)
        readiness.discover()
        #expect(readiness.error(exchange: "x") == .brokerSilent)
        readiness.refuse()
        #expect(readiness.error(exchange: "x") == .brokerRefused(exchange: "x"))
    }
}
