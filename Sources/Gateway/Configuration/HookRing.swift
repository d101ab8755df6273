internal import Routes

/// The hooks as they are served: their rates hold over all event loops, and over reloads, and so do their counters.
struct HookRing: Sendable {
    private let limits: [String: RateLimit]
    /// The counts of deliveries and their outcomes, by the hook's name.
    let counters: [String: DeliveryCounters]
    let cloudEventCounters: DeliveryCounters
    let table: HookTable

    /// - Parameter previous: the ring before this one. Its rates go on where they are the same.
    init(_ entries: [HookEntry], _ cloudEvents: CloudEventEntry?, previous: HookRing? = nil) {
        var limits: [String: RateLimit] = [:]
        var counters: [String: DeliveryCounters] = [:]
        let hooks = entries.map { entry in
            var hook = entry.hook
            hook.limit = entry.rate.map { RateLimit.holding($0, previous?.limits[hook.name]) }
            limits[hook.name] = hook.limit
            hook.counters = previous?.counters[hook.name] ?? DeliveryCounters()
            counters[hook.name] = hook.counters
            return hook
        }
        var cloudEvents = cloudEvents?.mapping ?? .standard
        cloudEvents.counters = previous?.cloudEventCounters ?? DeliveryCounters()
        cloudEventCounters = cloudEvents.counters
        table = HookTable(hooks, cloudEvents: cloudEvents)
        self.limits = limits
        self.counters = counters
    }
}

extension RateLimit {
    /// The one that is there, if it is of this rate; otherwise a fresh one.
    static func holding(_ rate: Rate, _ known: RateLimit?) -> RateLimit {
        known.flatMap { $0.rate == rate ? $0 : nil } ?? RateLimit(rate)
    }
}
