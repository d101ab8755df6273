internal import AMQPBridge
internal import EventLoop
internal import Synchronization

/// Which deliveries have become events already, so that one that comes again does not become another: one for the whole
/// process.
///
/// Bounded in number. When it is full it forgets the oldest: a delivery that comes twice does less harm than one that is
/// refused.
package final class DeliveryStore: Sendable {
    package struct Limits: Sendable, Equatable {
        /// The most deliveries that are remembered. Each takes about 100 bytes.
        package var deliveries = 100_000
        /// How long one is remembered.
        package var lifetime: Duration = .seconds(86_400)

        package init() {}
    }

    /// The right to emit a delivery, and the duty to say what became of it.
    struct Reservation: Sendable {
        fileprivate let key: DeliveryKey
    }

    enum Place: Sendable {
        /// Nobody has emitted it: do, and call ``finish(_:isDelivered:now:)``.
        case first(Reservation)
        /// Somebody is about to.
        case inFlight
        case delivered
    }

    private struct State {
        /// Whether it was delivered.
        var deliveries: [DeliveryKey: Bool] = [:]
        /// Those that were.
        var delivered = ExpiryQueue<DeliveryKey>()

        mutating func forget(until now: MonotonicTime) {
            while let key = delivered.takeExpired(now: now) { deliveries[key] = nil }
        }

        mutating func forgetOldest() {
            if let key = delivered.takeOldest() { deliveries[key] = nil }
        }
    }

    private let limits: Limits
    private let state = Mutex(State())

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many deliveries are remembered.
    package var count: Int { state.withLock { $0.deliveries.count } }

    func begin(_ key: DeliveryKey, now: MonotonicTime) -> Place {
        state.withLock { state in
            state.forget(until: now)
            if let isDelivered = state.deliveries[key] { return isDelivered ? .delivered : .inFlight }
            // Those in flight stay, and are as few as requests may be under way.
            if state.deliveries.count >= limits.deliveries { state.forgetOldest() }
            state.deliveries[key] = false
            return .first(Reservation(key: key))
        }
    }

    /// - Parameter isDelivered: whether it certainly was. Otherwise its sender is to try again, and finds it unknown; also
    ///   when nobody can tell, for then it is better delivered twice.
    func finish(_ reservation: Reservation, isDelivered: Bool, now: MonotonicTime) {
        state.withLock { state in
            guard isDelivered else {
                state.deliveries[reservation.key] = nil
                return
            }
            state.deliveries[reservation.key] = true
            state.delivered.append(reservation.key, until: now + limits.lifetime)
        }
    }
}
