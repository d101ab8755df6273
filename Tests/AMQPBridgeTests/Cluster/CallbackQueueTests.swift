import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("The queue of callbacks")
struct CallbackQueueTests {
    private static let opening: [WrittenFrame] = [.channelOpen(3), .passiveDeclare("socketio")]

    @Test("is opened step by step: of questions behind one that is refused each is refused")
    func steps() {
        let fixture = CallbackFixture()
        fixture.wait(1)
        #expect(fixture.written() == Self.opening)
        fixture.handle(.exchangeFound)
        #expect(fixture.written() == [.queueDeclare(channel: 3)])
        fixture.handle(.queueDeclared(name: "q"))
        #expect(fixture.written() == [.queueBind(exchange: "socketio", key: "*", channel: 3)])
        fixture.handle(.queueBound)
        #expect(fixture.written() == [.consume(queue: "", tag: "callbacks", channel: 3)])
        #expect(fixture.openings == [:])
        fixture.handle(.consuming(consumerTag: CallbackQueue.tag))
        #expect(fixture.openings == [1: [.open]])
        #expect(fixture.written() == [])
    }

    @Test("is there while somebody waits, and no longer")
    func comesAndGoes() {
        let fixture = CallbackFixture()
        fixture.wait(1)
        #expect(fixture.written() == Self.opening)
        #expect(fixture.openings[1] == nil)
        fixture.wait(2)
        #expect(fixture.written() == [])
        fixture.opened()
        #expect(fixture.openings == [1: [.open], 2: [.open]])
        fixture.wait(3)
        #expect(fixture.openings[3] == [.open])
        for number in 1...3 {
            #expect(fixture.written() == [])
            fixture.abandon(number)
        }
        #expect(fixture.written() == [.channelClose(3)])
        #expect(fixture.answers == [1: [[]], 2: [[]], 3: [[]]])
        fixture.expectNobodyWaits()
    }

    @Test("hands each client's arguments to whom they are for, as they were written, when the time is over")
    func answers() {
        let fixture = CallbackFixture(opened: 1, 2)
        fixture.receive(1, "[\"ok\", 2.0]")
        fixture.receive(2, "[]")
        fixture.receive(1, "[{\"a\" : null}]")
        fixture.advance(.milliseconds(4_999))
        #expect(fixture.answers == [:])
        fixture.advance(.milliseconds(21))
        #expect(fixture.answers == [1: [["[\"ok\", 2.0]", "[{\"a\" : null}]"]], 2: [["[]"]]])
        #expect(fixture.written() == [.channelClose(3)])
        fixture.expectNobodyWaits()
    }

    @Test("hands over the first answer at once, if that is enough")
    func first() {
        let fixture = CallbackFixture()
        fixture.wait(1, mode: .first)
        fixture.wait(2)
        fixture.opened()
        fixture.receive(1, "[1]")
        fixture.receive(1, "[2]")
        #expect(fixture.answers == [1: [["[1]"]]])
        fixture.receive(2, "[3]")
        fixture.abandon(2)
        #expect(fixture.answers[2] == [[]])
    }

    @Test("takes the library's own answers, and nothing else that servers say to each other")
    func filters() throws {
        let fixture = CallbackFixture(hostID: "gateway-host", opened: 7)
        let recorded = try Fixture(named: "python-socketio").messages(of: "callback-reply")[0].body
        fixture.receive(text: recorded)
        for text in [
            "{\"method\":\"callback\",\"host_id\":\"gateway-host-2\",\"id\":7,\"args\":[0]}",
            "{\"method\":\"callback\",\"host_id\":\"other\",\"x\":\"gateway-host\",\"id\":7,\"args\":[0]}",
            "{\"method\":\"emit\",\"host_id\":\"gateway-host\",\"id\":7,\"args\":[0]}",
            "{\"method\":\"callback\",\"host_id\":\"gateway-host\",\"id\":8,\"args\":[0]}",
            "{\"method\":\"callback\",\"host_id\":\"gateway-host\",\"id\":\"7\",\"args\":[0]}",
            "{\"method\":\"callback\",\"host_id\":\"gateway-host\",\"id\":7,\"args\":0}",
            "{\"method\":\"callback\",\"host_id\":\"gateway-host\",\"id\":7}",
            "{\"method\":\"callback\",\"host_id\":\"gateway-host\",\"id\":7,\"args\":[0]", "gateway-host", "",
        ] { fixture.receive(text: text) }
        fixture.advance(.seconds(6))
        #expect(fixture.answers == [7: [["[\"ok\", 2]"]]])
    }

    @Test("keeps no more for a caller than it may, and counts what short answers take")
    func bounds() {
        let fixture = CallbackFixture(limits: .init(bytesPerCaller: 1_000, bytes: 10_000), opened: 1, 2)
        // 128 bytes beside each text.
        for _ in 0..<5 { fixture.receive(1, "[\"" + String(repeating: "x", count: 168) + "\"]") }
        fixture.receive(1, "[1]")
        for _ in 0..<20 { fixture.receive(2, "[]") }
        fixture.advance(.seconds(6))
        #expect(fixture.answers[1]?[0].map(\.count) == [172, 172, 172])
        #expect(fixture.answers[2]?[0].count == 1_000 / 130)
    }

    @Test("keeps no more for all callers together than it may, and gives it back")
    func allBounds() {
        let fixture = CallbackFixture(limits: .init(bytesPerCaller: 2_000, bytes: 10 * 131), opened: 1, 2, 3)
        for _ in 0..<6 { fixture.receive(1, "[1]") }
        for _ in 0..<6 { fixture.receive(2, "[1]") }
        fixture.abandon(1)
        for _ in 0..<9 { fixture.receive(3, "[1]") }
        fixture.advance(.seconds(6))
        #expect(fixture.answers[2]?[0].count == 4)
        #expect(fixture.answers[3]?[0].count == 6)
        for number in [4, 5] { fixture.wait(number) }
        fixture.queue.disconnected()
        fixture.wait(6)
        fixture.opened()
        for _ in 0..<11 { fixture.receive(6, "[1]") }
        fixture.advance(.seconds(6))
        #expect(fixture.answers[6]?[0].count == 10)
    }

    @Test("loses one odd value of an answer, and not the answer, and says so")
    func oddValues() {
        let fixture = CallbackFixture(opened: 1)
        fixture.receive(1, "[\"a\\ud800\",{\"\\u0000\":NaN}]")
        fixture.receive(1, "[8\0]")
        fixture.receive(1, "[")
        fixture.receive(1, "[1]")
        fixture.advance(.seconds(6))
        #expect(fixture.answers[1] == [["[\"a\u{FFFD}\",{\"\u{FFFD}\":null}]", "[8 ]", "[1]"]])
        #expect(fixture.warnings.map(\.outcome) == [.repaired, .repaired, .ignored])
        #expect(fixture.warnings.map(\.namespace) == ["/", "/", "/"])
    }

    // MARK: Opening and closing

    @Test("opens again only when the broker has closed")
    func reopens() {
        let fixture = CallbackFixture(opened: 1)
        fixture.abandon(1)
        _ = fixture.written()
        fixture.wait(2)
        #expect(fixture.written() == [])
        // Of the consumer before.
        fixture.opened()
        #expect(fixture.openings[2] == nil)
        fixture.channelClosed()
        #expect(fixture.written() == Self.opening)
        fixture.channelClosed()
        #expect(fixture.written() == [])
        fixture.opened()
        #expect(fixture.openings[2] == [.open])
    }

    @Test("stays closed when nobody waits any more")
    func staysClosed() {
        let fixture = CallbackFixture(opened: 1)
        fixture.abandon(1)
        fixture.wait(2)
        fixture.abandon(2)
        #expect(fixture.written() == [.channelClose(3)])
        #expect(fixture.openings[2] == [.failed(.abandoned)])
        fixture.channelClosed()
        #expect(fixture.written() == [])
        fixture.wait(3)
        #expect(fixture.written() == Self.opening)
    }

    @Test("is not waited for longer than the caller has time")
    func openingTakesTooLong() {
        let fixture = CallbackFixture()
        fixture.wait(1)
        fixture.advance(.seconds(6))
        #expect(fixture.openings[1] == [.failed(.brokerUnavailable)])
        #expect(fixture.written() == Self.opening + [.channelClose(3)])
        fixture.expectNobodyWaits()
    }

    @Test("tells those who wait why it cannot be there")
    func refusals() {
        for (code, opening) in [(404, .noExchange), (403, .failed(.brokerRefused(exchange: "socketio")))]
            as [(Int, CallbackQueue.Opening)]
        {
            let fixture = CallbackFixture()
            fixture.wait(1)
            fixture.wait(2)
            _ = fixture.written()
            fixture.handle(.channelClosed(ChannelClose(channel: CallbackQueue.channel, code: code, text: "")))
            #expect(fixture.written() == [.channelCloseOK(3)])
            #expect(fixture.openings == [1: [opening], 2: [opening]])
            fixture.expectNobodyWaits()
            // Whoever comes next tries again.
            fixture.wait(3)
            #expect(fixture.written() == Self.opening)
        }
    }

    @Test("hands over what has come when it is lost")
    func lost() {
        for isDisconnected in [true, false] {
            let fixture = CallbackFixture(opened: 1)
            fixture.receive(1, "[1]")
            if isDisconnected { fixture.queue.disconnected() } else { fixture.queueLost() }
            #expect(fixture.answers == [1: [["[1]"]]])
            #expect(fixture.openings == [1: [.open]])
            #expect(fixture.written() == (isDisconnected ? [] : [.channelClose(3)]))
            fixture.expectNobodyWaits()
            fixture.wait(2)
            #expect(fixture.written() == (isDisconnected ? Self.opening : []))
        }
    }

    @Test("is there for those who wait, through the session")
    func session() {
        let fixture = ClusterFixture()
        var (openings, answers): ([CallbackQueue.Opening], [[JSONText]]) = ([], [])
        func wait(_ number: Int) {
            fixture.session.awaitCallbacks(
                number, mode: .first, deadline: fixture.now + .seconds(5), opened: { openings.append($0) },
                finished: { answers.append($0) })
        }
        wait(1)
        #expect(fixture.written() == Self.opening)
        fixture.receive(
            .channelOpened(3), .exchangeFound, .queueDeclared(name: "q"), .queueBound,
            .consuming(consumerTag: "callbacks"), on: 3)
        _ = fixture.written()
        #expect(openings == [.open])
        #expect(fixture.session.waiting == 1)
        fixture.deliver(
            "{\"method\":\"callback\",\"host_id\":\"our-host\",\"id\":1,\"args\":[1]}", to: "callbacks", on: 3)
        #expect(answers.map { $0.map(\.string) } == [["[1]"]])
        #expect(fixture.written() == [.channelClose(3)])
        wait(2)
        fixture.receive(.channelCloseConfirmed(3), on: 3)
        #expect(fixture.written() == Self.opening)
        fixture.receive(
            .channelClosed(ChannelClose(channel: 3, code: 404, text: "NOT_FOUND - no exchange 'socketio'")), on: 3)
        #expect(fixture.written() == [.channelCloseOK(3)])
        #expect(openings == [.open, .noExchange])
        // That is nothing to the questions.
        #expect(fixture.session.failure == nil && fixture.session.isOpen)
        wait(3)
        fixture.receive(.consuming(consumerTag: "callbacks"), .consumerCancelled(consumerTag: "callbacks"), on: 3)
        #expect(fixture.session.failure == nil)
        #expect(answers.count == 3)
        wait(4)
        fixture.session.abandonCallbacks(4)
        #expect(openings.last == .failed(.abandoned))
        fixture.receive(.channelCloseConfirmed(3), on: 3)
        wait(4)
        fixture.receive(.consuming(consumerTag: "callbacks"), on: 3)
        #expect(openings.last == .open)
        let finished = answers.count
        fixture.session.disconnected()
        #expect(answers.count == finished + 1)
        wait(5)
        #expect(openings.last == .failed(.brokerUnavailable))
    }

    @Test("wakes the session at its deadlines")
    func deadlines() {
        let fixture = ClusterFixture()
        fixture.session.awaitCallbacks(
            1, mode: .all, deadline: fixture.now + .milliseconds(100), opened: { _ in }, finished: { _ in })
        #expect(fixture.session.deadline == fixture.now + .milliseconds(120))
        fixture.advance(.milliseconds(120))
        #expect(fixture.session.waiting == 0)
    }
}

/// A queue of callbacks, a clock, and everybody who waits.
private final class CallbackFixture {
    let queue: CallbackQueue
    var now = MonotonicTime.seconds(1_000)
    private let hostID: String
    private var bytes: [UInt8] = []
    private(set) var openings: [Int: [CallbackQueue.Opening]] = [:]
    private(set) var answers: [Int: [[String]]] = [:]
    private(set) var warnings: [ClusterWarning] = []

    init(hostID: String = "our-host", limits: CallbackQueue.Limits = .init(), opened numbers: Int...) {
        self.hostID = hostID
        queue = CallbackQueue(exchange: "socketio", hostID: hostID, limits: limits)
        for number in numbers { wait(number) }
        if !numbers.isEmpty { opened() }
        bytes = []
    }

    func wait(_ number: Int, mode: AcknowledgementMode = .all) {
        queue.wait(
            for: number, mode: mode, deadline: now + .seconds(5), into: &bytes,
            opened: { [unowned self] in openings[number, default: []].append($0) },
            finished: { [unowned self] in answers[number, default: []].append($0.map(\.string)) })
    }

    func handle(_ frame: InboundFrame) { queue.handle(frame, into: &bytes) }

    /// All steps; what was asked for is not looked at.
    func opened() {
        for frame in [
            .exchangeFound, .queueDeclared(name: "q"), .queueBound, .consuming(consumerTag: CallbackQueue.tag),
        ]
            as [InboundFrame]
        {
            handle(frame)
        }
        bytes = []
    }

    func channelClosed() { handle(.channelCloseConfirmed(CallbackQueue.channel)) }

    func queueLost() { handle(.consumerCancelled(consumerTag: CallbackQueue.tag)) }

    func abandon(_ number: Int) { queue.abandon(number, into: &bytes) }

    func receive(_ number: Int, _ arguments: String) {
        receive(
            text:
                "{\"method\":\"callback\",\"host_id\":\"\(hostID)\",\"sid\":\"r\",\"namespace\":\"/\",\"id\":\(number),\"args\":\(arguments)}"
        )
    }

    func receive(text: String) {
        if let warning = queue.receive(Array(text.utf8), into: &bytes) { warnings.append(warning) }
    }

    func advance(_ duration: Duration) {
        now = now + duration
        queue.expire(now: now, into: &bytes)
    }

    func written() -> [WrittenFrame] {
        defer { bytes = [] }
        return WrittenFrame.read(bytes)
    }

    func expectNobodyWaits(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(queue.waiting == 0 && queue.deadline == nil, sourceLocation: sourceLocation)
    }
}
