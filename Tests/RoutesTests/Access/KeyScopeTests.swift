import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("A key's scopes")
struct KeyScopeTests {
    struct Operation: Sendable, CustomTestStringConvertible {
        let method: HTTPMethod
        let path: String
        var query = ""
        var body: String?
        var type = "application/json"
        let scope: Scope
        var testDescription: String { "\(method.rawValue) \(path)" }
    }

    /// API.md.
    static let operations = [
        Operation(method: .post, path: "/v1/emit", body: "{\"event\":\"e\"}", scope: .emit),
        Operation(method: .post, path: "/v1/batch", body: "{\"items\":[]}", scope: .emit),
        Operation(method: .get, path: "/v1/sockets", scope: .readSockets),
        Operation(method: .post, path: "/v1/sockets/query", body: "{}", scope: .readSockets),
        Operation(method: .get, path: "/v1/sockets/x", scope: .readSockets),
        Operation(method: .delete, path: "/v1/sockets/x", scope: .disconnectSockets),
        Operation(method: .post, path: "/v1/sockets/x/join", body: "{\"rooms\":[\"a\"]}", scope: .writeRooms),
        Operation(method: .post, path: "/v1/sockets/x/leave", body: "{\"rooms\":[\"a\"]}", scope: .writeRooms),
        Operation(
            method: .post, path: "/v1/sockets/join", body: "{\"all\":true,\"rooms\":[\"a\"]}", scope: .writeRooms),
        Operation(
            method: .post, path: "/v1/sockets/leave", body: "{\"all\":true,\"rooms\":[\"a\"]}", scope: .writeRooms),
        Operation(method: .post, path: "/v1/sockets/disconnect", body: "{\"all\":true}", scope: .disconnectSockets),
        Operation(method: .get, path: "/v1/rooms", scope: .readRooms),
        Operation(method: .get, path: "/v1/counts", scope: .readRooms),
        Operation(method: .post, path: "/v1/counts", body: "{}", scope: .readRooms),
        Operation(method: .get, path: "/v1/servers", scope: .readServers),
        Operation(method: .get, path: "/v1/events", scope: .readEvents),
        Operation(method: .get, path: "/v1/tail", scope: .tail),
        Operation(method: .get, path: "/v1/config", scope: .readConfiguration),
        Operation(
            method: .post, path: "/v1/cloudevents",
            body: "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"r\"}",
            type: "application/cloudevents+json", scope: .emit),
        Operation(method: .post, path: "/v1/servers/emit", body: "{\"event\":\"e\"}", scope: .emitToServers),
    ]

    @Test("open what they are for", arguments: operations)
    func opened(operation: Operation) async {
        let response = await request(operation, scopes: [operation.scope])
        // Nobody answers the questions here.
        #expect([200, 202, 503].contains(response.status), "\(response.text)")
    }

    @Test("leave all else closed, and the answer names what is missing", arguments: operations)
    func closed(operation: Operation) async {
        let emitter = RecordingEmitter()
        let cluster = RecordingCluster()
        let others = Set(Scope.allCases).subtracting([operation.scope])
        let response = await request(operation, scopes: others, emitter, cluster)
        #expect(response.status == 403)
        #expect(response.code == "insufficient_scope")
        #expect(response.text.contains("'\(operation.scope.rawValue)'"))
        #expect(emitter.calls.isEmpty && emitter.questions.isEmpty && cluster.questions.isEmpty)
    }

    @Test("are needed for handshakes, beside that for sockets")
    func handshakes() async throws {
        let operation = Operation(
            method: .get, path: "/v1/sockets", query: "fields=handshake", scope: .readSockets)
        let response = await request(operation, scopes: [.readSockets])
        #expect(response.status == 403)
        #expect(response.text.contains("'sockets:handshake'"))
        #expect(await request(operation, scopes: [.readSockets, .readHandshakes]).status == 503)
        let one = Operation(method: .get, path: "/v1/sockets/x", query: "fields=handshake", scope: .readSockets)
        #expect(await request(one, scopes: [.readSockets]).status == 403)
    }

    @Test("cover every route of the table")
    func coversAll() {
        let covered = Set(Self.operations.map { "\($0.method.rawValue) \($0.path.replacing("/x", with: "/{id}"))" })
        let closed = router().routes.filter { $0.scope != nil }.map { "\($0.method.rawValue) \($0.path)" }
        #expect(covered == Set(closed))
    }

    @Test("open the metrics, where these are not open to all")
    func metrics() async {
        func status(_ protects: Bool, _ scopes: Set<Scope>) async -> Int {
            await router(access: .key("k", scopes: scopes), protectsMetrics: protects).request(
                .get, "/metrics", [.apiKey: "k"]
            ).status
        }
        #expect(await status(true, [.metrics]) == 200)
        #expect(await status(true, [.emit]) == 403)
        #expect(await status(false, [.emit]) == 200)
        #expect(await router(access: .key("k"), protectsMetrics: true).request(.get, "/metrics").status == 401)
        #expect(await router(protectsMetrics: true).request(.get, "/metrics").status == 200)
    }

    private func request(
        _ operation: Operation, scopes: Set<Scope>, _ emitter: RecordingEmitter = RecordingEmitter(),
        _ cluster: RecordingCluster = RecordingCluster()
    ) async -> Response {
        let type = operation.body == nil ? "" : operation.type
        return await router(emitter, cluster: cluster, access: .key("k", scopes: scopes)).request(
            operation.method, operation.path, query: operation.query, [.apiKey: "k", .contentType: type],
            body: operation.body)
    }
}
