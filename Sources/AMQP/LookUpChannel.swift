internal import EventLoop

/// Carries out this connection's share of the look-ups, on a channel of its own: nothing else is lost when one closes
/// it.
///
/// A look-up is a message in a transaction that is rolled back: RabbitMQ checks whether the exchange is there and
/// whether we may write to it as for any message, and gives it to no queue (observed, RabbitMQ 3.10.8). A passive
/// declare would say only the first. Lives on one event loop.
final class LookUpChannel {
    private let knowledge: BrokerKnowledge
    let asker: BrokerKnowledge.Asker
    private var underWay: ExchangeLookUps.LookUp?
    /// The time at which to ask for a turn again.
    private(set) var deadline: MonotonicTime?

    init(_ knowledge: BrokerKnowledge) {
        self.knowledge = knowledge
        asker = knowledge.join()
    }

    /// Opens the channel.
    func open(into buffer: inout [UInt8]) {
        FrameWriter.channelOpen(FrameWriter.lookUpChannel, into: &buffer)
        FrameWriter.transactionSelect(FrameWriter.lookUpChannel, into: &buffer)
    }

    /// Asks about the exchange, for which an emit or a caller of this connection waits.
    func ask(_ exchange: String, now: MonotonicTime, into buffer: inout [UInt8]) {
        knowledge.ask(exchange, by: asker)
        takeTurn(now: now, into: &buffer)
    }

    /// Takes the question back: on this connection nothing waits for it any more.
    func withdraw(_ exchange: String) {
        knowledge.withdraw(exchange, by: asker)
    }

    /// Begins a look-up, if it is this connection's turn.
    func takeTurn(now: MonotonicTime, into buffer: inout [UInt8]) {
        deadline = nil
        guard underWay == nil else { return }
        switch knowledge.turn(of: asker, now: now) {
        case .begin(let lookUp):
            underWay = lookUp
            FrameWriter.lookUp(lookUp.exchange, into: &buffer)
        case .wait(let until): deadline = until
        case .nothing: break
        }
    }

    /// The broker has rolled back: the exchange takes messages.
    func rolledBack() -> ExchangeAnswer? { answer(.usable) }

    /// The broker has closed the channel over the look-up.
    func closed(_ close: ChannelClose, into buffer: inout [UInt8]) -> ExchangeAnswer? {
        FrameWriter.channelCloseOK(FrameWriter.lookUpChannel, into: &buffer)
        open(into: &buffer)
        return answer(close.finding)
    }

    /// A publish has met what the next look-up is to meet no sooner than usual.
    func publishFailed(now: MonotonicTime) {
        knowledge.hasFailed(now: now)
    }

    func disconnected() {
        underWay = nil
        deadline = nil
        knowledge.leave(asker)
    }

    private func answer(_ finding: ExchangeAnswer.Finding) -> ExchangeAnswer? {
        guard let lookUp = underWay else { return nil }
        underWay = nil
        let answer = ExchangeAnswer(exchange: lookUp.exchange, finding: finding, asOf: lookUp.began)
        knowledge.answered(lookUp, answer, by: asker)
        return answer
    }
}
