import AMQPBridge
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
    services.protectsMetrics = protectsMetrics
    var access = access
    access.cors = cors
    return Router(
        services: services, access: access, limits: limits, idempotency: idempotency, hooks: hooks,
        deliveries: deliveries, clock: { now })
}

extension Router {
    /// A request as a usual client sends it. A header given as `nil` is left out. Stays where its caller is, as on a loop.
    nonisolated(nonsending) func request(
        _ method: HTTPMethod, _ path: String, query: String = "", _ headers: KeyValuePairs<HeaderName, String> = [:],
        body: String? = nil,
        without missing: Set<HeaderName> = []
    ) async -> Response {
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
        switch admit(RequestHead(method: method, path: path, query: query, fields: fields)) {
        case .answered(let response): return response
        case .admitted(let admitted): return await handle(admitted, body: Array((body ?? "").utf8))
        }
    }

    nonisolated(nonsending) func post(_ body: String, _ headers: KeyValuePairs<HeaderName, String> = [:]) async
        -> Response
    {
        await request(.post, "/v1/emit", headers, body: body)
    }

    nonisolated(nonsending) func batch(_ body: String, _ type: MediaType = .json) async -> Response {
        await request(.post, "/v1/batch", [.contentType: type.rawValue], body: body)
    }
}

extension JSONText {
    init(_ text: String) {
        self.init(verbatim: Array(text.utf8)[...])
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }

    func field(_ name: String) -> String? {
        fields.first { "\($0.name)" == name }?.value
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
    init(
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
