internal import AMQPBridge
internal import Routes

/// The keys as they are checked: their rates hold over all event loops, and over reloads.
struct KeyRing: Sendable {
    private let limits: [String: RateLimit]
    let keys: [APIKey]

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
    }
}

extension AccessPolicy {
    /// Without keys the gateway is for this machine only, unless it was told otherwise.
    ///
    /// - Parameter isLoopback: whether only this machine can reach it.
    init(_ configuration: Configuration, _ keys: KeyRing, isLoopback: Bool) throws(ConfigurationError) {
        guard !keys.keys.isEmpty || configuration.allowsAnonymous || isLoopback else {
            throw ConfigurationError(
                description: "refusing to serve \(configuration.listenAddress) to everyone: set GATEWAY_API_KEY or "
                    + "keys in the configuration file, listen on a loopback address, or say --allow-anonymous")
        }
        self.init(
            keys: keys.keys, keyless: configuration.allowsAnonymous ? .everybody : .loopback,
            clock: { Int(UnixTime.now()) })
        cors = configuration.cors
    }
}
