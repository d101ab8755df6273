internal import EventLoop

/// The finding about an exchange, by a look-up or by a publish that closed its channel.
package struct ExchangeAnswer: Equatable, Sendable {
    package enum Finding: Equatable, Sendable {
        /// The exchange is there and takes our messages.
        case usable
        /// The exchange does not exist: there is no server.
        case absent
        /// The broker does not let us publish there.
        case refused(reason: String)
    }

    let exchange: String
    let finding: Finding
    /// The time of the finding: it says nothing about emits that came later.
    let asOf: MonotonicTime
}

/// A connection's knowledge of the servers' exchanges, which are never ours to declare.
///
/// Publishing to an exchange that does not exist, or that we may not write to, closes the channel and makes the fate of
/// everything in flight on it doubtful. So an exchange is looked up before it is first used, and the first publish goes
/// alone: until it is settled, the others wait. An old answer may save work, but decides nothing: that there is no
/// exchange is said only to emits that came before the look-up.
struct ExchangeDirectory {
    /// The thing to do with an emit to an exchange.
    enum Admission: Equatable {
        case publish
        /// Publish it; the others wait until it is settled.
        case publishAsProbe
        /// Wait for the look-up or the probe under way.
        case wait
        /// Wait, and have the exchange looked up.
        case lookUp
        /// There is no exchange: no server.
        case absent
        /// The broker does not let us publish there.
        case refused(reason: String)
    }

    private enum State {
        /// The exchange has to be looked up. The last answer was not that it is usable.
        case unknown(ExchangeAnswer)
        case beingLookedUp(ExchangeAnswer?)
        case unproven
        case probing
        case proven
    }

    private var states: [String: State] = [:] { didSet { lastProven = nil } }
    /// Nearly all emits go to one exchange, which needs no look at ``states``.
    private var lastProven: String?

    /// - Parameter came: when the emit came.
    mutating func admit(_ exchange: String, came: MonotonicTime) -> Admission {
        if exchange == lastProven { return .publish }
        switch states[exchange] {
        case .proven:
            lastProven = exchange
            return .publish
        case .probing: return .wait
        case .unproven:
            states[exchange] = .probing
            return .publishAsProbe
        case .beingLookedUp(let last): return last?.admission(came: came) ?? .wait
        case .unknown(let last):
            if let admission = last.admission(came: came) { return admission }
            states[exchange] = .beingLookedUp(last)
            return .lookUp
        case nil:
            states[exchange] = .beingLookedUp(nil)
            return .lookUp
        }
    }

    /// The exchange was looked up, or a publish has failed.
    mutating func learn(_ answer: ExchangeAnswer) {
        if answer.finding == .usable {
            if case .beingLookedUp = states[answer.exchange] { states[answer.exchange] = .unproven }
        } else {
            states[answer.exchange] = .unknown(answer)
        }
    }

    /// A publish was acknowledged (or nacked: the exchange took it).
    mutating func proved(_ exchange: String) {
        states[exchange] = .proven
    }

    /// The probe ended without a word about the exchange.
    mutating func probeFailed(_ exchange: String) {
        if case .probing = states[exchange] { states[exchange] = .unproven }
    }

    /// The exchanges whose look-up is waited for.
    var beingLookedUp: [String] {
        states.compactMap { if case .beingLookedUp = $0.value { $0.key } else { nil } }
    }

    /// Takes back a look-up for which no emit waits any more.
    mutating func withdraw(_ exchange: String) {
        if case .beingLookedUp(let last) = states[exchange] { states[exchange] = last.map(State.unknown) }
    }
}

extension ExchangeAnswer {
    /// The admission of an emit that came at that time, by this answer; `nil`: it says nothing about it.
    fileprivate func admission(came: MonotonicTime) -> ExchangeDirectory.Admission? {
        guard came <= asOf else { return nil }
        switch finding {
        case .usable: return nil
        case .absent: return .absent
        case .refused(let reason): return .refused(reason: reason)
        }
    }
}
