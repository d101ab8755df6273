internal import AMQPBridge
internal import CLinux
internal import SettingTypes

/// Every setting there is: a row each, from which come what is read, said, shown and documented of it. A new one is a
/// row here, a property of the same name in ``ServeOptions`` for its option, and its use.
struct Settings: Sendable {
    static let table = Settings()

    let httpAddress = SettingRow(
        "GATEWAY_HTTP_ADDRESS", "http.address", .listenAddress, default: "127.0.0.1:8080",
        help: "Where to listen; [v6]:port for IPv6, :port for every IPv4 address, unix:/path for a Unix socket.")
    let socketMode = SettingRow(
        "GATEWAY_SOCKET_MODE", "http.socketMode", .fileMode, default: "0660",
        help: "Who may connect to a Unix socket: its permissions.")
    let adminAddress = SettingRow(
        "GATEWAY_ADMIN_ADDRESS", "http.adminAddress", .optionalListenAddress, default: "",
        help: """
            Where to listen for /livez, /readyz and /metrics alone, and for the console with the API; /metrics and the console \
            are nowhere else then.
            """)
    let httpsAddress = SettingRow(
        "GATEWAY_HTTPS_ADDRESS", "https.address", .optionalTCPAddress, default: "",
        help: "Where to listen with TLS, beside http.address.")
    let httpsCertificateFile = SettingRow(
        "GATEWAY_HTTPS_CERTIFICATE_FILE", "https.certificateFile", .file, default: "",
        help:
            "The certificate (PEM), with those between it and its authority. What is in the file may change at any time.",
        reloadable: true)
    let httpsKeyFile = SettingRow(
        "GATEWAY_HTTPS_KEY_FILE", "https.keyFile", .file, default: "",
        help: "Its key (PEM), without a passphrase; if it is not in the same file.", reloadable: true)
    let amqpURL = SettingRow(
        "GATEWAY_AMQP_URL", "amqp.url", .amqpURI, default: "amqp://guest:guest@127.0.0.1:5672/",
        help: """
            RabbitMQ; amqps:// for TLS; an empty path means the virtual host '/'. Several hosts with commas between them, several \
            URLs with semicolons: any of them will do.
            """, secret: .password)
    let amqpCAFile = SettingRow(
        "GATEWAY_AMQP_CA_FILE", "amqp.caFile", .file, default: "",
        help: "TLS: a file of certificate authorities (PEM) that are believed beside the system's.")
    let amqpCertificateFile = SettingRow(
        "GATEWAY_AMQP_CERTIFICATE_FILE", "amqp.certificateFile", .file, default: "",
        help: "TLS: the client certificate (PEM), with those between it and its authority.")
    let amqpKeyFile = SettingRow(
        "GATEWAY_AMQP_KEY_FILE", "amqp.keyFile", .file, default: "",
        help: "TLS: its key (PEM), without a passphrase; if it is not in the same file.")
    let amqpServerName = SettingRow(
        "GATEWAY_AMQP_SERVER_NAME", "amqp.serverName", .hostName, default: "",
        help: "TLS: the name in RabbitMQ's certificate, if it is not the host's.")
    let amqpVerify = SettingRow(
        "GATEWAY_AMQP_VERIFY", "amqp.verify", .onOff, default: "true",
        help:
            "TLS: whether RabbitMQ's certificate is checked. Without that anybody on the way can read and change everything."
    )
    let wireFormat = SettingRow(
        "GATEWAY_WIRE_FORMAT", "wireFormat", .oneOf(WireFormats.all.map { $0.name }.sorted()), default: "amqp0",
        help: "The servers' wire format.")
    let apiKey = SettingRow(
        "GATEWAY_API_KEY", "apiKey", .text, default: "", help: "One key with all rights.", secret: .all,
        reloadable: true)
    let protectMetrics = SettingRow(
        "GATEWAY_PROTECT_METRICS", "protectMetrics", .onOff, default: "false",
        help: "Let only keys with the scope metrics read /metrics; /readyz names no brokers.")
    let console = SettingRow(
        "GATEWAY_CONSOLE", "console", .onOff, default: "false",
        help: "Serve the console at /console/: at http.adminAddress alone if there is one.")
    let loops = SettingRow(
        "GATEWAY_LOOPS", "loops", .count(1...256), default: String(gateway_available_cores()),
        documentedDefault: "the cores it may use",
        help: "Event loops: each has a thread, an HTTP daemon and a broker connection.")
    /// The settings of the wire formats, each of which names its own.
    let wireFormats = WireFormats.all.flatMap { $0.settings }
    let clusterEnabled = SettingRow(
        "GATEWAY_CLUSTER_ENABLED", "cluster.enabled", .onOff, default: "true",
        help: """
            Whether servers are asked anything. If not, questions, acknowledgements, and exceptions that are rooms for \
            python-socketio are answered 501; changes that python-socketio has messages for are published.
            """)
    let requestsTimeout = SettingRow(
        "GATEWAY_REQUESTS_TIMEOUT", "cluster.requestsTimeout", .duration(to: .seconds(60)), default: "5s",
        help: "How long servers and clients have to answer, unless a request says so.")
    let maxWaiting = SettingRow(
        "GATEWAY_MAX_WAITING", "cluster.maxWaiting", .count(1...1_000_000), default: "10000",
        help: "The most requests that wait for servers or clients to answer; more are answered 503.")
    let confirmTimeout = SettingRow(
        "GATEWAY_CONFIRM_TIMEOUT", "amqp.confirmTimeout", .duration(), default: "5s",
        help: "How long to wait for a publisher confirm.")
    let amqpHeartbeat = SettingRow(
        "GATEWAY_AMQP_HEARTBEAT", "amqp.heartbeat", .wholeSeconds(from: .zero), default: "10s",
        help: "AMQP heartbeat interval; 0: none.")
    let maxBodyBytes = SettingRow(
        "GATEWAY_MAX_BODY_BYTES", "limits.maxBodyBytes", .bytes(1_024...16_777_216), default: "1114112",
        help: "The longest request body: 1 MiB of arguments and 64 KiB around them.")
    let maxBatchBytes = SettingRow(
        "GATEWAY_MAX_BATCH_BYTES", "limits.maxBatchBytes", .bytes(1_024...268_435_456), default: "16777216",
        help: "The longest body of a batch; its items may be as long as an emit's body.")
    let maxBatchItems = SettingRow(
        "GATEWAY_MAX_BATCH_ITEMS", "limits.maxBatchItems", .count(1...1_000_000), default: "10000",
        help: "The most emits of a batch.")
    let maxNames = SettingRow(
        "GATEWAY_MAX_NAMES", "limits.maxNames", .count(1...10_000), default: "100",
        help: "The most rooms and exceptions of one emit.")
    let maxConnections = SettingRow(
        "GATEWAY_MAX_CONNECTIONS", "http.maxConnections", .count(1...1_000_000), default: "10000",
        help: """
            The most connections, over all loops; then the one that has been idle longest makes room for a new one.
            """)
    let maxConnectionsPerAddress = SettingRow(
        "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", "http.maxConnectionsPerAddress",
        .count(0...1_000_000, zero: "no limit"), default: "0",
        help: """
            The most connections from one IPv4 address or IPv6 /64, or its requests at a time through trusted proxies.
            """)
    let trustedProxies = SettingRow(
        "GATEWAY_TRUSTED_PROXIES", "http.trustedProxies", .trustedProxies, default: "",
        help: "Proxies whose X-Forwarded-For is believed; unix: all who come over a Unix socket.", reloadable: true)
    let maxInFlight = SettingRow(
        "GATEWAY_MAX_IN_FLIGHT", "http.maxInFlight", .count(1...1_000_000), default: "10000",
        help: "The most requests under way; more are answered 503.")
    let maxStreams = SettingRow(
        "GATEWAY_MAX_STREAMS", "http.maxStreams", .count(1...100_000), default: "100",
        help: "The most streams, of events and of the tail, over all loops; more are answered 503.")
    let eventsGrace = SettingRow(
        "GATEWAY_EVENTS_GRACE", "events.grace", .duration(from: .zero, to: .seconds(60)), default: "3s",
        help: "How long the end of a room or a socket is held back: what is back by then was never gone.")
    let eventsExchange = SettingRow(
        "GATEWAY_EVENTS_EXCHANGE", "events.exchange", .optionalExchangeName, default: "",
        help: "The topic exchange to which one of all gateways publishes events; empty: none.")
    let maxBufferedBytes = SettingRow(
        "GATEWAY_MAX_BUFFERED_BYTES", "http.maxBufferedBytes", .bytes(1_048_576...1_099_511_627_776),
        default: "268435456",
        help: """
            The most bytes of request bodies not yet answered and of answers not yet sent, over all loops; more are answered \
            503, so it must be more than a batch.
            """)
    let idempotencyLifetime = SettingRow(
        "GATEWAY_IDEMPOTENCY_LIFETIME", "idempotency.lifetime", .duration(), default: "600s",
        help: "How long the answer for an Idempotency-Key is kept.")
    let idempotencyBytes = SettingRow(
        "GATEWAY_IDEMPOTENCY_BYTES", "idempotency.bytes", .bytes(65_536...1_099_511_627_776), default: "67108864",
        help: "The most bytes of keys and answers kept, over all loops; more are answered 503.")
    let headTimeout = SettingRow(
        "GATEWAY_HEAD_TIMEOUT", "http.headTimeout", .duration(), default: "10s",
        help: "How long a request's head may take.")
    let headBytes = SettingRow(
        "GATEWAY_HEAD_BYTES", "http.headBytes", .bytes(8_192...65_536), default: "12288",
        help: """
            Memory for a request's head, 2048 bytes of which are for the answer's; an idle connection keeps as much.
            """)
    let bodyTimeout = SettingRow(
        "GATEWAY_BODY_TIMEOUT", "http.bodyTimeout", .duration(), default: "30s",
        help: "How long a request's body may take.")
    let idleTimeout = SettingRow(
        "GATEWAY_IDLE_TIMEOUT", "http.idleTimeout", .wholeSeconds(from: .seconds(1)), default: "130s",
        help: """
            How long a connection may do nothing: longer than what stands before the gateway keeps its own (nginx and AWS 60 s, \
            Caddy and Traefik 90 to 120 s), or a request can meet the end of one, a 502.
            """)
    let shutdownDelay = SettingRow(
        "GATEWAY_SHUTDOWN_DELAY", "shutdown.delay", .duration(from: .zero), default: "3s",
        help: """
            At shutdown: how long to take connections after /readyz has begun to fail, for load balancers to see it; none for \
            Ctrl-C in a terminal.
            """)
    let shutdownTimeout = SettingRow(
        "GATEWAY_SHUTDOWN_TIMEOUT", "shutdown.timeout", .duration(from: .zero), default: "6s",
        help: "At shutdown: how long requests in flight may take after that.")
    let logFormat = SettingRow(
        "GATEWAY_LOG_FORMAT", "log.format", .logFormat, default: "text", help: "What lines on standard error are.")
    let logLevel = SettingRow(
        "GATEWAY_LOG_LEVEL", "log.level", .logLevel, default: "info", help: "The least of what is logged.",
        reloadable: true)
    let corsOrigins = SettingRow(
        "GATEWAY_CORS_ORIGINS", "http.corsOrigins", .corsOrigins, default: "none",
        help: "Whose web pages may call the gateway and read its answers.", reloadable: true)
    let allowAnonymous = SettingRow(
        "GATEWAY_ALLOW_ANONYMOUS", "allowAnonymous", .onOff, default: "false",
        help: "Serve without a key; on a loopback address only what comes from this machine.", reloadable: true)
    let replicas = SettingRow(
        "GATEWAY_REPLICAS", "replicas", .count(1...1_000), default: "1",
        help: "How many gateways give each key its rate together; rates of hooks are not divided.", reloadable: true)
    let reusePort = SettingRow(
        "GATEWAY_REUSE_PORT", "http.reusePort", .onOff, default: "false",
        help: "Share the port with another process that does the same.")
}

/// A row of the table, whatever its values are.
private protocol SettingInTable {
    var setting: Setting { get }
}

extension SettingRow: SettingInTable {}

extension Setting {
    /// The setting of a row: `Setting(\.loops)`.
    init<Value>(_ row: KeyPath<Settings, SettingRow<Value>>) { self = Settings.table[keyPath: row].setting }

    /// The settings, in the order of the table.
    static let all = Mirror(reflecting: Settings.table).children.flatMap { child -> [Setting] in
        switch child.value {
        case let row as any SettingInTable: [row.setting]
        case let settings as [Setting]: settings
        default: preconditionFailure("\(child.label ?? "a row") of the table is no setting")
        }
    }

    /// The settings that have a property of ``Settings``, with its name.
    static let named = Mirror(reflecting: Settings.table).children.compactMap { child in
        (child.value as? any SettingInTable).map { (name: child.label!, setting: $0.setting) }
    }

    /// Settings that there were, by variable and path, and why they are gone.
    static let gone: [(variable: String, path: String, reason: String)] = [
        (
            "GATEWAY_AMQP0_UNION", "amqp0.union",
            "is gone: several rooms always go out so that each socket receives the event once; remove it"
        )
    ]
}
