internal import AMQPBridge
internal import EventLoop
internal import Hashing
internal import Routes

/// The keys as they are checked: their rates hold over all event loops, and over reloads.
struct KeyRing: Sendable {
    private let limits: [String: RateLimit]
    /// The last use of each hash. It is kept over reloads, too.
    private let uses: [SHA256.Digest: LastUse]
    let entries: [KeyEntry]
    /// The keys, one for each hash.
    let keys: [APIKey]

    /// - Parameters:
    ///   - replicas: the number of gateways that give each key its rate together.
    ///   - previous: the ring before this one. Its rates go on where they are the same.
    init(_ entries: [KeyEntry], replicas: Int = 1, previous: KeyRing? = nil) {
        var limits: [String: RateLimit] = [:]
        var uses: [SHA256.Digest: LastUse] = [:]
        keys = entries.flatMap { entry in
            limits[entry.name] = entry.rate.map {
                RateLimit.holding($0.share(of: replicas), previous?.limits[entry.name])
            }
            let caller = Caller(
                name: entry.name, scopes: entry.scopes, reach: entry.reach, limit: limits[entry.name],
                expires: entry.expires)
            return entry.digests.map { digest in
                let use = previous?.uses[digest] ?? LastUse()
                uses[digest] = use
                return APIKey(digest: digest, caller: caller, lastUse: use)
            }
        }
        self.limits = limits
        self.uses = uses
        self.entries = entries
    }

    /// Whether all that there is was made at the start, for want of another.
    var isMadeForThisRun: Bool { entries.count == 1 && entries[0].isMadeForThisRun }

    /// The times at which the entry's hashes were last used, in their order; `nil`: not since the start.
    func lastUses(of entry: KeyEntry) -> [UTCTime?] { entry.digests.map { uses[$0]?.time } }
}

extension AccessPolicy {
    /// - Parameter isLoopback: whether only this machine can reach the gateway.
    init(_ configuration: Configuration, _ keys: KeyRing, isLoopback: Bool) {
        self.init(
            keys: keys.keys,
            keyless: configuration.allowsAnonymous ? (isLoopback ? .loopback : .everybody) : .nobody,
            clock: { Int(UnixTime.now()) })
        cors = configuration.cors
        admitsOwnPages = configuration.hasConsole
    }
}
