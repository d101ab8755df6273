import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("The publisher of events")
struct EventPublisherTests {
    private final class Fixture {
        var publisher = EventPublisher(
            EventExchange("ev") { event, id in Array("\(event.kind.rawValue) \(event.room?.text ?? "")".utf8) })
        var now = MonotonicTime.seconds(100)
        private var buffer: [UInt8] = []

        func open() { publisher.open(into: &buffer) }

        func handle(_ frame: InboundFrame) { publisher.handle(frame, now: now, into: &buffer) }

        @discardableResult
        func write(pending: Int = 0) -> Int {
            publisher.write(pending: pending, frameMax: 4_096, now: now, into: &buffer)
        }

        func takeLock() -> Bool { publisher.takeLock() }

        func written() -> [WrittenFrame] {
            defer { buffer = [] }
            return WrittenFrame.read(buffer)
        }

        /// The keys of what was published.
        func keys() -> [String] {
            written().compactMap { if case .publish(_, let key, _, _) = $0 { key } else { nil } }
        }

        func becomeSender() {
            open()
            handle(.consuming(consumerTag: "lock"))
            _ = takeLock()
            _ = written()
        }
    }

    private func occupied(_ room: RoomName) -> ClusterEvent { ClusterEvent(.roomOccupied, time: 1, room: room) }

    @Test("writes to the lock's queue twice a second until it gets a message from it")
    func lock() {
        let fixture = Fixture()
        fixture.open()
        #expect(
            fixture.written() == [
                .channelOpen(5), .exchangeDeclare("ev", channel: 5), .queueDeclare(channel: 5),
                .consume(queue: "ev.lock", tag: "lock", channel: 5),
            ])
        fixture.write()
        #expect(fixture.keys() == [])
        fixture.handle(.consuming(consumerTag: "lock"))
        fixture.write()
        fixture.write()
        #expect(fixture.keys() == ["ev.lock"])
        #expect(fixture.publisher.deadline(pending: 0) == fixture.now + .milliseconds(500))
        fixture.now = fixture.now + .milliseconds(500)
        fixture.write()
        #expect(fixture.keys() == ["ev.lock"])
        let became = [fixture.takeLock(), fixture.takeLock()]
        #expect(became == [true, false])
        fixture.now = fixture.now + .seconds(60)
        fixture.write()
        #expect(fixture.keys() == [])
        #expect(fixture.publisher.deadline(pending: 0) == nil)
    }

    @Test("publishes nothing on standby, and as the sender first what is true")
    func state() {
        let fixture = Fixture()
        fixture.open()
        fixture.handle(.consuming(consumerTag: "lock"))
        fixture.publisher.take([occupied("early")])
        fixture.write()
        #expect(fixture.keys() == ["ev.lock"])
        _ = fixture.takeLock()
        fixture.publisher.tell(state: [("/", ["x", 42])], at: 7)
        fixture.publisher.take([
            occupied("y"), ClusterEvent(.socketJoined, time: 1, room: "y", socket: "s"),
            ClusterEvent(.socketConnected, time: 1, socket: "s"),
        ])
        #expect(fixture.write() == 5)
        #expect(
            fixture.written().compactMap { if case .publish(_, _, _, let body) = $0 { body } else { nil } } == [
                "sync ", "room.occupied x", "room.occupied 42", "room.occupied y", "socket.connected ",
            ])
        fixture.publisher.disconnected()
        #expect(!fixture.publisher.isSender)
    }

    @Test("hands over a part at a time, and goes on when there is room")
    func parts() {
        let fixture = Fixture()
        fixture.becomeSender()
        fixture.publisher.take((0..<50_000).map { occupied(.number($0)) })
        let first = fixture.write()
        #expect(first > 1_000 && first < 20_000)
        #expect(fixture.publisher.deadline(pending: 2 << 20) == nil)
        #expect(fixture.write(pending: 2 << 20) == 0)
        #expect(fixture.publisher.deadline(pending: 0) != nil)
        _ = fixture.written()
        var rest = 0
        for _ in 0..<100 {
            rest += fixture.write()
            _ = fixture.written()
        }
        #expect(first + rest == 50_000)
        #expect(fixture.publisher.deadline(pending: 0) == nil)
    }

    @Test("tells everything anew when more has happened than could wait")
    func missed() {
        let fixture = Fixture()
        fixture.becomeSender()
        for _ in 0..<6 { fixture.publisher.take((0..<100_000).map { occupied(.number($0)) }) }
        let missed = [fixture.publisher.takeMissed(), fixture.publisher.takeMissed()]
        #expect(missed == [true, false])
    }

    @Test("tries again after a minute when the broker has refused, and at once when the queue was deleted")
    func refused() {
        let fixture = Fixture()
        fixture.open()
        _ = fixture.written()
        fixture.handle(.channelClosed(ChannelClose(channel: 5, code: 406, text: "PRECONDITION_FAILED")))
        #expect(fixture.written() == [.channelCloseOK(5)])
        fixture.now = fixture.now + .seconds(59)
        fixture.write()
        #expect(fixture.written() == [])
        fixture.now = fixture.now + .seconds(1)
        fixture.write()
        #expect(fixture.written().first == .channelOpen(5))
        fixture.handle(.consuming(consumerTag: "lock"))
        _ = fixture.takeLock()
        fixture.handle(.consumerCancelled(consumerTag: "lock"))
        #expect(fixture.written() == [.channelClose(5)])
        #expect(!fixture.publisher.isSender)
    }
}
