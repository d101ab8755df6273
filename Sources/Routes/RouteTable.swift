package import AMQPBridge
internal import EventLoop
internal import JSON

/// The parts of the process around them that the routes need.
package struct RouteServices: Sendable {
    package var emitter: any EmitService
    /// Asks the servers.
    package var cluster: any ClusterService
    /// How long servers and clients have to answer, unless a request says so.
    package var questionTimeout: Duration
    /// Whether requests can be served, and if not, why.
    package var readiness: @Sendable () -> Readiness
    /// The metrics in Prometheus' text format.
    package var metrics: @Sendable () -> [UInt8]
    /// The configuration that the gateway runs with, without secrets: JSON.
    package var configuration: @Sendable () -> [UInt8]
    /// The API's description, YAML.
    package var openAPI: [UInt8]
    /// The same in JSON.
    package var openAPIAsJSON: @Sendable () -> [UInt8]
    /// The page that explains problems, in Markdown.
    package var problemPage: [UInt8] = []
    /// Whether reading the metrics takes a key. `/readyz` names no brokers then.
    package var protectsMetrics = false
    /// The brokers that are published to, `host:port`.
    package var brokers: @Sendable () -> [String] = { [] }
    /// The gateway's own.
    package var version = ""
    /// What happens in the cluster; `nil`: it is turned off.
    package var events: EventFeed?
    /// What goes through the gateway.
    package var tail = Tail()
    package var streams = StreamPlaces()
    /// The console's files; none: it is turned off.
    package var console: [ConsoleFile] = []

    package init(
        emitter: any EmitService, cluster: any ClusterService, questionTimeout: Duration = .seconds(5),
        readiness: @escaping @Sendable () -> Readiness,
        metrics: @escaping @Sendable () -> [UInt8], configuration: @escaping @Sendable () -> [UInt8], openAPI: [UInt8],
        openAPIAsJSON: @escaping @Sendable () -> [UInt8]
    ) {
        self.emitter = emitter
        self.cluster = cluster
        self.questionTimeout = questionTimeout
        self.readiness = readiness
        self.metrics = metrics
        self.configuration = configuration
        self.openAPI = openAPI
        self.openAPIAsJSON = openAPIAsJSON
    }
}

/// The answer of `/readyz`.
package enum Readiness: Sendable, Equatable {
    case ready, brokerUnavailable, brokerBlocked, shuttingDown
}

extension Router {
    /// Every route of the gateway.
    ///
    /// - Parameters:
    ///   - deliveries: one for the whole process, as are the answers for idempotency keys.
    ///   - clock: seconds since 1970.
    package convenience init(
        services: RouteServices, access: AccessPolicy, limits: Limits = Limits(),
        idempotency: IdempotencyStore = IdempotencyStore(), hooks table: HookTable = .none,
        deliveries: DeliveryStore = DeliveryStore(), clock: @escaping @Sendable () -> Int64 = UnixTime.now
    ) {
        let (cluster, emitter, timeout) = (services.cluster, services.emitter, services.questionTimeout)
        let outlines = KnownOutlines()
        let emit = EmitRoute(emitter: emitter, timeout: timeout, outlines: outlines)
        let batches = BatchCounters()
        let batch = BatchRoute(
            emitter: services.emitter, limits: limits, timeout: timeout, counters: batches, outlines: outlines)
        let sockets = SocketRoutes(cluster: cluster, emitter: emitter, timeout: timeout)
        let rooms = RoomRoutes(cluster: cluster, timeout: timeout)
        let servers = ServerRoutes(cluster: cluster, emitter: emitter, timeout: timeout)
        let configuration = ConfigurationRoute(document: services.configuration)
        let service = ServiceRoutes(services: services)
        let console = ConsoleRoutes(services.console)
        let runner = DeliveryRunner(emitter: emitter, deliveries: deliveries)
        let hooks = HookRoute(runner: runner, clock: clock)
        let cloudEvents = CloudEventRoute(runner: runner)
        self.init(
            routes: [
                Route(method: .post, path: "/v1/emit", scope: .emit, body: .json, handler: emit.post),
                Route(method: .post, path: "/v1/batch", scope: .emit, body: .batch, task: batch.post),
                Route(method: .get, path: "/v1/sockets", scope: .readSockets, task: sockets.list),
                Route(
                    method: .post, path: "/v1/sockets/query", scope: .readSockets, body: .json, task: sockets.list),
                Route(method: .get, path: "/v1/sockets/{id}", scope: .readSockets, task: sockets.get),
                Route(
                    method: .delete, path: "/v1/sockets/{id}", scope: .disconnectSockets, task: sockets.disconnectOne
                ),
                Route(
                    method: .post, path: "/v1/sockets/{id}/join", scope: .writeRooms, body: .json,
                    task: sockets.joinOne),
                Route(
                    method: .post, path: "/v1/sockets/{id}/leave", scope: .writeRooms, body: .json,
                    task: sockets.leaveOne),
                Route(method: .post, path: "/v1/sockets/join", scope: .writeRooms, body: .json, task: sockets.join),
                Route(
                    method: .post, path: "/v1/sockets/leave", scope: .writeRooms, body: .json, task: sockets.leave),
                Route(
                    method: .post, path: "/v1/sockets/disconnect", scope: .disconnectSockets, body: .json,
                    task: sockets.disconnect),
                Route(method: .get, path: "/v1/rooms", scope: .readRooms, task: rooms.list),
                Route(method: .get, path: "/v1/counts", scope: .readRooms, task: rooms.counts),
                Route(method: .post, path: "/v1/counts", scope: .readRooms, body: .json, task: rooms.counts),
                Route(method: .get, path: "/v1/servers", scope: .readServers, task: servers.list),
                Route(
                    method: .post, path: "/v1/servers/emit", scope: .emitToServers, body: .json, task: servers.emit),
                Route(
                    method: .get, path: "/v1/events", scope: .readEvents,
                    stream: EventRoute(feed: services.events, places: services.streams).get),
                Route(
                    method: .get, path: "/v1/tail", scope: .tail,
                    stream: TailRoute(tail: services.tail, places: services.streams).get),
                Route(method: .get, path: "/v1/me", scope: nil, takesAnyKey: true, answer: MeRoute().get),
                Route(method: .get, path: "/v1/config", scope: .readConfiguration, answer: configuration.get),
                Route(method: .post, path: WebhookPaths.hook, scope: nil, body: .hook, handler: hooks.post),
                Route(method: .get, path: WebhookPaths.hook, scope: nil, answer: hooks.get),
                Route(method: .options, path: WebhookPaths.hook, scope: nil, answer: hooks.options),
                Route(
                    method: .post, path: WebhookPaths.cloudEvents, scope: .emit, body: .cloudEvents,
                    handler: cloudEvents.post),
                Route(method: .options, path: WebhookPaths.cloudEvents, scope: nil, answer: cloudEvents.options),
                Route(method: .get, path: "/", scope: nil, isVital: true, answer: service.root),
                Route(method: .get, path: "/livez", scope: nil, isVital: true, answer: service.alive),
                Route(method: .get, path: "/readyz", scope: nil, isVital: true, answer: service.ready),
                Route(
                    method: .get, path: "/metrics", scope: services.protectsMetrics ? .metrics : nil, isVital: true,
                    answer: service.metrics),
                Route(method: .get, path: "/openapi.yaml", scope: nil, isVital: true, answer: service.openAPI),
                Route(method: .get, path: "/openapi.json", scope: nil, isVital: true, answer: service.openAPIAsJSON),
                Route(method: .get, path: "/problems", scope: nil, isVital: true, answer: service.problems),
                Route(method: .get, path: "/console", scope: nil, isVital: true, answer: console.redirect),
                Route(method: .get, path: "/console/", scope: nil, isVital: true, answer: console.file),
                Route(method: .get, path: "/console/{asset}", scope: nil, isVital: true, answer: console.file),
                Route(method: .get, path: "/console/vendor/{asset}", scope: nil, isVital: true, answer: console.file),
            ], access: access, limits: limits, idempotency: idempotency, hooks: table,
            tail: services.tail, hasConsole: !services.console.isEmpty, batches: batches)
    }
}
