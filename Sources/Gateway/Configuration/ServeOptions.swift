internal import ArgumentParser

/// The flags of `serve`. All are text here: ``Configuration`` reads flags and environment alike.
struct ServeOptions: ParsableArguments {
    @Option(help: .setting("Where to listen.", .httpAddress, "host:port"))
    var httpAddress: String?

    @OptionGroup var broker: BrokerOptions

    @Option(help: .setting("Event loops: threads with an HTTP daemon and a broker connection each.", .loops, "count"))
    var loops: String?

    @Option(help: .setting("Whether servers are asked anything: true or false.", .clusterEnabled, "bool"))
    var clusterEnabled: String?

    @Option(help: .setting("How long servers have to answer, unless a request says so.", .requestsTimeout, "duration"))
    var requestsTimeout: String?

    @Option(help: .setting("The most requests that wait for servers or clients to answer.", .maxWaiting, "count"))
    var maxWaiting: String?

    @Option(help: .setting("The longest request body.", .maxBodyBytes, "size"))
    var maxBodyBytes: String?

    @Option(help: .setting("The longest body of a batch.", .maxBatchBytes, "size"))
    var maxBatchBytes: String?

    @Option(help: .setting("The most emits of a batch.", .maxBatchItems, "count"))
    var maxBatchItems: String?

    @Option(help: .setting("The most connections, over all loops.", .maxConnections, "count"))
    var maxConnections: String?

    @Option(help: .setting("The most from one address or IPv6 /64; 0: no limit.", .maxConnectionsPerAddress, "count"))
    var maxConnectionsPerAddress: String?

    @Option(
        help: .setting(
            "Addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas.",
            .trustedProxies, "list"))
    var trustedProxies: String?

    @Option(help: .setting("The most requests under way; more are answered 503.", .maxInFlight, "count"))
    var maxInFlight: String?

    @Option(
        help: .setting(
            "The most bytes of request bodies not yet answered; more are answered 503.", .maxBufferedBytes, "size"))
    var maxBufferedBytes: String?

    @Option(help: .setting("How long the answer for an Idempotency-Key is kept.", .idempotencyLifetime, "duration"))
    var idempotencyLifetime: String?

    @Option(
        help: .setting(
            "The most bytes of keys and answers kept; more are answered 503.", .idempotencyBytes, "size"))
    var idempotencyBytes: String?

    @Option(help: .setting("How long a request's head may take.", .headTimeout, "duration"))
    var headTimeout: String?

    @Option(
        help: .setting(
            "Memory for a request's head; 2048 bytes of it are for the answer's.", .headBytes, "size"))
    var headBytes: String?

    @Option(help: .setting("How long a request's body may take.", .bodyTimeout, "duration"))
    var bodyTimeout: String?

    @Option(
        help: .setting(
            "How long a connection may do nothing; longer than a proxy keeps its own.", .idleTimeout, "duration"))
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

    @Option(help: .setting("The origins whose web pages may call, separated by commas.", .corsOrigins, "origins"))
    var corsOrigins: String?

    @Flag(
        help: .setting("Serve without a key; on a loopback address only what comes from this machine.", .allowAnonymous)
    )
    var allowAnonymous = false

    @Flag(help: .setting("Let only keys with the scope metrics read /metrics.", .protectMetrics))
    var protectMetrics = false

    @Flag(help: .setting("Share the port with another process that does the same.", .reusePort))
    var reusePort = false
}
