internal import AMQP
internal import EventLoop

/// How far a session has come to know which servers there are, and the callers that wait for it. A value, without I/O:
/// whoever is taken out is to be told, by the caller.
struct Readiness {
    enum State: Equatable {
        /// There was no connection yet: callers wait for it.
        case starting
        case disconnected
        case opening
        /// The servers have been called to announce themselves, and have until then to do it; `nil`: the broker has not
        /// confirmed yet that it has taken the call.
        case discovering(until: MonotonicTime?)
        case ready
        /// The broker does not let us use the exchange, or have a queue: seldom asked again, unless a caller has a
        /// question.
        case refused
    }

    struct Caller: Waiting {
        let waiter: Int
        let deadline: MonotonicTime
        let proceed: (_ now: MonotonicTime) -> Void
        let fail: (ClusterError) -> Void
    }

    private(set) var state = State.starting
    private var callers = Waitlist<Caller>()

    /// The number of callers that wait.
    var waiting: Int { callers.count }

    var isOpen: Bool {
        switch state {
        case .starting, .disconnected, .opening, .refused: false
        case .discovering, .ready: true
        }
    }

    /// The time at which the servers have had the time to announce themselves.
    var discoveryEnd: MonotonicTime? {
        if case .discovering(let until) = state { until } else { nil }
    }

    /// The error of callers who have waited for too long.
    ///
    /// - Parameter exchange: the one that the broker may not let us use.
    func error(exchange: String) -> ClusterError {
        if state == .refused { return .brokerRefused(exchange: exchange) }
        return isOpen ? .brokerSilent : .brokerUnavailable
    }

    // MARK: The connection

    mutating func open() { state = .opening }

    mutating func discover() { state = .discovering(until: nil) }

    /// The broker has taken the call; the servers have until then.
    mutating func called(until: MonotonicTime) {
        if case .discovering = state { state = .discovering(until: until) }
    }

    /// The servers have announced themselves.
    ///
    /// - Returns: the callers that can go on; `nil`: they were not called.
    mutating func becomeReady() -> [Caller]? {
        guard case .discovering = state else { return nil }
        state = .ready
        return callers.takeAll()
    }

    mutating func refuse() { state = .refused }

    mutating func disconnected() {
        if state != .refused { state = .disconnected }
    }

    // MARK: Callers

    mutating func wait(_ caller: Caller) { callers.append(caller) }

    mutating func abandon(waiter: Int) -> [Caller] { callers.take { $0.waiter == waiter } }

    mutating func expired(now: MonotonicTime) -> [Caller] { callers.expired(now: now) }

    mutating func takeCallers() -> [Caller] { callers.takeAll() }
}
