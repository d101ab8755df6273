/// What is known of the servers' exchanges, which are never ours to declare.
///
/// Publishing to an exchange that does not exist, or that we may not write to, closes the channel and makes the fate of
/// everything in flight on it doubtful. So an exchange is looked up (passive declare on the control channel) before it is
/// first used, and the first publish goes alone: until it is settled, the others wait. Absence and refusal are remembered,
/// and asked about again at most once a second.
struct ExchangeDirectory {
    /// What to do with an emit to an exchange.
    enum Admission: Equatable {
        case publish
        /// Publish it; the others wait until it is settled.
        case publishAsProbe
        /// Wait for the look-up or the probe under way.
        case wait
        /// Wait, and look the exchange up.
        case lookUp
        /// There is no exchange: no server.
        case absent
        /// The broker does not let us publish there.
        case refused(reason: String)
    }

    private enum State {
        case beingLookedUp
        case unproven
        case probing
        case proven
        case absent(since: MonotonicTime)
        case refused(reason: String, since: MonotonicTime)
    }

    /// How long absence and refusal are believed.
    static let memory: Duration = .seconds(1)

    private var states: [String: State] = [:]

    mutating func admit(_ exchange: String, now: MonotonicTime) -> Admission {
        switch states[exchange] {
        case .proven: return .publish
        case .beingLookedUp, .probing: return .wait
        case .unproven:
            states[exchange] = .probing
            return .publishAsProbe
        case .absent(let since) where now - since < Self.memory: return .absent
        case .refused(let reason, let since) where now - since < Self.memory: return .refused(reason: reason)
        case nil, .absent, .refused:
            states[exchange] = .beingLookedUp
            return .lookUp
        }
    }

    mutating func found(_ exchange: String) {
        states[exchange] = .unproven
    }

    /// A publish was acknowledged (or nacked: the exchange took it).
    mutating func proved(_ exchange: String) {
        states[exchange] = .proven
    }

    /// The probe ended without a word about the exchange.
    mutating func probeFailed(_ exchange: String) {
        states[exchange] = .unproven
    }

    mutating func isMissing(_ exchange: String, now: MonotonicTime) {
        states[exchange] = .absent(since: now)
    }

    mutating func refuses(_ exchange: String, reason: String, now: MonotonicTime) {
        states[exchange] = .refused(reason: reason, since: now)
    }

    func isProven(_ exchange: String) -> Bool {
        if case .proven = states[exchange] { true } else { false }
    }
}
