internal import EventLoop
internal import Synchronization

/// The knowledge of their broker that the connections of a process share: the exchanges that take messages, and the
/// longest message. One for all event loops, touched by them only where something is new.
package final class BrokerKnowledge: Sendable {
    typealias Asker = ExchangeLookUps.Asker
    /// Hands an answer to an event loop, from any thread; `nil`: there is none, but it may have a turn.
    typealias Deliver = @Sendable (ExchangeAnswer?) -> Void

    private struct State {
        var lookUps = ExchangeLookUps()
        var deliver: [Deliver] = []

        func deliveries(to askers: Set<Asker>) -> [Deliver] { askers.sorted().map { deliver[$0] } }
    }

    private let state = Mutex(State())
    private let longest = Atomic<Int>(.max)

    package init() {}

    // MARK: Messages

    /// The longest body that the broker takes, in bytes, as far as it has said so.
    package var longestBody: Int { longest.load(ordering: .relaxed) }

    /// The reason why the broker would close the channel over one of these; `nil`: it would not, as far as we know.
    @inline(__always)
    func refusal(of publications: some Collection<Publication>) -> PublishError? {
        let limit = longestBody
        // Most brokers never say one.
        guard limit != .max, let long = publications.first(where: { $0.body.count > limit }) else { return nil }
        return .messageTooLarge(bytes: long.body.count, limit: limit)
    }

    /// The broker has refused a message for its length.
    package func learn(longestBody: Int) { longest.store(longestBody, ordering: .relaxed) }

    /// Forgets the limit, for there is a new connection: the broker may have been started anew, with another one.
    func forgetLongestBody() { longest.store(.max, ordering: .relaxed) }

    // MARK: Exchanges

    /// Another event loop takes part.
    func join() -> Asker {
        state.withLock { state in
            state.deliver.append({ _ in })
            return state.deliver.count - 1
        }
    }

    /// Has answers about exchanges that this asker waits for, and others have got, delivered to it from now on.
    func listen(_ asker: Asker, _ deliver: @escaping Deliver) {
        state.withLock { $0.deliver[asker] = deliver }
    }

    func stopListening(_ asker: Asker) { listen(asker) { _ in } }

    func ask(_ exchange: String, by asker: Asker) {
        state.withLock { $0.lookUps.ask(exchange, by: asker) }
    }

    func turn(of asker: Asker, now: MonotonicTime) -> ExchangeLookUps.Turn {
        state.withLock { $0.lookUps.turn(of: asker, now: now) }
    }

    /// Tells all waiting askers but the one that has answered, and gives a turn to those that wait for another
    /// exchange.
    func answered(_ lookUp: ExchangeLookUps.LookUp, _ answer: ExchangeAnswer, by asker: Asker) {
        let (told, next) = state.withLock { state in
            let (told, next) = state.lookUps.answered(lookUp, isUsable: answer.finding == .usable)
            return (
                state.deliveries(to: told.subtracting([asker])),
                state.deliveries(to: next.subtracting(told).subtracting([asker]))
            )
        }
        for deliver in told { deliver(answer) }
        for deliver in next { deliver(nil) }
    }

    func hasFailed(now: MonotonicTime) {
        state.withLock { $0.lookUps.hasFailed(now: now) }
    }

    func withdraw(_ exchange: String, by asker: Asker) {
        state.withLock { $0.lookUps.withdraw(exchange, by: asker) }
    }

    func leave(_ asker: Asker) {
        let others = state.withLock { state in state.deliveries(to: state.lookUps.leave(asker)) }
        for deliver in others { deliver(nil) }
    }
}
