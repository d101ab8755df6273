import AMQP
import BrokerFixtures
import EventLoop
import Glibc
import Logging
import Testing

@testable import AMQPBridge

@Suite("An emit whose caller waits only so long")
struct ConfirmedWithinTests {
    @Test("goes on when the caller's patience is over, and the caller does not")
    func isBounded() async throws {
        let broker = LoopbackBroker { _, _ in usleep(600_000) }
        defer { broker.stop() }
        let (emitter, link, stop) = try await started(broker)
        defer { stop() }
        let start = MonotonicTime.now()
        await #expect(throws: EmitError.notPublished(.unknown(.confirmTimedOut))) {
            try await Task(executorPreference: link.loop) { () throws(EmitError) in
                try await emitter.emit(Emit(event: "e", rooms: ["r"]), confirmedWithin: .milliseconds(100))
            }.value
        }
        let waited = MonotonicTime.now() - start
        #expect(waited >= .milliseconds(100) && waited < .milliseconds(500), "\(waited)")
        #expect(link.counters.unsettled.value == 1)
        for _ in 0..<300 where link.counters.unsettled.value > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(link.counters.unsettled.value == 0)
        #expect(link.counters.routed.value == 1)
    }

    @Test("is answered as soon as the broker has confirmed")
    func isPrompt() async throws {
        let broker = LoopbackBroker()
        defer { broker.stop() }
        let (emitter, link, stop) = try await started(broker)
        defer { stop() }
        let receipt = try await Task(executorPreference: link.loop) {
            try await emitter.emit(Emit(event: "e", rooms: ["r"]), confirmedWithin: .seconds(60))
        }.value
        #expect(receipt.routed == true)
        await #expect(throws: EmitError.invalid(Emit(event: "").faults())) {
            try await Task(executorPreference: link.loop) {
                try await emitter.emit(Emit(event: ""), confirmedWithin: .seconds(60))
            }.value
        }
    }

    private func started(_ broker: LoopbackBroker) async throws -> (LoopEmitter, BrokerLink, () -> Void) {
        let loop = EventLoop()
        let link = BrokerLink(
            broker.configuration, loop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        loop.add(link)
        let thread = SystemThread(name: "test-loop") { loop.run() }
        for _ in 0..<300 where link.status != .ready { try await Task.sleep(for: .milliseconds(10)) }
        #expect(link.status == .ready)
        let stop = {
            loop.execute { link.close() }
            loop.stop()
            thread.join()
        }
        return (LoopEmitter(wireFormat: AMQP0(), link: link), link, stop)
    }
}
