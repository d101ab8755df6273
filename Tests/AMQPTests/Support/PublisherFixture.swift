import BrokerFixtures
import EventLoop
import Synchronization
import Testing

@testable import AMQP

/// A publisher, a clock of its own, and a broker that says what the test says.
final class PublisherFixture {
    static let start = MonotonicTime.seconds(1_000)

    let counters = PublisherCounters()
    let publisher: Publisher
    var now = PublisherFixture.start
    /// How each emit ended, by its body. Two results are a bug.
    private(set) var results: [String: [Result<Routing, PublishError>]] = [:]
    private var accepted: UInt64 = 0
    private let delivered = Delivered()
    private(set) var closes: [ChannelClose] = []

    /// - Parameter knowledge: that of several event loops, if there are more; answers wait in ``delivered``.
    init(pendingBytes: Int = 1 << 20, connects: Bool = true, knowledge: BrokerKnowledge = BrokerKnowledge()) {
        publisher = Publisher(
            limits: .init(confirmTimeout: .seconds(5), pendingBytes: pendingBytes), counters: counters,
            knowledge: knowledge)
        knowledge.listen(publisher.asker) { [delivered] answer in delivered.withLock { $0.append(answer) } }
        publisher.channelClosed = { [unowned self] in closes.append($0) }
        if connects { connect() }
    }

    func connect(frameMax: Int = 4_096) {
        publisher.connected(frameMax: frameMax)
        _ = written()
        receive(.channelOpened(1), .confirmSelected, .channelOpened(2), .channelOpened(3))
    }

    /// What other event loops have learnt arrives.
    func hearOthers() {
        let answers = delivered.withLock { answers in
            defer { answers = [] }
            return answers
        }
        for answer in answers { publisher.learn(answer, now: now) }
    }

    /// One emit; its bodies are `name`, and with several rooms `name` once for each.
    func publish(_ name: String, to exchange: String = "x", rooms: [String] = ["r"], filler: Int = 0) {
        let body = Array((name + String(repeating: " ", count: filler)).utf8)
        publish(name, rooms.map { Publication(exchange: exchange, routingKey: $0, body: body) })
    }

    func publish(_ name: String, _ publications: [Publication], came: MonotonicTime? = nil) {
        results[name] = []
        let request = ClosureRequest(publications) { [unowned self] in results[name]?.append($0) }
        if let came { request.came = came }
        if publisher.refusal(of: request) == nil { accepted += UInt64(publications.count) }
        publisher.publish(request, now: now)
    }

    func receive(_ frames: InboundFrame...) {
        for frame in frames { publisher.handle(frame, on: frame.channel, now: now) }
    }

    func ack(_ tag: UInt64, multiple: Bool = false) {
        receive(.acknowledged(tag: tag, multiple: multiple))
    }

    /// `basic.return`, header and body of a message.
    func returned(_ tag: UInt64) {
        receive(.returned, .header(messageID: String(tag), bodySize: 1), .body(count: 1))
    }

    func missing(_ exchange: String = "x", channel: UInt16 = 1) {
        receive(
            .channelClosed(
                ChannelClose(channel: channel, code: 404, text: "NOT_FOUND - no exchange '\(exchange)' in vhost '/'")))
    }

    /// A look-up finds no exchange.
    func lookUpFails(_ exchange: String = "x") { missing(exchange, channel: 3) }

    func advance(_ duration: Duration) {
        now = now + duration
        publisher.expire(now: now)
    }

    /// Makes an exchange known as one that takes messages; the publish of it has the next tag.
    func prove(_ exchange: String = "x", tag: UInt64 = 1) {
        publish("proof of \(exchange)", to: exchange)
        receive(.transactionRolledBack)
        ack(tag)
        _ = written()
    }

    /// Everything written since the last time; the socket takes it all.
    func written() -> [WrittenFrame] { WrittenFrame.read(writtenBytes()) }

    func writtenBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        publisher.outbound.drain { pending in
            bytes += pending
            return pending.count
        }
        return bytes
    }

    /// The bodies of the messages written since the last time.
    func published() -> [String] {
        written().compactMap { frame in
            if case .publish(_, _, _, let body) = frame {
                body.split(separator: " ").first.map(String.init)
            } else {
                nil
            }
        }
    }

    func result(_ name: String) -> Result<Routing, PublishError>? {
        results[name]?.count == 1 ? results[name]?[0] : nil
    }

    func isWaiting(_ name: String) -> Bool {
        results[name]?.isEmpty == true
    }

    /// That every emit has ended once and every publication was counted once, whatever happened.
    func expectEverythingSettledOnce(sourceLocation: SourceLocation = #_sourceLocation) {
        for (name, results) in results { #expect(results.count == 1, "\(name)", sourceLocation: sourceLocation) }
        let counted = counters.routed.value + counters.unrouted.value + counters.failed.value + counters.unknown.value
        #expect(counted == accepted, "publications accepted and settled", sourceLocation: sourceLocation)
    }
}

extension InboundFrame {
    /// On which channel a publisher receives it.
    fileprivate var channel: UInt16 {
        switch self {
        case .blocked, .unblocked, .connectionClosed, .connectionCloseConfirmed: 0
        case .channelOpened(let channel), .channelCloseConfirmed(let channel): channel
        case .channelClosed(let close): close.channel
        case .transactionRolledBack: FrameWriter.lookUpChannel
        default: FrameWriter.publishChannel
        }
    }
}

/// Answers of other event loops, from their threads.
private final class Delivered: Sendable {
    private let answers = Mutex<[ExchangeAnswer?]>([])

    func withLock<Result>(_ body: (inout sending [ExchangeAnswer?]) -> sending Result) -> sending Result {
        answers.withLock(body)
    }
}

extension ClosureRequest {
    convenience init(
        _ publications: [Publication], completion: @escaping (Result<Routing, PublishError>) -> Void
    ) {
        self.init(Publications(publications), completion: completion)
    }
}
