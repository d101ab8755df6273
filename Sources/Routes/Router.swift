internal import AMQPBridge

/// Finds the route of a request, checks all that can be checked before the body, and answers.
///
/// One per event loop. `@unchecked Sendable`: used on its loop's thread only; the counters may be read from anywhere.
public final class Router: @unchecked Sendable {
    public struct Limits: Sendable, Equatable {
        /// The longest request body, in bytes: arguments of 1 MiB and 64 KiB around them.
        public var bodyBytes = 1_024 * 1_024 + 64 * 1_024
        /// The longest body of a batch, in bytes.
        public var batchBytes = 16 << 20
        /// The most emits in a batch.
        public var batchItems = 10_000

        public init() {}

        /// The longest body of all.
        public var largestBody: Int { max(bodyBytes, batchBytes) }
    }

    public let limits: Limits
    public let counters: RequestCounters
    public let batches: BatchCounters
    /// Who may do what. May be replaced at any time, on the loop's thread; requests that are admitted already go on.
    public var access: AccessPolicy
    /// The hooks, and what CloudEvents become. May be replaced as ``access``: a delivery is what it was when its head came.
    public var hooks: HookTable
    let routes: [Route]
    private let idempotency: IdempotencyStore
    private let paths: [String: Path]
    /// Those with a `{id}` in them.
    private let templates: [PathTemplate]
    private let unknownPath: Int
    private var identifiers = ULIDGenerator()

    init(
        routes: [Route], access: AccessPolicy, limits: Limits, idempotency: IdempotencyStore,
        hooks: HookTable = .none, batches: BatchCounters = BatchCounters()
    ) {
        let counters = RequestCounters(routes: routes)
        let all = Dictionary(grouping: routes, by: \.path).reduce(into: [String: Path]()) { paths, group in
            precondition(
                Set(group.value.map(\.method)).count == group.value.count, "two routes for a method of \(group.key)")
            paths[group.key] = Path(number: counters.index(of: group.key), routes: group.value)
        }
        templates = all.compactMap { PathTemplate($0, $1) }
        paths = all.filter { !$0.key.contains("{") }
        unknownPath = counters.index(of: RequestCounters.unknownRoute)
        self.routes = routes
        self.counters = counters
        self.batches = batches
        self.access = access
        self.limits = limits
        self.idempotency = idempotency
        self.hooks = hooks
    }

    public enum Admission: Sendable {
        case admitted(AdmittedRequest)
        case answered(Response)
    }

    /// Decides on a request by its head alone: path, method, credentials, media type, announced length.
    ///
    /// - Parameter isOverloaded: whether as many requests as allowed are under way already. Health checks and metrics
    ///   are served all the same.
    public func admit(_ head: RequestHead, isOverloaded: Bool = false) -> Admission {
        let (path, parameter) = find(head.path)
        let subject = Subject(
            head: head, id: requestID(of: head), path: path?.number ?? unknownPath, parameter: parameter)
        if let ambiguity = head.ambiguity {
            return .answered(refuse(Problem(.malformedHTTP, ambiguity), subject))
        }
        if head.path == "*", head.method == .options { return .answered(answerWithoutRoute(subject, routes)) }
        guard let path else { return .answered(refuse(.noRoute(suggestion(for: head.path)), subject)) }
        let method = head.method == .head ? .get : head.method
        guard let route = path.routes.first(where: { $0.method == method }) else {
            return .answered(answerWithoutRoute(subject, path.routes))
        }
        if isOverloaded, !route.isVital {
            return .answered(
                refuse(Problem(.overloaded, "too many requests, or too many bytes of them, are under way"), subject))
        }
        let bodyLimit: Int?
        do throws(Problem) {
            if route.isHook {
                guard let hook = hooks[parameter] else { throw .unknownHook }
                if method == .post { subject.deliveries = hook.counters }
                bodyLimit = route.body.limit(limits).map { min(hook.bodyBytes ?? $0, limits.largestBody) }
                // Who signs may come from anywhere, through any tunnel.
                if !hook.isSigned { try access.checkIsNoPage(head) }
            } else {
                bodyLimit = route.body.limit(limits)
                if route.isDelivery, method == .post { subject.deliveries = hooks.cloudEvents.counters }
                subject.caller = try access.caller(of: head, isPublic: route.isPublic)
            }
            try subject.caller?.take(now: .now())
            if let scope = route.scope { try subject.caller?.check(scope) }
            if let problem = mediaTypeProblem(head, route) ?? queryProblem(head, route)
                ?? lengthProblem(head, bodyLimit)
            {
                throw problem
            }
        } catch {
            return .answered(refuse(error, subject))
        }
        return .admitted(
            AdmittedRequest(
                subject: subject, route: route, bodyLimit: bodyLimit, hooks: route.isDelivery ? hooks : nil))
    }

    private func find(_ path: String) -> (Path?, parameter: String) {
        if let path = paths[path] { return (path, "") }
        for template in templates {
            if let parameter = template.match(path) { return (template.path, parameter) }
        }
        return (nil, "")
    }

    /// The path that somebody may have meant who has found none: with or without a slash at the end or `/v1`, or with a slip of
    /// the pen.
    private func suggestion(for path: String) -> String? {
        // Anybody may send any path, and a long one is near to none.
        guard path.utf8.count <= Self.longestSlip else { return nil }
        var path = path.lowercased()[...]
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        let version = "/v1"
        for candidate in [String(path), version + path] {
            // Of a hook only what its path looks like: which hooks there are is nobody's business.
            if let found = find(candidate).0 { return found.routes.first?.path }
        }
        // What all paths have in common makes none of them nearer.
        func short(_ path: Substring) -> String {
            String(path.hasPrefix(version) ? path.dropFirst(version.count) : path)
        }
        let names = paths.keys.sorted()
        let wanted = short(path)
        let nearest = Suggestion.nearest(
            of: names.lazy.map { short($0[...]) }, to: wanted, atMost: wanted.utf8.count > 8 ? 2 : 1)
        return names.first { short($0[...]) == nearest }
    }

    /// Of a path that may be meant for another, in bytes.
    private static let longestSlip = 128

    /// Runs the route's handler.
    public func handle(_ request: AdmittedRequest, body: [UInt8]) async -> Response {
        let handled = Request(request.subject, body: body, hooks: request.hooks ?? .none)
        do throws(Problem) {
            guard let key = request.head.fields[.idempotencyKey], request.route.takesIdempotencyKey else {
                return finish(try await request.route.handler(handled), request.subject)
            }
            return try await answerOnce(handled, request, key: key)
        } catch {
            return refuse(error, request.subject)
        }
    }

    /// Runs the handler, unless a request with the same key has already.
    private func answerOnce(
        _ request: Request, _ admitted: AdmittedRequest, key: String
    ) async throws(Problem) -> Response {
        let place = try idempotency.begin(
            IdempotencyKey(key, caller: request.caller.name ?? ""), fingerprint: RequestFingerprint(request),
            now: .now())
        switch place {
        case .answered(let answer, let remark):
            admitted.subject.remark = remark
            var response = self.response(for: answer, admitted.subject)
            response.fields.append(("Idempotent-Replayed", "true"))
            return response
        case .first(let reservation):
            let answer: Result<Response, Problem>
            do throws(Problem) {
                answer = .success(try await admitted.route.handler(request))
            } catch {
                answer = .failure(error)
            }
            idempotency.finish(reservation, answer, admitted.subject.remark, now: .now())
            return response(for: answer, admitted.subject)
        }
    }

    private func response(for answer: Result<Response, Problem>, _ subject: Subject) -> Response {
        switch answer {
        case .success(let response): finish(response, subject)
        case .failure(let problem): refuse(problem, subject)
        }
    }

    /// The answer to a body that went on beyond the limit.
    public func refuseLongBody(_ request: AdmittedRequest) -> Response {
        refuse(tooLong(request.bodyLimit ?? 0), request.subject)
    }

    /// The answer to a head that leaves no room for an answer.
    public func refuseLargeHead(_ head: RequestHead) -> Response {
        let subject = Subject(head: head, id: requestID(of: head), path: unknownPath)
        return refuse(Problem(.headTooLarge, "the request line and the headers are too large"), subject)
    }

    /// The answer to a body for which there is no memory at the moment.
    public func refuseForMemory(_ request: AdmittedRequest) -> Response {
        refuse(Problem(.overloaded, "too many bytes of requests are under way"), request.subject)
    }

    /// The answer to bytes that libmicrohttpd took for a request, and that are none.
    public func refuseMalformed(_ head: RequestHead, _ detail: String) -> Response {
        let subject = Subject(head: head, id: requestID(of: head), path: unknownPath)
        return refuse(Problem(.malformedHTTP, detail), subject)
    }

    /// The answer to a `Content-Length` that no number holds.
    public func refuseLength(_ head: RequestHead) -> Response {
        refuse(tooLong(limits.bodyBytes), Subject(head: head, id: requestID(of: head), path: unknownPath))
    }

    /// Counts an answer that was given without this router, to bytes that never became a request.
    ///
    /// - Returns: what is known of it, without a body.
    public func noteAnswer(_ status: Int) -> Response {
        let head = RequestHead(method: .other, path: "")
        return finish(Response(status: status), Subject(head: head, id: requestID(of: head), path: unknownPath))
    }

    private func answerWithoutRoute(_ subject: Subject, _ candidates: [Route]) -> Response {
        var methods = Set(candidates.map(\.method.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        methods.insert("OPTIONS")
        let allow = methods.sorted().joined(separator: ", ")
        guard subject.head.method == .options else {
            var problem = Problem(.methodNotAllowed, "this path takes \(allow)")
            problem.allow = allow
            return refuse(problem, subject)
        }
        // What a path takes is no secret; whose requests are served at all is the same as for any other.
        do throws(Problem) {
            try access.checkIsLocal(subject.head)
        } catch {
            return refuse(error, subject)
        }
        var response = Response(status: 204)
        response.fields = [("Allow", allow)]
        return finish(response, subject)
    }

    private func mediaTypeProblem(_ head: RequestHead, _ route: Route) -> Problem? {
        if case .none = route.body { return nil }
        if let coding = head.fields[.contentEncoding], coding.lowercased() != "identity" {
            return Problem(.unsupportedMediaType, "a Content-Encoding is not supported: send the body as it is")
        }
        return route.body.takes(head) ? nil : .mediaType(of: head, for: route.body)
    }

    /// Fields that nobody reads must not be ignored: the namespace could be among them.
    private func queryProblem(_ head: RequestHead, _ route: Route) -> Problem? {
        if case .none = route.body { return nil }
        return head.query.isEmpty
            ? nil : Problem(.invalidRequest, "query parameters are not read here: put the fields into the body")
    }

    private func lengthProblem(_ head: RequestHead, _ bodyLimit: Int?) -> Problem? {
        guard !head.isChunked, let length = head.contentLength else { return nil }
        let limit = bodyLimit ?? limits.bodyBytes
        return length > limit ? tooLong(limit) : nil
    }

    private func tooLong(_ limit: Int) -> Problem {
        Problem(.payloadTooLarge, "at most \(limit) bytes are allowed")
    }

    private func refuse(_ problem: Problem, _ subject: Subject) -> Response {
        subject.note(problem)
        return finish(problem.response(requestID: subject.id), subject)
    }

    private func finish(_ response: Response, _ subject: Subject) -> Response {
        counters.count(path: subject.path, method: subject.head.method, status: response.status)
        subject.deliveries?.count(response, subject.remark)
        if subject.head.method == .options, case .none = subject.remark, access.cors.refuses(subject.head) {
            subject.remark = .refusedPreflight
        }
        var response = response
        response.subject = subject
        response.fields.append(("X-Request-Id", subject.id))
        if let limit = subject.caller?.limit { response.fields += limit.fields(now: .now()) }
        if !access.cors.isOff {
            response.fields += access.cors.fields(for: subject.head)
            if subject.head.method == .options, let allow = response.allowedMethods {
                response.fields += access.cors.preflightFields(for: subject.head, methods: allow)
            }
        }
        return response
    }

    /// The caller's own, if it is fit for logs, or a fresh one.
    private func requestID(of head: RequestHead) -> String {
        if let id = head.fields[.requestID], Self.isRequestID(id) { return id }
        return identifiers.next()
    }

    /// `[A-Za-z0-9._-]{1,64}`
    static func isRequestID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
