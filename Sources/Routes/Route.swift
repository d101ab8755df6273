/// One method of one path, and what answers it.
final class Route: Sendable {
    let method: HTTPMethod
    let path: String
    /// The scope that a key needs for it; `nil`: none.
    let scope: Scope?
    /// Whether it takes no key at all: it is for all, or a request proves by itself whose it is.
    let isPublic: Bool
    /// Served also when there is too much to do.
    let isVital: Bool
    let body: Body
    let handler: Handler
    /// Whether it belongs to a hook, which says itself whom it trusts.
    let isHook: Bool
    /// Whether it is there only for hooks whose senders ask before their first delivery.
    let isHandshake: Bool
    /// Whether the configuration of hooks and CloudEvents is asked for it.
    let isDelivery: Bool

    /// How a handler goes on.
    enum Progress {
        case answered(Response)
        /// It has called ``Request/answer(_:)``, or will, on the loop: nobody but the broker is waited for.
        case waitsForBroker
        /// Others are waited for, and that takes a task.
        case needsTask(Work)
    }

    /// Runs on the request's loop, up to where it waits for something.
    typealias Handler = @Sendable (Request) throws(Problem) -> Progress
    typealias Work = @Sendable () async throws(Problem) -> Response

    /// The bodies that a route reads.
    enum Body: Sendable {
        case none
        /// One JSON text.
        case json
        /// Many emits, as JSON or NDJSON.
        case batch
        /// The bodies that a hook takes: any JSON, forms, or none at all.
        case hook
        /// Anything; the handler says what it is.
        case cloudEvents

        /// Whether the body is what the route reads, as far as the head says.
        func takes(_ head: RequestHead) -> Bool {
            switch self {
            case .none, .cloudEvents: return true
            case .json: return MediaType(head.fields) == .json
            case .batch: return MediaType(head.fields) != nil
            case .hook:
                guard let type = head.fields[.contentType].map(ContentType.init) else { return !head.announcesBody }
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
        body: Body = .none, handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.scope = scope
        isPublic = scope == nil && !takesAnyKey
        self.isVital = isVital
        self.body = body
        self.handler = handler
        isHook = path == WebhookPaths.hook
        isHandshake = isHook && method == .get
        isDelivery = isHook || path == WebhookPaths.cloudEvents
    }

    /// A route that waits for nobody.
    convenience init(
        method: HTTPMethod, path: String, scope: Scope?, takesAnyKey: Bool = false, isVital: Bool = false,
        answer: @escaping @Sendable (Request) throws(Problem) -> Response
    ) {
        self.init(method: method, path: path, scope: scope, takesAnyKey: takesAnyKey, isVital: isVital) {
            request throws(Problem) in
            .answered(try answer(request))
        }
    }

    /// A route whose answer goes on for as long as its client stays.
    convenience init(
        method: HTTPMethod, path: String, scope: Scope?,
        stream: @escaping @Sendable (Request) throws(Problem) -> StreamedAnswer
    ) {
        self.init(method: method, path: path, scope: scope) { request throws(Problem) in
            let answer = try stream(request)
            request.stream = answer.body
            return .answered(answer.head)
        }
    }

    /// A route that waits for others than the broker.
    convenience init(
        method: HTTPMethod, path: String, scope: Scope?, body: Body = .none,
        task: @escaping @Sendable (Request) async throws(Problem) -> Response
    ) {
        self.init(method: method, path: path, scope: scope, body: body) { request in
            .needsTask { () async throws(Problem) in try await task(request) }
        }
    }
}
