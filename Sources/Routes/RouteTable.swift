public import AMQPBridge

/// What the routes need from the process around them.
public struct RouteServices: Sendable {
    public var emitter: any EmitService
    /// Asks the servers.
    public var cluster: any ClusterService
    /// How long servers and clients have to answer, unless a request says so.
    public var questionTimeout: Duration
    /// Whether requests can be served, and if not, why.
    public var readiness: @Sendable () -> Readiness
    /// The metrics in Prometheus' text format.
    public var metrics: @Sendable () -> [UInt8]
    /// The API's description, YAML.
    public var openAPI: [UInt8]

    public init(
        emitter: any EmitService, cluster: any ClusterService, questionTimeout: Duration = .seconds(5),
        readiness: @escaping @Sendable () -> Readiness,
        metrics: @escaping @Sendable () -> [UInt8], openAPI: [UInt8]
    ) {
        self.emitter = emitter
        self.cluster = cluster
        self.questionTimeout = questionTimeout
        self.readiness = readiness
        self.metrics = metrics
        self.openAPI = openAPI
    }
}

/// What `/readyz` says.
public enum Readiness: Sendable, Equatable {
    case ready, brokerUnavailable, brokerBlocked, shuttingDown
}

extension Router {
    /// Every route of the gateway.
    public convenience init(
        services: RouteServices, access: AccessPolicy, limits: Limits = Limits(),
        idempotency: IdempotencyStore = IdempotencyStore()
    ) {
        let (cluster, emitter, timeout) = (services.cluster, services.emitter, services.questionTimeout)
        let emit = EmitRoute(emitter: emitter, timeout: timeout)
        let batch = BatchRoute(emitter: services.emitter, limits: limits)
        let sockets = SocketRoutes(cluster: cluster, emitter: emitter, timeout: timeout)
        let rooms = RoomRoutes(cluster: cluster, timeout: timeout)
        let servers = ServerRoutes(cluster: cluster, emitter: emitter, timeout: timeout)
        let service = ServiceRoutes(services: services)
        self.init(
            routes: [
                Route(method: .post, path: "/v1/emit", body: .json, handler: emit.post),
                Route(method: .post, path: "/v1/batch", body: .batch, handler: batch.post),
                Route(method: .get, path: "/v1/sockets", handler: sockets.list),
                Route(method: .post, path: "/v1/sockets/query", body: .json, handler: sockets.list),
                Route(method: .get, path: "/v1/sockets/{id}", handler: sockets.get),
                Route(method: .delete, path: "/v1/sockets/{id}", handler: sockets.disconnectOne),
                Route(method: .post, path: "/v1/sockets/{id}/join", body: .json, handler: sockets.joinOne),
                Route(method: .post, path: "/v1/sockets/{id}/leave", body: .json, handler: sockets.leaveOne),
                Route(method: .post, path: "/v1/sockets/join", body: .json, handler: sockets.join),
                Route(method: .post, path: "/v1/sockets/leave", body: .json, handler: sockets.leave),
                Route(method: .post, path: "/v1/sockets/disconnect", body: .json, handler: sockets.disconnect),
                Route(method: .get, path: "/v1/rooms", handler: rooms.list),
                Route(method: .get, path: "/v1/counts", handler: rooms.counts),
                Route(method: .post, path: "/v1/counts", body: .json, handler: rooms.counts),
                Route(method: .get, path: "/v1/servers", handler: servers.list),
                Route(method: .post, path: "/v1/servers/emit", body: .json, handler: servers.emit),
                Route(method: .get, path: "/livez", isPublic: true, handler: service.alive),
                Route(method: .get, path: "/readyz", isPublic: true, handler: service.ready),
                Route(method: .get, path: "/metrics", isPublic: true, handler: service.metrics),
                Route(method: .get, path: "/openapi.yaml", isPublic: true, handler: service.openAPI),
            ], access: access, limits: limits, idempotency: idempotency)
    }
}
