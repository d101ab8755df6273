/// One method of one path, and what answers it.
final class Route: Sendable {
    let method: HTTPMethod
    let path: String
    /// What a key needs for it; `nil`: nothing.
    let scope: Scope?
    /// Whether it takes no key at all: it is for all, or a request proves by itself whose it is.
    let isPublic: Bool
    /// Served also when there is too much to do.
    let isVital: Bool
    let body: Body
    let handler: @Sendable (Request) async throws(Problem) -> Response
    /// Whether it belongs to a hook, which says itself whom it trusts.
    let isHook: Bool
    /// Whether the configuration of hooks and CloudEvents is asked for it.
    let isDelivery: Bool

    /// What a route reads.
    enum Body: Sendable {
        case none
        /// One JSON text.
        case json
        /// Many emits, as JSON or NDJSON.
        case batch
        /// What a hook takes: anything in JSON, forms, or nothing at all.
        case hook
        /// Anything; the handler says what it is.
        case cloudEvents

        /// Whether the body is what the route reads, as far as the head says.
        func takes(_ head: RequestHead) -> Bool {
            let type = head.fields[.contentType]
            switch self {
            case .none, .cloudEvents: return true
            case .json: return type.flatMap { MediaType($0) } == .json
            case .batch: return type.flatMap { MediaType($0) } != nil
            case .hook:
                guard let type = type.map(ContentType.init) else { return !head.announcesBody }
                return type.isUTF8 && (type.isJSON || type.isForm)
            }
        }

        func limit(_ limits: Router.Limits) -> Int? {
            switch self {
            case .none: nil
            case .json, .hook, .cloudEvents: limits.bodyBytes
            case .batch: limits.batchBytes
            }
        }
    }

    /// Whether a repeated `Idempotency-Key` gets the first answer again.
    var takesIdempotencyKey: Bool {
        switch body {
        // Deliveries have ids of their own.
        case .hook, .cloudEvents: false
        case .none, .json, .batch: method == .post
        }
    }

    init(
        method: HTTPMethod, path: String, scope: Scope?, takesAnyKey: Bool = false, isVital: Bool = false,
        body: Body = .none,
        handler: @escaping @Sendable (Request) async throws(Problem) -> Response
    ) {
        self.method = method
        self.path = path
        self.scope = scope
        isPublic = scope == nil && !takesAnyKey
        self.isVital = isVital
        self.body = body
        self.handler = handler
        isHook = path == WebhookPaths.hook
        isDelivery = isHook || path == WebhookPaths.cloudEvents
    }
}
