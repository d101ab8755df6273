internal import CLinux

/// Every setting by the name of its environment variable. Defaults are text, read like any other source.
enum Setting: String, CaseIterable, Sendable {
    case httpAddress = "GATEWAY_HTTP_ADDRESS"
    case amqpURL = "GATEWAY_AMQP_URL"
    case wireFormat = "GATEWAY_WIRE_FORMAT"
    case apiKey = "GATEWAY_API_KEY"
    case protectMetrics = "GATEWAY_PROTECT_METRICS"
    case loops = "GATEWAY_LOOPS"
    case amqp0Exchange = "GATEWAY_AMQP0_EXCHANGE"
    case amqp0Namespaces = "GATEWAY_AMQP0_NAMESPACES"
    case pythonSocketIOExchange = "GATEWAY_PYTHON_SOCKETIO_EXCHANGE"
    case pythonSocketIOExpiration = "GATEWAY_PYTHON_SOCKETIO_EXPIRATION"
    case clusterEnabled = "GATEWAY_CLUSTER_ENABLED"
    case clusterExchange = "GATEWAY_CLUSTER_EXCHANGE"
    case requestsTimeout = "GATEWAY_REQUESTS_TIMEOUT"
    case maxWaiting = "GATEWAY_MAX_WAITING"
    case confirmTimeout = "GATEWAY_CONFIRM_TIMEOUT"
    case amqpHeartbeat = "GATEWAY_AMQP_HEARTBEAT"
    case maxBodyBytes = "GATEWAY_MAX_BODY_BYTES"
    case maxBatchBytes = "GATEWAY_MAX_BATCH_BYTES"
    case maxBatchItems = "GATEWAY_MAX_BATCH_ITEMS"
    case maxNames = "GATEWAY_MAX_NAMES"
    case maxConnections = "GATEWAY_MAX_CONNECTIONS"
    case maxConnectionsPerAddress = "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS"
    case trustedProxies = "GATEWAY_TRUSTED_PROXIES"
    case maxInFlight = "GATEWAY_MAX_IN_FLIGHT"
    case maxBufferedBytes = "GATEWAY_MAX_BUFFERED_BYTES"
    case idempotencyLifetime = "GATEWAY_IDEMPOTENCY_LIFETIME"
    case idempotencyBytes = "GATEWAY_IDEMPOTENCY_BYTES"
    case headTimeout = "GATEWAY_HEAD_TIMEOUT"
    case headBytes = "GATEWAY_HEAD_BYTES"
    case bodyTimeout = "GATEWAY_BODY_TIMEOUT"
    case idleTimeout = "GATEWAY_IDLE_TIMEOUT"
    case shutdownDelay = "GATEWAY_SHUTDOWN_DELAY"
    case shutdownTimeout = "GATEWAY_SHUTDOWN_TIMEOUT"
    case logFormat = "GATEWAY_LOG_FORMAT"
    case logLevel = "GATEWAY_LOG_LEVEL"
    case corsOrigins = "GATEWAY_CORS_ORIGINS"
    case allowAnonymous = "GATEWAY_ALLOW_ANONYMOUS"
    case reusePort = "GATEWAY_REUSE_PORT"

    /// The default, as it could be written.
    var defaultText: String {
        switch self {
        case .httpAddress: "127.0.0.1:8080"
        case .amqpURL: "amqp://guest:guest@127.0.0.1:5672/"
        case .wireFormat: "amqp0"
        case .apiKey, .trustedProxies: ""
        case .loops: String(Self.cores)
        case .amqp0Exchange: "socket.io"
        case .amqp0Namespaces: "/"
        case .pythonSocketIOExchange: "socketio"
        case .pythonSocketIOExpiration: "60s"
        case .clusterEnabled: "true"
        case .clusterExchange: "socket.io.cluster"
        case .confirmTimeout, .requestsTimeout: "5s"
        case .amqpHeartbeat: "10s"
        case .maxBodyBytes: "1114112"
        case .maxBatchBytes: "16777216"
        case .maxNames: "100"
        case .maxBatchItems, .maxConnections, .maxInFlight, .maxWaiting: "10000"
        case .maxConnectionsPerAddress: "0"
        case .maxBufferedBytes: "268435456"
        case .idempotencyLifetime: "600s"
        case .idempotencyBytes: "67108864"
        case .headTimeout: "10s"
        case .bodyTimeout: "30s"
        case .headBytes: "12288"
        case .idleTimeout: "130s"
        case .shutdownDelay: "3s"
        case .shutdownTimeout: "6s"
        case .logFormat: "text"
        case .logLevel: "info"
        case .allowAnonymous, .reusePort, .protectMetrics: "false"
        case .corsOrigins: "none"
        }
    }

    /// The cores that this process may use: a container may have fewer than the machine.
    private static var cores: Int { Int(gateway_available_cores()) }

    /// Where it stands in the configuration file: names of mappings, and its own, with dots between them.
    var path: String {
        switch self {
        case .httpAddress: "http.address"
        case .amqpURL: "amqp.url"
        case .wireFormat: "wireFormat"
        case .apiKey: "apiKey"
        case .protectMetrics: "protectMetrics"
        case .loops: "loops"
        case .amqp0Exchange: "amqp0.exchange"
        case .amqp0Namespaces: "amqp0.namespaces"
        case .pythonSocketIOExchange: "pythonSocketio.exchange"
        case .pythonSocketIOExpiration: "pythonSocketio.expiration"
        case .clusterEnabled: "cluster.enabled"
        case .clusterExchange: "cluster.exchange"
        case .requestsTimeout: "cluster.requestsTimeout"
        case .maxWaiting: "cluster.maxWaiting"
        case .confirmTimeout: "amqp.confirmTimeout"
        case .amqpHeartbeat: "amqp.heartbeat"
        case .maxBodyBytes: "limits.maxBodyBytes"
        case .maxBatchBytes: "limits.maxBatchBytes"
        case .maxBatchItems: "limits.maxBatchItems"
        case .maxNames: "limits.maxNames"
        case .maxConnections: "http.maxConnections"
        case .maxConnectionsPerAddress: "http.maxConnectionsPerAddress"
        case .maxInFlight: "http.maxInFlight"
        case .maxBufferedBytes: "http.maxBufferedBytes"
        case .idempotencyLifetime: "idempotency.lifetime"
        case .idempotencyBytes: "idempotency.bytes"
        case .headTimeout: "http.headTimeout"
        case .headBytes: "http.headBytes"
        case .bodyTimeout: "http.bodyTimeout"
        case .idleTimeout: "http.idleTimeout"
        case .shutdownDelay: "shutdown.delay"
        case .shutdownTimeout: "shutdown.timeout"
        case .logFormat: "log.format"
        case .logLevel: "log.level"
        case .allowAnonymous: "allowAnonymous"
        case .reusePort: "http.reusePort"
        case .trustedProxies: "http.trustedProxies"
        case .corsOrigins: "http.corsOrigins"
        }
    }

    /// Settings that there were, by variable and path, and why they are gone.
    static let gone: [(variable: String, path: String, reason: String)] = [
        (
            "GATEWAY_AMQP0_UNION", "amqp0.union",
            "is gone: several rooms always go out so that each socket receives the event once; remove it"
        )
    ]

    /// Whether its value is never shown, and may be in a file of its own.
    var isSecret: Bool { self == .apiKey || self == .amqpURL }

    /// Whether it is a list, with commas between its elements in a variable.
    var isList: Bool { [.amqp0Namespaces, .corsOrigins, .trustedProxies].contains(self) }

    /// Whether a change takes effect while the gateway runs.
    var isReloadable: Bool {
        [.apiKey, .allowAnonymous, .corsOrigins, .trustedProxies, .logLevel].contains(self)
    }
}
