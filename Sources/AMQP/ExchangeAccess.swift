internal import EventLoop

/// A connection's access to exchanges: what it knows of them, and the look-ups by which it learns it, for emits and for
/// callers that publish nothing. Whoever is taken out is to be told, by the caller.
struct ExchangeAccess {
    var directory = ExchangeDirectory()
    let inquiries = ExchangeInquiries()
    private let lookUps: LookUpChannel
    private let knowledge: BrokerKnowledge

    init(_ knowledge: BrokerKnowledge) {
        self.knowledge = knowledge
        lookUps = LookUpChannel(knowledge)
    }

    /// See ``Publisher/asker``.
    var asker: BrokerKnowledge.Asker { lookUps.asker }

    /// The time at which ``takeTurn(now:into:)`` has something to do.
    var turn: MonotonicTime? { lookUps.deadline }

    // MARK: The connection

    mutating func connected() { directory = ExchangeDirectory() }

    func open(into buffer: inout [UInt8]) { lookUps.open(into: &buffer) }

    func disconnected() { lookUps.disconnected() }

    /// The broker has rolled a look-up back.
    func rolledBack() -> ExchangeAnswer? { lookUps.rolledBack() }

    /// The broker has closed the channel of look-ups.
    func closed(_ close: ChannelClose, into buffer: inout [UInt8]) -> ExchangeAnswer? {
        lookUps.closed(close, into: &buffer)
    }

    func takeTurn(now: MonotonicTime, into buffer: inout [UInt8]) { lookUps.takeTurn(now: now, into: &buffer) }

    // MARK: Exchanges

    /// The thing to do with an emit. Where it waits for a look-up, that is asked for.
    mutating func admit(
        _ exchange: String, came: MonotonicTime, now: MonotonicTime, into buffer: inout [UInt8]
    ) -> ExchangeDirectory.Admission {
        let admission = directory.admit(exchange, came: came)
        if case .lookUp = admission { lookUps.ask(exchange, now: now, into: &buffer) }
        return admission
    }

    /// Asks the broker whether the exchange takes messages.
    func inquire(
        _ exchange: String, now: MonotonicTime, deadline: MonotonicTime, into buffer: inout [UInt8],
        _ completion: @escaping ExchangeInquiries.Completion
    ) {
        inquiries.add(exchange, came: now, deadline: deadline, completion)
        lookUps.ask(exchange, now: now, into: &buffer)
    }

    /// Takes the answer of a look-up. Callers that came too late for it have it asked again.
    ///
    /// - Returns: the callers that the answer is for.
    mutating func learn(
        _ answer: ExchangeAnswer, now: MonotonicTime, into buffer: inout [UInt8]
    ) -> [ExchangeInquiries.Completion] {
        directory.learn(answer)
        let told = inquiries.told(by: answer)
        if inquiries.isWaited(for: answer.exchange) { lookUps.ask(answer.exchange, now: now, into: &buffer) }
        return told
    }

    /// Takes what the close of the publishing channel says.
    mutating func learn(_ verdict: ChannelVerdict, now: MonotonicTime) {
        switch verdict.cause {
        case .oversize(let limit): knowledge.learn(longestBody: limit)
        case .exchange(let answer):
            lookUps.publishFailed(now: now)
            directory.learn(answer)
        // The ledger starts anew, and with it every probe that was under way.
        case .other: directory = ExchangeDirectory()
        }
        for message in verdict.messages where message.isProbe { directory.probeFailed(message.request.exchange) }
    }

    /// Takes back look-ups that no publication and no caller waits for any more.
    ///
    /// - Parameter parked: the exchanges for which publications wait.
    mutating func withdraw(_ exchanges: [String], exceptFor parked: Set<String>) {
        for exchange in exchanges where !parked.contains(exchange) {
            directory.withdraw(exchange)
            if !inquiries.isWaited(for: exchange) { lookUps.withdraw(exchange) }
        }
    }
}
