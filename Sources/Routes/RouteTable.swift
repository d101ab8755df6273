public import AMQPBridge

/// What the routes need from the process around them.
public struct RouteServices: Sendable {
    public var emitter: any EmitService
    /// Whether requests can be served, and if not, why.
    public var readiness: @Sendable () -> Readiness
    /// The metrics in Prometheus' text format.
    public var metrics: @Sendable () -> [UInt8]
    /// The API's description, YAML.
    public var openAPI: [UInt8]

    public init(
        emitter: any EmitService, readiness: @escaping @Sendable () -> Readiness,
        metrics: @escaping @Sendable () -> [UInt8], openAPI: [UInt8]
    ) {
        self.emitter = emitter
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
        let emit = EmitRoute(emitter: services.emitter)
        let batch = BatchRoute(emitter: services.emitter, limits: limits)
        let service = ServiceRoutes(services: services)
        self.init(
            routes: [
                Route(method: .post, path: "/v1/emit", body: .json, handler: emit.post),
                Route(method: .post, path: "/v1/batch", body: .batch, handler: batch.post),
                Route(method: .get, path: "/livez", isPublic: true, handler: service.alive),
                Route(method: .get, path: "/readyz", isPublic: true, handler: service.ready),
                Route(method: .get, path: "/metrics", isPublic: true, handler: service.metrics),
                Route(method: .get, path: "/openapi.yaml", isPublic: true, handler: service.openAPI),
            ], access: access, limits: limits, idempotency: idempotency)
    }
}
