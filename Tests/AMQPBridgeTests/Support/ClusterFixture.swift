import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQP
@testable import AMQPBridge

/// A cluster session, a clock of its own, and a broker that says what the test says.
final class ClusterFixture {
    typealias Answer = Result<AnyOutcome, ClusterError>

    let session: ClusterSession
    let callbacks = CallbackQueue(exchange: "socketio", hostID: "our-host")
    var now = MonotonicTime.seconds(1_000)
    /// How each question ended, by its name. Two answers are a bug.
    private(set) var answers: [String: [Answer]] = [:]
    private(set) var waiters: [String: Int] = [:]
    private(set) var warnings: [ClusterWarning] = []
    private(set) var closes: [ChannelClose] = []
    private var events: [ClusterEvent] = []
    private(set) var silent: [String] = []
    private(set) var unreadable: [String] = []
    /// How often somebody has asked in vain.
    private(set) var wanted = 0
    let knowledge = BrokerKnowledge()
    /// Whether the broker confirms what was published before time goes on.
    var confirms = true

    init(limits: ClusterSession.Limits = .init(), servers: [String]? = ["a", "b"]) {
        session = ClusterSession(exchange: "x", limits: limits, callbacks: callbacks, knowledge: knowledge)
        session.reader.warned = { [unowned self] in warnings.append($0) }
        session.channelClosed = { [unowned self] in closes.append($0) }
        session.wanted = { [unowned self] in wanted += 1 }
        session.events.silentServer = { [unowned self] in silent.append($0) }
        session.events.unreadableList = { [unowned self] in unreadable.append($0.server) }
        session.events.came = { [unowned self] in events += $0 }
        guard let servers else { return }
        open()
        for server in servers { hear(heartbeatText(server)) }
        discovered()
        _ = written()
    }

    // MARK: The broker

    /// A connection whose channels the broker opens.
    func open(frameMax: Int = 4_096) {
        session.connected(frameMax: frameMax)
        receive(.consuming(consumerTag: "replies"), .consuming(consumerTag: "presence"))
        if confirms { confirm() }
    }

    /// Confirms everything that was published.
    func confirm() { receive(.acknowledged(tag: 0, multiple: true)) }

    /// The time for servers to say who they are is over.
    func discovered() { advance(.milliseconds(500)) }

    func receive(_ frames: InboundFrame..., on channel: UInt16 = 1) {
        for frame in frames { session.handle(frame, on: channel, now: now) }
    }

    func deliver(_ text: String, to tag: String, id: String = "", on channel: UInt16) {
        let body = Array(text.utf8)
        receive(
            .delivered(consumerTag: tag),
            .header(messageID: "", correlationID: id, bodySize: UInt64(body.count)), .content(body), on: channel)
    }

    func hear(_ text: String) { deliver(text, to: "presence", on: 2) }

    func reply(_ text: String, to id: String) { deliver(text, to: "replies", id: id, on: 1) }

    /// `basic.return`, header and body of a message.
    func returned(_ id: String) {
        receive(.returned, .header(messageID: id, bodySize: 2), .content([1, 2]))
    }

    func advance(_ duration: Duration) {
        if confirms { confirm() }
        now = now + duration
        session.expire(now: now)
    }

    /// So much time goes on, in which servers that have fallen silent are found to be gone.
    func forget(after duration: Duration) {
        for step in [duration - .milliseconds(500), .milliseconds(250), .milliseconds(250)] { advance(step) }
    }

    /// Everything written since the last time; the socket takes it all.
    func written() -> [WrittenFrame] {
        var bytes: [UInt8] = []
        session.outbound.drain { pending in
            bytes += pending
            return pending.count
        }
        return WrittenFrame.read(bytes)
    }

    /// The ids of the questions written since the last time.
    func asked() -> [String] {
        written().compactMap { if case .question(_, _, let id, _, _, _) = $0 { id } else { nil } }
    }

    /// The events since the last time, as `kind namespace subject`; for `sync` the reason.
    func told() -> [String] {
        defer { events = [] }
        return events.map { event in
            ([event.kind.rawValue]
                + [event.namespace, event.room?.text ?? event.socket ?? event.server ?? event.reason]
                .compactMap(\.self)).joined(separator: " ")
        }
    }

    // MARK: Callers

    /// Asks, as `name`, which is the question's id, too.
    func ask<Value>(_ name: String, _ question: Question<Value> = Question(CountSockets(), timeout: .seconds(5))) {
        answers[name] = []
        waiters[name] = waiters.count + 1
        session.ask(question, id: name, waiter: waiters[name]!, now: now) { [unowned self] in
            answers[name]!.append($0.map { AnyOutcome($0) })
        }
    }

    func abandon(_ name: String) { session.abandon(waiter: waiters[name]!) }

    func answer(_ name: String) -> Answer? { answers[name]?.count == 1 ? answers[name]?[0] : nil }

    func isWaiting(_ name: String) -> Bool { answers[name]?.isEmpty == true }

    func error(_ name: String) -> ClusterError? {
        if case .failure(let error)? = answer(name) { error } else { nil }
    }

    func tally(_ name: String) -> ServerTally? { try? answer(name)?.get().servers }

    /// What the counting question of this name was told.
    func sockets(_ name: String) -> Int? {
        try? answer(name)?.get().sockets
    }
}
