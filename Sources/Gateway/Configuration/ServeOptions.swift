internal import ArgumentParser

/// The flags of `serve`. All are text here: ``Configuration`` reads flags and environment alike.
struct ServeOptions: ParsableArguments {
    @Option(help: .setting("Where to listen.", .httpAddress, "host:port"))
    var httpAddress: String?

    @Option(help: .setting("RabbitMQ; an empty path means the virtual host '/'.", .amqpURL, "amqp-uri"))
    var amqpURL: String?

    @Option(help: .setting("The servers' wire format: amqp0 or python-socketio.", .wireFormat, "name"))
    var wireFormat: String?

    @Option(help: .setting("Event loops: threads with an HTTP daemon and a broker connection each.", .loops, "count"))
    var loops: String?

    @Option(help: .setting("amqp0: the adapter's exchangeName; may contain {namespace}.", .amqp0Exchange, "name"))
    var amqp0Exchange: String?

    @Option(help: .setting("amqp0: the namespaces served, separated by commas.", .amqp0Namespaces, "list"))
    var amqp0Namespaces: String?

    @Option(help: .setting("amqp0: several rooms by 'exclude' (each socket once) or 'cc'.", .amqp0Union, "how"))
    var amqp0Union: String?

    @Option(help: .setting("python-socketio: the manager's channel.", .pythonSocketIOExchange, "name"))
    var pythonSocketioExchange: String?

    @Option(
        help: .setting(
            "python-socketio: how long a message may wait for a server; 0: for ever.", .pythonSocketIOExpiration,
            "duration"))
    var pythonSocketioExpiration: String?

    @Option(help: .setting("How long to wait for a publisher confirm.", .confirmTimeout, "duration"))
    var confirmTimeout: String?

    @Option(help: .setting("AMQP heartbeat interval, whole seconds; 0: none.", .amqpHeartbeat, "duration"))
    var amqpHeartbeat: String?

    @Option(help: .setting("The longest request body, in bytes.", .maxBodyBytes, "bytes"))
    var maxBodyBytes: String?

    @Option(help: .setting("The longest body of a batch, in bytes.", .maxBatchBytes, "bytes"))
    var maxBatchBytes: String?

    @Option(help: .setting("The most emits of a batch.", .maxBatchItems, "count"))
    var maxBatchItems: String?

    @Option(help: .setting("The most rooms and exceptions of one emit.", .maxNames, "count"))
    var maxNames: String?

    @Option(help: .setting("The most connections, over all loops.", .maxConnections, "count"))
    var maxConnections: String?

    @Option(help: .setting("The most from one address or IPv6 /64; 0: no limit.", .maxConnectionsPerAddress, "count"))
    var maxConnectionsPerAddress: String?

    @Option(help: .setting("The most requests under way; more are answered 503.", .maxInFlight, "count"))
    var maxInFlight: String?

    @Option(
        help: .setting(
            "The most bytes of request bodies not yet answered; more are answered 503.", .maxBufferedBytes, "bytes"))
    var maxBufferedBytes: String?

    @Option(help: .setting("How long the answer for an Idempotency-Key is kept.", .idempotencyLifetime, "duration"))
    var idempotencyLifetime: String?

    @Option(
        help: .setting(
            "The most bytes of keys and answers kept; more are answered 503.", .idempotencyBytes, "bytes"))
    var idempotencyBytes: String?

    @Option(help: .setting("How long a request's head may take.", .headTimeout, "duration"))
    var headTimeout: String?

    @Option(help: .setting("How long a request's body may take.", .bodyTimeout, "duration"))
    var bodyTimeout: String?

    @Option(help: .setting("How long a connection may do nothing, whole seconds.", .idleTimeout, "duration"))
    var idleTimeout: String?

    @Option(
        help: .setting("At shutdown: how long to serve on after /readyz has begun to fail.", .shutdownDelay, "duration")
    )
    var shutdownDelay: String?

    @Option(help: .setting("How long requests in flight may take at shutdown.", .shutdownTimeout, "duration"))
    var shutdownTimeout: String?

    @Option(help: .setting("text or json.", .logFormat, "format"))
    var logFormat: String?

    @Option(help: .setting("trace, debug, info, notice, warning, error or critical.", .logLevel, "level"))
    var logLevel: String?

    @Flag(help: .setting("Serve without a key on any address.", .allowAnonymous))
    var allowAnonymous = false

    @Flag(help: .setting("Share the port with another process that does the same.", .reusePort))
    var reusePort = false
}

extension ArgumentHelp {
    /// Help that names the environment variable and the default of a setting.
    fileprivate static func setting(_ abstract: String, _ setting: Setting, _ valueName: String? = nil) -> ArgumentHelp
    {
        ArgumentHelp("\(abstract) (\(setting.rawValue); default: \(setting.defaultText))", valueName: valueName)
    }
}
