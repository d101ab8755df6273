internal import AMQPBridge
internal import Glibc
internal import Logging
internal import Routes

/// Everything that `serve` was told, read and checked.
struct Configuration: Sendable {
    var listenAddress: ListenAddress
    var sharesPort: Bool
    var allowsAnonymous: Bool
    var keys: [KeyEntry]
    /// The number of characters of `GATEWAY_API_KEY`; `nil`: it is not set.
    var apiKeyLength: Int?
    var hooks: [HookEntry]
    var cloudEvents: CloudEventEntry?
    /// Whose web pages may call.
    var cors: CORSPolicy
    var broker: BrokerLink.Configuration
    var wireFormatName: String
    var wireFormat: any WireFormat
    /// Whether servers are asked anything.
    var asksServers: Bool
    var cluster = ClusterClient.Configuration()
    /// How long servers and clients have to answer, unless a request says so.
    var requestsTimeout: Duration
    var loops: Int
    var requestLimits = Router.Limits()
    var commandLimits: CommandLimits
    var httpLimits = HTTPDaemon.Limits()
    var loadLimits = HTTPLoad.Limits()
    var trustedProxies: TrustedProxies
    var idempotencyLimits = IdempotencyStore.Limits()
    /// How long new connections are still taken after `/readyz` has begun to fail.
    var shutdownDelay: Duration
    /// How long requests in flight may take after that.
    var shutdownTimeout: Duration
    var logFormat: LogFormat
    var logLevel: Logger.Level
    /// Whether reading the metrics takes a key.
    var protectsMetrics: Bool
    /// What it was made of.
    var origins: [Setting: SettingSource.Found]
    /// The configuration file's name; `nil`: there is none.
    var file: String?
    /// The files that were read for it, that one included.
    var files: [String]
}

/// A setting that could not be read; says which, and what was expected, but never the value of a secret.
struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    let description: String
    /// The file of a secret that could not be read: all may be well as soon as it changes.
    var missingFile: String?
}

extension Configuration {
    /// Reads flags, environment and the configuration file.
    init(_ options: ServeOptions, environment: Environment) throws(ConfigurationError) {
        try self.init(options, try SettingSource(environment: environment, configFlag: options.broker.config))
    }

    init(_ options: ServeOptions, _ source: SettingSource) throws(ConfigurationError) {
        func read<Value>(
            _ setting: Setting, _ flag: String?, _ type: SettingType<Value>
        ) throws(ConfigurationError) -> Value { try source.read(setting, flag: flag, type) }

        listenAddress = try read(.httpAddress, options.httpAddress, .listenAddress)
        sharesPort = try source.isOn(.reusePort, flag: options.reusePort)
        allowsAnonymous = try source.isOn(.allowAnonymous, flag: options.allowAnonymous)
        (keys, apiKeyLength) = try Self.keys(source)
        hooks = source.file?.hooks ?? []
        cloudEvents = source.file?.cloudEvents
        protectsMetrics = try source.isOn(.protectMetrics, flag: options.protectMetrics)
        cors = try read(.corsOrigins, options.corsOrigins, .corsOrigins)
        let emitting = try BrokerConfiguration(options.broker, source)
        (broker, commandLimits) = (emitting.link, emitting.limits)
        (wireFormatName, wireFormat) = (emitting.wireFormatName, emitting.wireFormat)

        asksServers = try read(.clusterEnabled, options.clusterEnabled, .onOff)
        cluster.exchange = emitting.clusterExchange
        cluster.waiting = try read(.maxWaiting, options.maxWaiting, .count(1...1_000_000))
        requestsTimeout = try read(.requestsTimeout, options.requestsTimeout, .duration(to: .seconds(60)))

        loops = try read(.loops, options.loops, .count(1...256))
        requestLimits.bodyBytes = try read(.maxBodyBytes, options.maxBodyBytes, .bytes(1_024...16_777_216))
        requestLimits.batchBytes = try read(.maxBatchBytes, options.maxBatchBytes, .bytes(1_024...268_435_456))
        requestLimits.batchItems = try read(.maxBatchItems, options.maxBatchItems, .count(1...1_000_000))
        httpLimits.headTime = try read(.headTimeout, options.headTimeout, .duration())
        httpLimits.memoryPerConnection = try read(.headBytes, options.headBytes, .bytes(8_192...65_536))
        httpLimits.bodyTime = try read(.bodyTimeout, options.bodyTimeout, .duration())
        httpLimits.idleTime = try read(.idleTimeout, options.idleTimeout, .wholeSeconds(from: .seconds(1)))
        httpLimits.brokerTime = broker.confirmTimeout
        loadLimits.connections = try read(.maxConnections, options.maxConnections, .count(1...1_000_000))
        loadLimits.connectionsPerAddress = try read(
            .maxConnectionsPerAddress, options.maxConnectionsPerAddress, .count(0...1_000_000, zero: "no limit"))
        trustedProxies = try read(.trustedProxies, options.trustedProxies, .trustedProxies)
        loadLimits.requests = try read(.maxInFlight, options.maxInFlight, .count(1...1_000_000))
        loadLimits.bodyBytes = try read(
            .maxBufferedBytes, options.maxBufferedBytes, .bytes(1_048_576...1_099_511_627_776))
        idempotencyLimits.lifetime = try read(.idempotencyLifetime, options.idempotencyLifetime, .duration())
        idempotencyLimits.bytes = try read(
            .idempotencyBytes, options.idempotencyBytes, .bytes(65_536...1_099_511_627_776))
        shutdownDelay = try read(.shutdownDelay, options.shutdownDelay, .duration(from: .zero))
        shutdownTimeout = try read(.shutdownTimeout, options.shutdownTimeout, .duration(from: .zero))
        logFormat = try read(.logFormat, options.logFormat, .logFormat)
        logLevel = try read(.logLevel, options.logLevel, .logLevel)
        origins = source.found
        file = source.file?.path
        files = source.files + hooks.flatMap(\.secretFiles)
    }

    /// The one of the environment, and those of the file.
    private static func keys(_ source: SettingSource) throws(ConfigurationError) -> ([KeyEntry], apiKeyLength: Int?) {
        let listed = source.file?.keys ?? []
        guard let apiKey = try source.secret(.apiKey), !apiKey.text.isEmpty else { return (listed, nil) }
        return ([KeyEntry(apiKey: apiKey.text)] + listed, apiKey.text.count)
    }
}

extension Int {
    init?(_ text: String, in range: ClosedRange<Int>) {
        guard let number = Int(text), range.contains(number) else { return nil }
        self = number
    }
}
