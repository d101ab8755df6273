internal import AMQPBridge
internal import Glibc
internal import Logging
internal import Routes

/// Everything that `serve` was told, read and checked.
struct Configuration: Sendable {
    var listenAddress: ListenAddress
    var sharesPort: Bool
    var allowsAnonymous: Bool
    var apiKey: APIKey?
    var broker: BrokerLink.Configuration
    var wireFormatName: String
    var wireFormat: any WireFormat
    var loops: Int
    var requestLimits = Router.Limits()
    var commandLimits: CommandLimits
    var httpLimits = HTTPDaemon.Limits()
    var loadLimits = HTTPLoad.Limits()
    var idempotencyLimits = IdempotencyStore.Limits()
    /// How long new connections are still taken after `/readyz` has begun to fail.
    var shutdownDelay: Duration
    /// How long requests in flight may take after that.
    var shutdownTimeout: Duration
    var logFormat: LogFormat
    var logLevel: Logger.Level
}

/// A setting that could not be read; says which, and what was expected, but never the value of a secret.
struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    let description: String
}

extension Configuration {
    init(_ options: ServeOptions, environment: Environment) throws(ConfigurationError) {
        let source = SettingSource(environment: environment)
        func read<Value>(
            _ setting: Setting, _ flag: String?, _ expected: String, _ parse: (String) -> Value?
        ) throws(ConfigurationError) -> Value {
            try source.read(setting, flag: flag, expected: expected, parse)
        }

        listenAddress = try read(.httpAddress, options.httpAddress, "host:port") { ListenAddress($0) }
        sharesPort = try source.isOn(.reusePort, flag: options.reusePort)
        allowsAnonymous = try source.isOn(.allowAnonymous, flag: options.allowAnonymous)
        apiKey = try source.secret(.apiKey).flatMap(APIKey.init)
        let uri = try source.secret(.amqpURL, flag: options.amqpURL) ?? Setting.amqpURL.defaultText
        do throws(BrokerEndpoint.ParseError) {
            broker = BrokerLink.Configuration(endpoint: try BrokerEndpoint(uri: uri))
        } catch {
            throw ConfigurationError(description: "\(Setting.amqpURL.rawValue) \(error)")
        }
        broker.confirmTimeout = try read(
            .confirmTimeout, options.confirmTimeout, "a duration of at least 1ms, such as 5s or 500ms",
            Duration.positive)
        broker.heartbeat = try read(
            .amqpHeartbeat, options.amqpHeartbeat, "whole seconds, at most 600, such as 10s", Duration.wholeSeconds)

        var formats = WireFormatOptions()
        formats.amqp0Exchange = try read(.amqp0Exchange, options.amqp0Exchange, "a name of 1 to 255 bytes", Self.name)
        formats.amqp0Namespaces = try read(
            .amqp0Namespaces, options.amqp0Namespaces, "namespaces such as /,/chat", Self.namespaces)
        formats.amqp0Union = try read(.amqp0Union, options.amqp0Union, "exclude or cc") { AMQP0.Union(rawValue: $0) }
        formats.pythonSocketIOExchange = try read(
            .pythonSocketIOExchange, options.pythonSocketioExchange, "a name of 1 to 255 bytes", Self.name)
        formats.pythonSocketIOExpiration = try read(
            .pythonSocketIOExpiration, options.pythonSocketioExpiration, "0, or a duration of at most 4294967295ms",
            { Duration(text: $0).flatMap { $0 <= .milliseconds(UInt32.max) ? $0 : nil } }
        ).wholeMilliseconds
        if formats.amqp0Namespaces.count > 1, !formats.amqp0Exchange.contains(AMQP0.placeholder) {
            throw ConfigurationError(
                description: "\(Setting.amqp0Namespaces.rawValue) has several namespaces, so "
                    + "\(Setting.amqp0Exchange.rawValue) must contain {namespace}: on one exchange an emit reaches any of them"
            )
        }
        let names = WireFormats.all.keys.sorted().joined(separator: " or ")
        wireFormatName = try read(.wireFormat, options.wireFormat, names) { WireFormats.all[$0] == nil ? nil : $0 }
        wireFormat = WireFormats.all[wireFormatName]!(formats)

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
        commandLimits = CommandLimits(
            names: try read(.maxNames, options.maxNames, "a number from 1 to 10000") { Int($0, in: 1...10_000) })
        let duration = "a duration of at least 1ms, such as 10s"
        httpLimits.headTime = try read(.headTimeout, options.headTimeout, duration, Duration.positive)
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
    }

    private static func name(_ text: String) -> String? {
        (1...255).contains(text.utf8.count) ? text : nil
    }

    private static func namespaces(_ text: String) -> [String]? {
        let names = text.split(separator: ",").map(String.init)
        return !names.isEmpty && Set(names).count == names.count
            && names.allSatisfy { $0.hasPrefix("/") && !$0.contains("#") } ? names : nil
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

    /// `nil` for zero.
    fileprivate var wholeMilliseconds: Int? {
        self == .zero ? nil : Int(nanoseconds / 1_000_000)
    }
}
