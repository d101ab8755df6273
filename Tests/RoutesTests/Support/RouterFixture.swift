import AMQPBridge
import EventLoop
import Hashing
import JSON
import Testing

@testable import Routes

/// A router with every route, whose emits are recorded.
func router(
    _ emitter: RecordingEmitter = RecordingEmitter(), cluster: RecordingCluster = RecordingCluster(),
    access: AccessPolicy = .anonymous, readiness: Readiness = .ready,
    bodyBytes: Int = Router.Limits().bodyBytes, idempotency: IdempotencyStore = IdempotencyStore(),
    protectsMetrics: Bool = false, cors: CORSPolicy = .off,
    hooks: HookTable = .none, deliveries: DeliveryStore = DeliveryStore(), clock now: Int64 = 0,
    events: EventFeed? = EventFeed(), tail: Tail = Tail(), streams: StreamPlaces = StreamPlaces(),
    console: [ConsoleFile] = [],
    limits change: (inout Router.Limits) -> Void = { _ in }
) -> Router {
    var limits = Router.Limits()
    limits.bodyBytes = bodyBytes
    change(&limits)
    var services = RouteServices(
        emitter: emitter, cluster: cluster, readiness: { readiness }, metrics: { Array("metrics 1\n".utf8) },
        configuration: { Array("{\"settings\":{}}".utf8) },
        openAPI: Array("openapi: 3.1.0\n".utf8), openAPIAsJSON: { Array("{\"openapi\":\"3.1.0\"}".utf8) })
    services.problemPage = Array("# Problems\n".utf8)
    services.events = events
    (services.tail, services.streams, services.console) = (tail, streams, console)
    services.protectsMetrics = protectsMetrics
    services.brokers = { ["one:5672"] }
    var access = access
    access.cors = cors
    return Router(
        services: services, access: access, limits: limits, idempotency: idempotency, hooks: hooks,
        deliveries: deliveries, clock: { now })
}

extension Router {
    /// A request as a usual client sends it. A header given as `nil` is left out.
    func request(
        _ method: HTTPMethod, _ path: String, query: String = "", _ headers: KeyValuePairs<HeaderName, String> = [:],
        body: String? = nil,
        without missing: Set<HeaderName> = []
    ) async -> Response {
        await exchange(method, path, query: query, headers, body: body, without: missing).response
    }

    /// The same, with what is known of the request.
    func exchange(
        _ method: HTTPMethod, _ path: String, query: String = "", _ headers: KeyValuePairs<HeaderName, String> = [:],
        body: String? = nil,
        without missing: Set<HeaderName> = []
    ) async -> Exchange {
        var fields = HeaderFields()
        var defaults: [HeaderName: String] = [.host: "localhost"]
        if let body {
            defaults[.contentType] = "application/json"
            defaults[.contentLength] = String(body.utf8.count)
        }
        for (name, value) in headers {
            defaults[name] = nil
            fields.add(name, value)
        }
        for (name, value) in defaults where !missing.contains(name) { fields.add(name, value) }
        let head = RequestHead(method: method, path: path, query: query, fields: fields)
        return await exchange(head, body: Array((body ?? "").utf8))
    }

    /// Has a request served on an event loop, as in the gateway.
    func exchange(_ head: RequestHead, body: [UInt8]) async -> Exchange {
        let admission = await servingLoop.run { self.admit(head) }
        let request = admission.request
        if let refusal = admission.refusal { return Exchange(request, refusal) }
        request.body = body
        return Exchange(request, await answer(to: request))
    }

    /// The answer to an admitted request whose body is there.
    func answer(to request: Request) async -> Response {
        await withCheckedContinuation { continuation in
            servingLoop.execute {
                let receiver = ClosureReceiver { continuation.resume(returning: $0) }
                let handling = self.handle(request, on: servingLoop, for: receiver)
                if case .answered(let response) = handling { continuation.resume(returning: response) }
            }
        }
    }

    func post(_ body: String, _ headers: KeyValuePairs<HeaderName, String> = [:]) async
        -> Response
    {
        await request(.post, "/v1/emit", headers, body: body)
    }

    func batch(_ body: String, _ type: MediaType = .json) async -> Response {
        await request(.post, "/v1/batch", [.contentType: type.rawValue], body: body)
    }
}

/// Hands the answer to a closure.
final class ClosureReceiver: AnswerReceiver {
    private let body: (Response) -> Void

    init(_ body: @escaping (Response) -> Void) { self.body = body }

    func receive(_ response: consuming Response, to request: Request) { body(response) }
}

/// Where requests are served.
let servingLoop = {
    let loop = EventLoop()
    precondition(SystemThread.detach(name: "serving") { loop.run() })
    return loop
}()

extension EventLoop {
    /// Does something in the loop's next turn.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in execute { continuation.resume(returning: body()) } }
    }
}

/// A request, and its answer.
struct Exchange {
    let request: Request
    var response: Response

    init(_ request: Request, _ response: Response) { (self.request, self.response) = (request, response) }
}

extension JSONText {
    init(_ text: String) {
        self.init(verbatim: Array(text.utf8)[...])
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }

    func field(_ name: String) -> String? { allFields.first { $0.name == name }?.value }

    /// All headers that are its own.
    var allFields: [(name: String, value: String)] {
        var all: [(name: String, value: String)] = []
        forEachField { all.append(("\($0)", String(cString: $1))) }
        return all
    }

    /// The members of the JSON object that the body is.
    func members() throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        try JSONDocument(parsing: body).root.forEachMember { members[$0] = $1 }
        return members
    }

    var code: String? { try? members()["code"]?.string }

    /// Where a problem's errors are: JSON Pointers, and parameters with a `?` before them.
    var pointers: [String] {
        let errors = (try? members()["errors"]?.elements()) ?? []
        return errors.compactMap { error in
            error.member("pointer")?.string ?? error.member("parameter")?.string.map { "?\($0)" }
        }
    }
}

extension APIKey {
    convenience init(
        _ key: String, name: String, scopes: Set<Scope> = Set(Scope.allCases), reach: Reach = Reach(),
        expires: Int? = nil, rate: Rate? = nil
    ) {
        self.init(
            digest: SHA256.Digest(of: key),
            caller: Caller(
                name: name, scopes: scopes, reach: reach, limit: rate.map { RateLimit($0) }, expires: expires))
    }
}

extension AccessPolicy {
    /// One key, which may do everything, or what is said.
    static func key(
        _ key: String, scopes: Set<Scope> = Set(Scope.allCases), reach: Reach = Reach(), rate: Rate? = nil
    ) -> AccessPolicy {
        let key = APIKey(key, name: "a key", scopes: scopes, reach: reach, rate: rate)
        return AccessPolicy(keys: [key], keyless: .nobody) { 0 }
    }
}
