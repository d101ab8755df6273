internal import AMQPBridge

/// A request whose head was accepted: on its way to a route's handler.
public final class AdmittedRequest: Sendable {
    fileprivate let subject: Subject
    let route: Route

    fileprivate init(subject: Subject, route: Route) {
        self.subject = subject
        self.route = route
    }

    public var head: RequestHead { subject.head }
    public var id: String { subject.id }
    /// Whether the handler reads the body; it is thrown away otherwise.
    public var takesBody: Bool { route.takesJSON }
}

/// What is known of a request from its head: enough to answer and to count it.
private final class Subject: Sendable {
    let head: RequestHead
    let id: String
    /// The path's number with the counters.
    let path: Int

    init(head: RequestHead, id: String, path: Int) {
        self.head = head
        self.id = id
        self.path = path
    }
}

/// What a handler gets.
public struct Request: Sendable {
    public let head: RequestHead
    public let body: [UInt8]
}

/// One method of one path, and what answers it.
final class Route: Sendable {
    let method: HTTPMethod
    let path: String
    /// Served without a key.
    let isPublic: Bool
    /// Whether it reads a body of JSON.
    let takesJSON: Bool
    let handler: @Sendable (Request) async throws(Problem) -> Response

    init(
        method: HTTPMethod, path: String, isPublic: Bool = false, takesJSON: Bool = false,
        handler: @escaping @Sendable (Request) async throws(Problem) -> Response
    ) {
        self.method = method
        self.path = path
        self.isPublic = isPublic
        self.takesJSON = takesJSON
        self.handler = handler
    }
}

/// Finds the route of a request, checks all that can be checked before the body, and answers.
///
/// One per event loop. `@unchecked Sendable`: used on its loop's thread only; the counters may be read from anywhere.
public final class Router: @unchecked Sendable {
    public struct Limits: Sendable, Equatable {
        /// The longest request body, in bytes: arguments of 1 MiB and 64 KiB around them.
        public var bodyBytes = 1_024 * 1_024 + 64 * 1_024

        public init() {}
    }

    public let limits: Limits
    public let counters: RequestCounters
    private let access: AccessPolicy
    private let paths: [String: (number: Int, routes: [Route])]
    private let unknownPath: Int
    private var identifiers = ULIDGenerator()

    init(routes: [Route], access: AccessPolicy, limits: Limits) {
        let counters = RequestCounters(routes: routes)
        paths = Dictionary(grouping: routes, by: \.path).reduce(into: [:]) { paths, group in
            precondition(
                Set(group.value.map(\.method)).count == group.value.count, "two routes for a method of \(group.key)")
            paths[group.key] = (counters.index(of: group.key), group.value)
        }
        unknownPath = counters.index(of: RequestCounters.unknownRoute)
        self.counters = counters
        self.access = access
        self.limits = limits
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
        let path = paths[head.path]
        let subject = Subject(head: head, id: requestID(of: head), path: path?.number ?? unknownPath)
        if let ambiguity = head.ambiguity {
            return .answered(refuse(Problem(.malformedHTTP, ambiguity), subject))
        }
        guard let path else { return .answered(refuse(Problem(.notFound, "nothing is here"), subject)) }
        let method = head.method == .head ? .get : head.method
        guard let route = path.routes.first(where: { $0.method == method }) else {
            return .answered(answerWithoutRoute(subject, path.routes))
        }
        if isOverloaded, !route.isPublic {
            return .answered(
                refuse(Problem(.overloaded, "too many requests, or too many bytes of them, are under way"), subject))
        }
        if let problem = access.refusal(of: head, route: route) ?? mediaTypeProblem(head, route) ?? lengthProblem(head)
        {
            return .answered(refuse(problem, subject))
        }
        return .admitted(AdmittedRequest(subject: subject, route: route))
    }

    /// Runs the route's handler.
    public func handle(_ request: AdmittedRequest, body: [UInt8]) async -> Response {
        do throws(Problem) {
            let response = try await request.route.handler(Request(head: request.head, body: body))
            return finish(response, request.subject)
        } catch {
            return refuse(error, request.subject)
        }
    }

    /// The answer to a body that went on beyond the limit.
    public func refuseLongBody(_ request: AdmittedRequest) -> Response {
        refuse(tooLong, request.subject)
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

    private func answerWithoutRoute(_ subject: Subject, _ candidates: [Route]) -> Response {
        var methods = candidates.map(\.method.rawValue)
        if methods.contains("GET") { methods.append("HEAD") }
        methods.append("OPTIONS")
        let allow = methods.sorted().joined(separator: ", ")
        guard subject.head.method == .options else {
            var problem = Problem(.methodNotAllowed, "this path takes \(allow)")
            problem.allow = allow
            return refuse(problem, subject)
        }
        // What a path takes is no secret; whose requests are served at all is the same as for any other.
        if let problem = access.refusal(of: subject.head, route: candidates[0]), problem.code.status == 403 {
            return refuse(problem, subject)
        }
        var response = Response(status: 204)
        response.fields = [("Allow", allow)]
        return finish(response, subject)
    }

    private func mediaTypeProblem(_ head: RequestHead, _ route: Route) -> Problem? {
        guard route.takesJSON else { return nil }
        if let coding = head.fields[.contentEncoding], coding.lowercased() != "identity" {
            return Problem(.unsupportedMediaType, "a Content-Encoding is not supported")
        }
        guard let type = head.fields[.contentType], MediaType.isJSON(type) else {
            return Problem(.unsupportedMediaType, "the body must be application/json in UTF-8")
        }
        return nil
    }

    private func lengthProblem(_ head: RequestHead) -> Problem? {
        guard !head.isChunked, let length = head.contentLength else { return nil }
        return length > limits.bodyBytes ? tooLong : nil
    }

    private var tooLong: Problem { Problem(.payloadTooLarge, "at most \(limits.bodyBytes) bytes are allowed") }

    private func refuse(_ problem: Problem, _ subject: Subject) -> Response {
        finish(problem.response(requestID: subject.id), subject)
    }

    private func finish(_ response: Response, _ subject: Subject) -> Response {
        counters.count(path: subject.path, method: subject.head.method, status: response.status)
        var response = response
        response.fields.append(("X-Request-Id", subject.id))
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
