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

        var mediaTypes: [MediaType] {
            switch self {
            case .none: []
            case .json: [.json]
            case .batch: [.json, .ndjson]
            case .hook, .cloudEvents: []
            }
        }

        /// - Returns: what the body should be, if it is something else.
        func wanted(insteadOf head: RequestHead) -> String? {
            let type = head.fields[.contentType]
            switch self {
            case .none, .cloudEvents: return nil
            case .json, .batch:
                if let type = type.flatMap({ MediaType($0) }), mediaTypes.contains(type) { return nil }
                return mediaTypes.map(\.rawValue).joined(separator: " or ")
            case .hook:
                guard let type = type.map(ContentType.init) else { return head.announcesBody ? "JSON or a form" : nil }
                return type.isUTF8 && (type.isJSON || type.isForm) ? nil : "JSON or a form"
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
