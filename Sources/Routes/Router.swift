internal import AMQPBridge
package import EventLoop
internal import Hashing

/// Finds the route of a request, checks all that can be checked before the body, and answers.
///
/// One per event loop. `@unchecked Sendable`: used on its loop's thread only; the counters may be read from anywhere. What every
/// request touches is not checked for exclusive access, as in ``Request``.
package final class Router: @unchecked Sendable {
    package struct Limits: Sendable, Equatable {
        /// The longest request body, in bytes: arguments of 1 MiB and 64 KiB around them.
        package var bodyBytes = 1_024 * 1_024 + 64 * 1_024
        /// The longest body of a batch, in bytes.
        package var batchBytes = 16 << 20
        /// The most emits in a batch.
        package var batchItems = 10_000

        package init() {}

        /// The longest body of all.
        package var largestBody: Int { max(bodyBytes, batchBytes) }
    }

    package let limits: Limits
    package let counters: RequestCounters
    package let batches: BatchCounters
    /// The rights of callers. May be replaced at any time, on the loop's thread; requests that are admitted already go on.
    package var access: AccessPolicy {
        get { rules.access }
        set { rules = Rules(newValue.copied()) }
    }
    @exclusivity(unchecked) private var rules: Rules
    /// The hooks, and what CloudEvents become. May be replaced as ``access``: a delivery is what it was when its head came.
    @exclusivity(unchecked) package var hooks: HookTable
    let routes: [Route]
    private let tail: Tail
    private let hasConsole: Bool
    private let idempotency: IdempotencyStore
    private let paths: [String: Path]
    /// Those with a `{id}` in them.
    private let templates: [PathTemplate]
    private let unknownPath: Int
    /// That of the last request: one that is like all others need not be looked for.
    @exclusivity(unchecked) private var lastPath: (text: String, path: Path)?
    @exclusivity(unchecked) private var identifiers = ULIDGenerator()
    private let digester = SHA256.Digester()

    init(
        routes: [Route], access: AccessPolicy, limits: Limits, idempotency: IdempotencyStore,
        hooks: HookTable = .none, tail: Tail, hasConsole: Bool, batches: BatchCounters = BatchCounters()
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
        rules = Rules(access.copied())
        self.limits = limits
        self.idempotency = idempotency
        self.hooks = hooks
        self.tail = tail
        self.hasConsole = hasConsole
    }

    /// Decides on a request by its head alone: path, method, credentials, media type, announced length.
    ///
    /// - Parameters:
    ///   - door: where it has come from.
    ///   - isOverloaded: whether as many requests as allowed are under way already. Health checks and metrics are served all the
    ///     same.
    package func admit(_ head: RequestHead, at door: Door = .only, isOverloaded: Bool = false) -> Admission {
        if door != .only, !door.shows(head.path, withConsole: hasConsole) { return refuse(head, at: door) }
        let (path, parameter) = find(head.path)
        let id = requestID(of: head)
        return admit(
            Request(head: head, id: id, path: path?.number ?? unknownPath, parameter: parameter), path, isOverloaded)
    }

    /// The answer for a path that is not there.
    private func refuse(_ head: RequestHead, at door: Door) -> Admission {
        refused(unknown(head), Problem(.notFound, "nothing is here; \(door.hint(withConsole: hasConsole))"))
    }

    private func admit(_ request: Request, _ path: Path?, _ isOverloaded: Bool) -> Admission {
        if let notes = tail.notes() { request.notes = notes }
        let head = request.head
        if let ambiguity = head.ambiguity { return refused(request, Problem(.malformedHTTP, ambiguity)) }
        if head.path == "*", head.method == .options { return answeredWithoutRoute(request, routes) }
        guard let path else { return refused(request, .noRoute(suggestion(for: head.path))) }
        let method = head.method == .head ? .get : head.method
        guard let route = path.routes.first(where: { $0.method == method && isServed($0, request.parameter) }) else {
            return answeredWithoutRoute(request, path.routes.filter { isServed($0, request.parameter) })
        }
        if isOverloaded, !route.isVital {
            return refused(request, Problem(.overloaded, "too many requests, or too many bytes of them, are under way"))
        }
        request.route = route
        do throws(Problem) {
            try checkAccess(of: request, to: route)
            try checkBody(of: request, to: route)
        } catch {
            return refused(request, error)
        }
        return Admission(request)
    }

    /// Whether a route of the path is there for what stands in the path.
    private func isServed(_ route: Route, _ parameter: String) -> Bool {
        !route.isHandshake || hooks[parameter]?.confirmsAddress == true
    }

    /// The caller, if it may do this.
    private func checkAccess(of request: Request, to route: Route) throws(Problem) {
        let head = request.head
        if route.isDelivery { request.hooks = hooks }
        if route.isHook {
            let hook = try request.admittedHook()
            if head.method != .options { request.deliveries = hook.counters }
            request.longestBody = route.body.limit(limits).map { min(hook.bodyBytes ?? $0, limits.largestBody) }
            // Who signs may come from anywhere, through any tunnel.
            if !hook.isSigned { try access.checkIsNoPage(head) }
        } else {
            request.longestBody = route.body.limit(limits)
            if route.isDelivery, head.method == .post { request.deliveries = hooks.cloudEvents.counters }
            let caller = try rules.access.caller(of: head, isPublic: route.isPublic, digester)
            request.caller = caller
            try caller.take(now: .now())
            if let scope = route.scope { try caller.check(scope) }
        }
    }

    /// Whether a request whose answer goes on would be admitted still, and with no fewer rights.
    package func stillAdmits(_ request: Request) -> Bool {
        guard let route = request.route,
            let caller = try? rules.access.caller(of: request.head, isPublic: route.isPublic, digester, isNoted: false)
        else { return false }
        return (caller.name == nil || caller.name == request.caller.name) && caller.reach == request.caller.reach
            && caller.scopes.isSuperset(of: request.caller.scopes)
    }

    /// The head's words about the body.
    private func checkBody(of request: Request, to route: Route) throws(Problem) {
        let head = request.head
        if let problem = mediaTypeProblem(head, route) ?? queryProblem(head, route)
            ?? lengthProblem(head, request.bodyLimit)
        {
            throw problem
        }
    }

    private func find(_ path: String) -> (Path?, parameter: String) {
        if let (text, last) = lastPath, text == path { return (last, "") }
        if let found = paths[path] {
            lastPath = (path, found)
            return (found, "")
        }
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

    /// Runs the handler of an admitted request, whose body is there, up to where it waits for something.
    ///
    /// - Parameters:
    ///   - loop: where a task runs, if it takes one: the caller's own.
    ///   - receiver: gets an answer that is not there at once.
    package func handle(_ request: Request, on loop: EventLoop, for receiver: any AnswerReceiver) -> Handling {
        loop.assertCurrent()
        guard let route = request.route else { preconditionFailure("only admitted requests are handled") }
        request.begin(self)
        request.notes?.bytes = request.body.count
        do throws(Problem) {
            if let response = try answeredBefore(request, route) { return .answered(response) }
            switch try route.handler(request) {
            case .answered(let response): return .answered(finish(.success(response), request))
            case .waitsForBroker:
                return request.answer(orLaterTo: receiver).map { .answered($0) } ?? .waitsForBroker
            case .needsTask(let work):
                let task = Task.immediate(executorPreference: loop) { request.answer(await Self.result(of: work)) }
                return request.answer(orLaterTo: receiver).map { .answered($0) } ?? .task(task)
            }
        } catch {
            return .answered(finish(.failure(error), request))
        }
    }

    private static func result(of work: Route.Work) async -> Result<Response, Problem> {
        do throws(Problem) {
            return .success(try await work())
        } catch {
            return .failure(error)
        }
    }

    /// The answer to a request with the same `Idempotency-Key`, if there was one; otherwise this one's is kept.
    private func answeredBefore(_ request: Request, _ route: Route) throws(Problem) -> Response? {
        guard request.head.fields.contains(.idempotencyKey), route.takesIdempotencyKey,
            let key = request.head.fields[.idempotencyKey]
        else { return nil }
        let place = try idempotency.begin(
            IdempotencyKey(key, caller: request.caller.name ?? ""), fingerprint: RequestFingerprint(request),
            now: .now())
        switch place {
        case .answered(let answer, let remark):
            request.note(remark)
            request.notes?.isReplayed = true
            var response = finish(answer, request)
            response.fields.append(ResponseField("Idempotent-Replayed", "true"))
            return response
        case .first(let reservation):
            request.reservation = reservation
            return nil
        }
    }

    /// The answer, with what all answers have, counted and kept.
    func finish(_ answer: consuming Result<Response, Problem>, _ request: Request) -> Response {
        if let reservation = request.reservation {
            request.reservation = nil
            idempotency.finish(reservation, copy answer, request.remark, now: .now())
        }
        switch consume answer {
        case .success(var response):
            complete(&response, request)
            return response
        case .failure(let problem): return refuse(problem, request)
        }
    }

    /// The answer to a body that went on beyond the limit.
    package func refuseLongBody(_ request: Request) -> Response {
        refuse(tooLong(request.bodyLimit ?? 0), request)
    }

    /// The answer to a body for which there is no memory at the moment.
    package func refuseForMemory(_ request: Request) -> Response {
        refuse(Problem(.overloaded, "too many bytes of requests are under way"), request)
    }

    /// A head that leaves no room for an answer.
    package func refuseLargeHead(_ head: RequestHead) -> Admission {
        refused(unknown(head), Problem(.headTooLarge, "the request line and the headers are too large"))
    }

    /// Bytes that libmicrohttpd took for a request, and that are none.
    package func refuseMalformed(_ head: RequestHead, _ detail: String) -> Admission {
        refused(unknown(head), Problem(.malformedHTTP, detail))
    }

    /// A `Content-Length` that no number holds.
    package func refuseLength(_ head: RequestHead) -> Admission {
        refused(unknown(head), tooLong(limits.bodyBytes))
    }

    /// Counts an answer that was given without this router, to bytes that never became a request.
    ///
    /// - Returns: what is known of it, and the answer without a body.
    package func noteAnswer(_ status: Int) -> Admission {
        let request = unknown(RequestHead(method: .other, path: ""))
        return Admission(request, refusedWith: finish(Response(status: status), request))
    }

    /// A request of which nothing but its head is looked at.
    private func unknown(_ head: RequestHead) -> Request {
        let request = Request(head: head, id: requestID(of: head), path: unknownPath)
        if let notes = tail.notes() { request.notes = notes }
        return request
    }

    private func refused(_ request: Request, _ problem: Problem) -> Admission {
        Admission(request, refusedWith: refuse(problem, request))
    }

    private func answeredWithoutRoute(_ request: Request, _ candidates: [Route]) -> Admission {
        var methods = Set(candidates.map(\.method.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        methods.insert("OPTIONS")
        let allow = methods.sorted().joined(separator: ", ")
        guard request.head.method == .options else {
            var problem = Problem(.methodNotAllowed, "this path takes \(allow)")
            problem.allow = allow
            return refused(request, problem)
        }
        // What a path takes is no secret; whose requests are served at all is the same as for any other.
        do throws(Problem) {
            try access.checkIsLocal(request.head)
        } catch {
            return refused(request, error)
        }
        var response = Response(status: 204)
        response.fields = [ResponseField("Allow", allow)]
        return Admission(request, refusedWith: finish(response, request))
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

    private func refuse(_ problem: Problem, _ request: Request) -> Response {
        request.note(problem)
        return finish(problem.response(requestID: request.id.text), request)
    }

    private func finish(_ response: consuming Response, _ request: Request) -> Response {
        complete(&response, request)
        return response
    }

    private func complete(_ response: inout Response, _ request: Request) {
        let head = request.head
        counters.count(path: request.path, method: head.method, status: response.status)
        request.deliveries?.count(response, request.remark)
        if head.method == .options, case .none = request.remark, rules.access.cors.refuses(head) {
            request.note(.refusedPreflight)
        }
        response.requestID = request.id
        if let limit = request.caller.limit { response.rate = limit.told(now: .now()) }
        if !rules.access.cors.isOff {
            response.fields += rules.access.cors.fields(for: head)
            if head.method == .options, let allow = response.allowedMethods {
                response.fields += rules.access.cors.preflightFields(for: head, methods: allow)
            }
        }
    }

    /// The caller's own, if it is fit for logs, or a fresh one.
    private func requestID(of head: RequestHead) -> Identifier {
        if let id = head.fields[.requestID], Self.isRequestID(id) { return .text(id) }
        return .made(identifiers.next())
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

/// Questions that need no copy: a policy has many parts.
private final class Rules {
    let access: AccessPolicy

    init(_ access: AccessPolicy) { self.access = access }
}

/// The decision on a request by its head alone.
package struct Admission: Sendable {
    package let request: Request
    /// `nil`: its body may come.
    package var refusal: Response? { refused?.response }
    package var isRefused: Bool { refused != nil }
    private let refused: Refused?

    /// An object, for most have none and it is large.
    private final class Refused: Sendable {
        let response: Response

        init(_ response: Response) { self.response = response }
    }

    init(_ request: Request) {
        self.request = request
        refused = nil
    }

    init(_ request: Request, refusedWith response: Response) {
        self.request = request
        refused = Refused(response)
    }
}

/// How a request is answered whose body is there.
package enum Handling: Sendable {
    /// At once; the receiver gets nothing.
    case answered(Response)
    /// By the receiver, within the time for the broker's confirm. That cannot be cancelled.
    case waitsForBroker
    /// By the receiver, when the task is done. It may be cancelled, and answers all the same.
    case task(Task<Void, Never>)
}

/// Waits for answers that are not there at once.
package protocol AnswerReceiver: AnyObject {
    /// Takes the answer to a request. Called once for each, on the loop.
    func receive(_ response: consuming Response, to request: Request)
}
