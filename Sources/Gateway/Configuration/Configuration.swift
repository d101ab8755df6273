internal import AMQPBridge
internal import Glibc
internal import Logging
internal import Routes
internal import SettingTypes

/// The configuration of `serve`, read and checked.
struct Configuration: Sendable {
    var listenAddress: ListenAddress
    /// The address at which health and metrics are served alone; `nil`: there is none.
    var adminAddress: ListenAddress?
    /// `nil`: there is none.
    var https: HTTPSConfiguration?
    /// The permissions of a Unix socket.
    var socketMode: UInt32
    var sharesPort: Bool
    var allowsAnonymous: Bool
    var keys: [KeyEntry]
    /// The number of gateways that give each key its rate together.
    var replicas: Int
    /// The number of characters of `GATEWAY_API_KEY`; `nil`: it is not set.
    var apiKeyLength: Int?
    var hooks: [HookEntry]
    var cloudEvents: CloudEventEntry?
    /// The origins of the web pages that may call.
    var cors: CORSPolicy
    var broker: BrokerLink.Configuration
    var wireFormat: any ConfiguredFormat
    /// Whether servers are asked anything.
    var asksServers: Bool
    var cluster = ClusterClient.Configuration()
    /// The time that servers and clients have to answer, unless a request says so.
    var requestsTimeout: Duration
    var loops: Int
    var requestLimits = Router.Limits()
    var commandLimits: CommandLimits
    var httpLimits = HTTPDaemon.Limits()
    var loadLimits = HTTPLoad.Limits()
    var mostStreams: Int
    /// Whether the console is there.
    var hasConsole: Bool
    var trustedProxies: TrustedProxies
    var idempotencyLimits = IdempotencyStore.Limits()
    /// The time for which new connections are still taken after `/readyz` has begun to fail.
    var shutdownDelay: Duration
    /// The time that requests in flight may take after that.
    var shutdownTimeout: Duration
    var logFormat: LogFormat
    var logLevel: Logger.Level
    /// Whether reading the metrics takes a key.
    var protectsMetrics: Bool
    /// The text of each setting, and its origin.
    var origins: [Setting: SettingSource.Found]
    /// The configuration file's name; `nil`: there is none.
    var file: String?
    /// The files that were read for it, that one included.
    var files: [String]

    var listenAddresses: [ListenAddress] { [listenAddress] + [https?.address, adminAddress].compactMap(\.self) }

    var wireFormatName: String { type(of: wireFormat).name }
}

/// A setting that could not be read; says which, and what was expected, but never the value of a secret.
struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    let description: String
    /// The file of a secret that could not be read: all may be well as soon as it changes.
    var missingFile: String?
}

extension Configuration {
    /// Reads options, environment and the configuration file.
    init(_ options: ServeOptions, environment: Environment) throws(ConfigurationError) {
        try self.init(
            try SettingSource(
                environment: environment, options: options.settingTexts, configOption: options.broker.config))
    }

    init(_ source: SettingSource) throws(ConfigurationError) {
        listenAddress = try source.read(\.httpAddress)
        adminAddress = try source.read(\.adminAddress)
        https = try HTTPSConfiguration(source)
        socketMode = try source.read(\.socketMode)
        sharesPort = try source.read(\.reusePort)
        try Self.checkAreApart(
            [("http.address", listenAddress), ("https.address", https?.address), ("http.adminAddress", adminAddress)],
            sharesPort: sharesPort)
        allowsAnonymous = try source.read(\.allowAnonymous)
        (keys, apiKeyLength) = try Self.keys(source)
        hooks = source.file?.hooks ?? []
        cloudEvents = source.file?.cloudEvents
        protectsMetrics = try source.read(\.protectMetrics)
        cors = try source.read(\.corsOrigins)
        replicas = try source.read(\.replicas)
        let emitting = try BrokerConfiguration(source)
        (broker, commandLimits) = (emitting.link, emitting.limits)
        wireFormat = emitting.wireFormat

        asksServers = try source.read(\.clusterEnabled)
        cluster.exchange = emitting.clusterExchange
        cluster.waiting = try source.read(\.maxWaiting)
        requestsTimeout = try source.read(\.requestsTimeout)

        loops = try source.read(\.loops)
        requestLimits.bodyBytes = try source.read(\.maxBodyBytes)
        requestLimits.batchBytes = try source.read(\.maxBatchBytes)
        requestLimits.batchItems = try source.read(\.maxBatchItems)
        httpLimits.headTime = try source.read(\.headTimeout)
        httpLimits.memoryPerConnection = try source.read(\.headBytes)
        httpLimits.bodyTime = try source.read(\.bodyTimeout)
        httpLimits.idleTime = try source.read(\.idleTimeout)
        httpLimits.brokerTime = broker.confirmTimeout
        loadLimits.connections = try source.read(\.maxConnections)
        loadLimits.connectionsPerAddress = try source.read(\.maxConnectionsPerAddress)
        trustedProxies = try source.read(\.trustedProxies)
        loadLimits.requests = try source.read(\.maxInFlight)
        hasConsole = try source.read(\.console)
        mostStreams = try source.read(\.maxStreams)
        cluster.eventGrace = try source.read(\.eventsGrace)
        let eventsExchange = try source.read(\.eventsExchange)
        if !eventsExchange.isEmpty {
            cluster.eventExchange = EventExchange(eventsExchange) { ClusterEvent.json($0, id: $1) }
        }
        loadLimits.bodyBytes = try source.read(\.maxBufferedBytes)
        idempotencyLimits.lifetime = try source.read(\.idempotencyLifetime)
        idempotencyLimits.bytes = try source.read(\.idempotencyBytes)
        shutdownDelay = try source.read(\.shutdownDelay)
        shutdownTimeout = try source.read(\.shutdownTimeout)
        logFormat = try source.read(\.logFormat)
        logLevel = try source.read(\.logLevel)
        origins = source.found
        file = source.file?.path
        files = source.files + hooks.flatMap(\.secretFiles) + (https?.files ?? [])
    }

    /// Port 0 is another port each time.
    private static func checkAreApart(
        _ addresses: [(path: String, address: ListenAddress?)], sharesPort: Bool
    ) throws(ConfigurationError) {
        for (index, second) in addresses.enumerated() {
            guard let address = second.address, address.path != nil || address.port != 0 else { continue }
            for first in addresses[..<index] where first.address == address {
                throw ConfigurationError(
                    description: "\(first.path) and \(second.path) are the same address, \(address)")
            }
            // Ports that are shared are shared here, too: then the system prefers the nearer one.
            guard !sharesPort else { continue }
            for first in addresses[..<index] {
                guard let other = first.address, other.includes(address) || address.includes(other) else { continue }
                throw ConfigurationError(
                    description: "\(first.path), \(other), and \(second.path), \(address), have the same port, "
                        + "and one of them is every address of this machine: they need a port each")
            }
        }
    }

    /// The one of the environment, and those of the file.
    private static func keys(_ source: SettingSource) throws(ConfigurationError) -> ([KeyEntry], apiKeyLength: Int?) {
        let listed = source.file?.keys ?? []
        guard let apiKey = try source.secret(\.apiKey), !apiKey.text.isEmpty else { return (listed, nil) }
        return ([KeyEntry(apiKey: apiKey.text)] + listed, apiKey.text.count)
    }
}
