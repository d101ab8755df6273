import Glibc
import Logging
import Synchronization
import Testing

@testable import AMQPBridge

@Suite("Waiting for a confirm")
struct ConfirmWaitsTests {
    private static let start = MonotonicTime.seconds(1_000)

    @Test("ends with the confirm, if it comes in time")
    func ends() {
        var waits = ConfirmWaits()
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
        var waits = ConfirmWaits()
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

    @Test("does not outlast the caller's patience, and what was published goes on")
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

    @Test("is over as soon as the broker has confirmed")
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
