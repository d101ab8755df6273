internal import AMQP
internal import AMQPBridge
internal import Logging
internal import Routes

/// The services that a process has once, and all of its loops use: made before the first of them.
struct ProcessServices: Sendable {
    let configuration: Configuration
    let load: HTTPLoad
    let logger: Logger
    let logLevel: LogLevel
    let idempotency: IdempotencyStore
    let deliveries = DeliveryStore()
    let knowledge = BrokerKnowledge()
    let unroutedLog: UnroutedLog
    /// The streams that are open.
    let streams: StreamPlaces
    /// What goes through the gateway.
    let tail = Tail()
    /// What happens in the cluster; `nil`: servers are asked nothing.
    let events: EventFeed?
    /// Asks the servers; `nil`: they are asked nothing.
    let cluster: ClusterClient?

    init(_ configuration: Configuration, load: HTTPLoad, logger: Logger, logLevel: LogLevel) {
        self.configuration = configuration
        self.load = load
        self.logger = logger
        self.logLevel = logLevel
        streams = StreamPlaces(most: configuration.mostStreams)
        idempotency = IdempotencyStore(limits: configuration.idempotencyLimits)
        unroutedLog = UnroutedLog(
            logger, wireFormat: configuration.wireFormatName, virtualHost: configuration.broker.endpoint.virtualHost)
        let events = configuration.asksServers ? EventFeed() : nil
        self.events = events
        cluster =
            configuration.asksServers
            ? ClusterClient(
                configuration.cluster, broker: configuration.broker, wireFormat: configuration.wireFormat,
                knowledge: knowledge, logger: logger, eventsCame: { events?.take($0) }) : nil
        if let cluster {
            events?.connect(
                want: { cluster.want($0) }, readerCame: { cluster.receiverCame() })
        }
    }
}
