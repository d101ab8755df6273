internal import Logging
internal import Routes

/// The part of the configuration that can be changed while requests are under way: all that a reload replaces.
struct LivePolicy: Sendable {
    var access: AccessPolicy
    var hooks = HookTable.none
    var proxies = TrustedProxies()
    var logLevel = Logger.Level.info
}

extension LivePolicy {
    /// - Parameter isLoopback: whether only this machine can reach the gateway.
    init(_ live: LiveConfiguration, isLoopback: Bool) {
        access = AccessPolicy(live.configuration, live.keys, isLoopback: isLoopback)
        hooks = live.hooks.table
        proxies = live.configuration.trustedProxies
        logLevel = live.configuration.logLevel
    }
}
