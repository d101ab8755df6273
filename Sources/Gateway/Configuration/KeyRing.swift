internal import AMQPBridge
internal import Routes

/// The keys as they are checked: their rates hold over all event loops, and over reloads.
struct KeyRing: Sendable {
    private let limits: [String: RateLimit]
    let keys: [APIKey]
    /// Whether all that there is was made at the start, for want of another.
    let isMadeForThisRun: Bool

    /// - Parameter previous: whose rates go on where they are the same.
    init(_ entries: [KeyEntry], previous: KeyRing? = nil) {
        var limits: [String: RateLimit] = [:]
        keys = entries.map { entry in
            limits[entry.name] = entry.rate.map { RateLimit.holding($0, previous?.limits[entry.name]) }
            return APIKey(
                digest: entry.digest, expires: entry.expires,
                caller: Caller(
                    name: entry.name, scopes: entry.scopes, reach: entry.reach, limit: limits[entry.name]))
        }
        self.limits = limits
        isMadeForThisRun = entries.count == 1 && entries[0].isMadeForThisRun
    }
}

extension AccessPolicy {
    /// - Parameter isLoopback: whether only this machine can reach the gateway.
    init(_ configuration: Configuration, _ keys: KeyRing, isLoopback: Bool) {
        self.init(
            keys: keys.keys,
            keyless: configuration.allowsAnonymous ? (isLoopback ? .loopback : .everybody) : .nobody,
            clock: { Int(UnixTime.now()) })
        cors = configuration.cors
    }
}
