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
    /// The files that were read for it.
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
            _ setting: Setting, _ flag: String?, _ expected: String, _ parse: (String) -> Value?
        ) throws(ConfigurationError) -> Value {
            try source.read(setting, flag: flag, expected: expected, parse)
        }

        listenAddress = try read(.httpAddress, options.httpAddress, "host:port") { ListenAddress($0) }
        sharesPort = try source.isOn(.reusePort, flag: options.reusePort)
        allowsAnonymous = try source.isOn(.allowAnonymous, flag: options.allowAnonymous)
        (keys, apiKeyLength) = try Self.keys(source)
        hooks = source.file?.hooks ?? []
        cloudEvents = source.file?.cloudEvents
        protectsMetrics = try source.isOn(.protectMetrics, flag: options.protectMetrics)
        cors = try read(
            .corsOrigins, options.corsOrigins,
            "none, or origins separated by commas, as browsers send them: scheme://host or scheme://host:port, such as "
                + "https://app.example.com, without a path, a slash at the end or the scheme's own port; neither '*' nor 'null'",
            CORSPolicy.init(text:))
        let emitting = try BrokerConfiguration(options.broker, source)
        (broker, commandLimits) = (emitting.link, emitting.limits)
        (wireFormatName, wireFormat) = (emitting.wireFormatName, emitting.wireFormat)

        asksServers = try source.isOn(.clusterEnabled, option: options.clusterEnabled)
        cluster.exchange = emitting.clusterExchange
        cluster.waiting = try read(.maxWaiting, options.maxWaiting, "a number from 1 to 1000000") {
            Int($0, in: 1...1_000_000)
        }
        requestsTimeout = try read(
            .requestsTimeout, options.requestsTimeout, "a duration from 1ms to 60s",
            { Duration.positive($0).flatMap { $0 <= .seconds(60) ? $0 : nil } })

        loops = try read(.loops, options.loops, "a number from 1 to 256") { Int($0, in: 1...256) }
        requestLimits.bodyBytes = try read(
            .maxBodyBytes, options.maxBodyBytes, "a number of bytes from 1024 to 16777216"
        ) {
            Int($0, in: 1_024...16_777_216)
        }
        requestLimits.batchBytes = try read(
            .maxBatchBytes, options.maxBatchBytes, "a number of bytes from 1024 to 268435456"
        ) { Int($0, in: 1_024...268_435_456) }
        requestLimits.batchItems = try read(.maxBatchItems, options.maxBatchItems, "a number from 1 to 1000000") {
            Int($0, in: 1...1_000_000)
        }
        let duration = "a duration of at least 1ms, such as 10s"
        httpLimits.headTime = try read(.headTimeout, options.headTimeout, duration, Duration.positive)
        httpLimits.memoryPerConnection = try read(
            .headBytes, options.headBytes, "a number of bytes from 8192 to 65536"
        ) { Int($0, in: 8_192...65_536) }
        httpLimits.bodyTime = try read(.bodyTimeout, options.bodyTimeout, duration, Duration.positive)
        httpLimits.idleTime = try read(
            .idleTimeout, options.idleTimeout, "whole seconds from 1s to 600s",
            { Duration.wholeSeconds($0).flatMap { $0 > .zero ? $0 : nil } })
        loadLimits.connections = try read(.maxConnections, options.maxConnections, "a number from 1 to 1000000") {
            Int($0, in: 1...1_000_000)
        }
        loadLimits.connectionsPerAddress = try read(
            .maxConnectionsPerAddress, options.maxConnectionsPerAddress, "a number from 0 (no limit) to 1000000"
        ) { Int($0, in: 0...1_000_000) }
        trustedProxies = try read(
            .trustedProxies, options.trustedProxies, "addresses or networks such as 10.0.0.0/8,2001:db8::1"
        ) { TrustedProxies($0) }
        loadLimits.requests = try read(.maxInFlight, options.maxInFlight, "a number from 1 to 1000000") {
            Int($0, in: 1...1_000_000)
        }
        loadLimits.bodyBytes = try read(
            .maxBufferedBytes, options.maxBufferedBytes, "a number of bytes from 1048576 to 1099511627776"
        ) { Int($0, in: 1_048_576...1_099_511_627_776) }
        idempotencyLimits.lifetime = try read(
            .idempotencyLifetime, options.idempotencyLifetime, duration, Duration.positive)
        idempotencyLimits.bytes = try read(
            .idempotencyBytes, options.idempotencyBytes, "a number of bytes from 65536 to 1099511627776"
        ) { Int($0, in: 65_536...1_099_511_627_776) }
        shutdownDelay = try read(.shutdownDelay, options.shutdownDelay, "a duration such as 5s, or 0") {
            Duration(text: $0)
        }
        shutdownTimeout = try read(.shutdownTimeout, options.shutdownTimeout, "a duration such as 10s") {
            Duration(text: $0)
        }
        logFormat = try read(.logFormat, options.logFormat, "text or json") { LogFormat(rawValue: $0) }
        logLevel = try read(.logLevel, options.logLevel, "a level such as info") { Logger.Level(rawValue: $0) }
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

extension Duration {
    /// `500ms`, `5s`, or a number of seconds.
    init?(text: String) {
        let (digits, unit) =
            text.hasSuffix("ms") ? (text.dropLast(2), 1) : (text.hasSuffix("s") ? text.dropLast() : text[...], 1_000)
        guard let number = Double(digits), number >= 0, number * Double(unit) < 1e12 else { return nil }
        // What is not zero must not become it: zero has a meaning of its own.
        guard number == 0 || number * Double(unit) >= 1 else { return nil }
        self = .milliseconds(Int64(number * Double(unit)))
    }

    static func positive(_ text: String) -> Duration? {
        Duration(text: text).flatMap { $0 > .zero ? $0 : nil }
    }

    static func wholeSeconds(_ text: String) -> Duration? {
        Duration(text: text).flatMap { $0.components.attoseconds == 0 && $0 <= .seconds(600) ? $0 : nil }
    }
}
