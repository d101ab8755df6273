internal import AMQPBridge
internal import Routes
internal import Synchronization

/// The metrics of the configuration that holds: written when it is read again, read by any thread.
final class ConfigurationMetrics: Sendable {
    struct Numbers {
        /// The times at which keys expire, in seconds since 1970, by their names. Keys without an end are left out.
        var expiries: [(key: String, time: Int)] = []
        /// The counts of deliveries and their outcomes, by the hook's name.
        var hooks: [(name: String, counters: DeliveryCounters)] = []
        var cloudEvents = DeliveryCounters()
        /// The number of times that it was read again, and taken over or not.
        var reloads: (taken: UInt64, refused: UInt64) = (0, 0)
        /// Whether the last time that it was read it was taken over.
        var isCurrent = true
        /// The time at which it was taken over last, in seconds since 1970.
        var taken: Int64 = 0
    }

    private let state = Mutex(Numbers())

    var numbers: Numbers { state.withLock { $0 } }

    /// A configuration holds from now on.
    ///
    /// - Parameter isReloaded: `false`: it is the first.
    func took(_ keys: KeyRing, _ hooks: HookRing, isReloaded: Bool, now: Int64) {
        let expiries = keys.entries.compactMap { entry in entry.expires.map { (key: entry.name, time: $0) } }
            .sorted { $0.key < $1.key }
        let counters = hooks.counters.sorted { $0.key < $1.key }.map { (name: $0.key, counters: $0.value) }
        state.withLock {
            $0.expiries = expiries
            $0.hooks = counters
            $0.cloudEvents = hooks.cloudEventCounters
            if isReloaded { $0.reloads.taken += 1 }
            $0.isCurrent = true
            $0.taken = now
        }
    }

    /// Notes that the files are not valid, and that the configuration before stays.
    func refused() {
        state.withLock {
            $0.reloads.refused += 1
            $0.isCurrent = false
        }
    }
}
