internal import ArgumentParser

/// The options of `serve`, a line for each setting; the row of ``Settings`` says the rest. All are text here: whatever
/// gives a setting is read alike.
struct ServeOptions: ParsableArguments {
    @Option(\.httpAddress) var httpAddress: String?
    @Option(\.socketMode) var socketMode: String?
    @Option(\.adminAddress) var adminAddress: String?
    @Option(\.httpsAddress) var httpsAddress: String?
    @Option(\.httpsCertificateFile) var httpsCertificateFile: String?
    @Option(\.httpsKeyFile) var httpsKeyFile: String?
    @OptionGroup var broker: BrokerOptions
    @Option(\.loops) var loops: String?
    @Option(\.clusterEnabled) var clusterEnabled: String?
    @Option(\.requestsTimeout) var requestsTimeout: String?
    @Option(\.maxWaiting) var maxWaiting: String?
    @Option(\.maxBodyBytes) var maxBodyBytes: String?
    @Option(\.maxBatchBytes) var maxBatchBytes: String?
    @Option(\.maxBatchItems) var maxBatchItems: String?
    @Option(\.maxConnections) var maxConnections: String?
    @Option(\.maxConnectionsPerAddress) var maxConnectionsPerAddress: String?
    @Option(\.trustedProxies) var trustedProxies: String?
    @Option(\.maxInFlight) var maxInFlight: String?
    @Option(\.maxStreams) var maxStreams: String?
    @Option(\.eventsGrace) var eventsGrace: String?
    @Option(\.eventsExchange) var eventsExchange: String?
    @Option(\.maxBufferedBytes) var maxBufferedBytes: String?
    @Option(\.idempotencyLifetime) var idempotencyLifetime: String?
    @Option(\.idempotencyBytes) var idempotencyBytes: String?
    @Option(\.headTimeout) var headTimeout: String?
    @Option(\.headBytes) var headBytes: String?
    @Option(\.bodyTimeout) var bodyTimeout: String?
    @Option(\.idleTimeout) var idleTimeout: String?
    @Option(\.shutdownDelay) var shutdownDelay: String?
    @Option(\.shutdownTimeout) var shutdownTimeout: String?
    @Option(\.logFormat) var logFormat: String?
    @Option(\.logLevel) var logLevel: String?
    @Option(\.corsOrigins) var corsOrigins: String?
    @Option(\.replicas) var replicas: String?
    @Flag(\.allowAnonymous) var allowAnonymous = false
    @Flag(\.protectMetrics) var protectMetrics = false
    @Flag(\.reusePort) var reusePort = false
    @Flag(\.console) var console = false
}
