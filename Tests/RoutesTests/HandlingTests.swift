import AMQPBridge
import Synchronization
import Testing

@testable import Routes

@Suite("Handling")
struct HandlingTests {
    private static let emit = "{\"event\":\"e\"}"

    /// What becomes of a request.
    private enum Kind {
        case answered, waitsForBroker, task
    }

    @Test(
        "takes no task where nobody but the broker is waited for",
        arguments: ["", "\"confirm\":\"none\",", "\"confirm\":\"broker\","], ["k", nil])
    func emits(members: String, key: String?) async throws {
        let gate = Gate()
        let router = router(RecordingEmitter(gate: gate))
        let request = try admitted(router, "{\(members)\"event\":\"e\"}", key: key)
        let (kind, answer) = await handle(request, router)
        #expect(kind == .waitsForBroker)
        gate.open()
        #expect(await answer.value.status == (members.contains("none") ? 202 : 200))
    }

    @Test("takes none for deliveries either", arguments: ["/v1/hooks/h", "/v1/cloudevents"])
    func deliveries(path: String) async throws {
        let gate = Gate()
        let router = router(RecordingEmitter(gate: gate), hooks: try .unsigned(.simple(), deliveryID: "{/id}"))
        let body = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"r\"}"
        let request = try admitted(router, body, path: path, type: "application/cloudevents+json")
        let (kind, answer) = await handle(request, router)
        #expect(kind == .waitsForBroker)
        gate.open()
        #expect(await answer.value.status == 200)
    }

    @Test(
        "takes a task where servers are asked",
        arguments: ["/v1/emit", "/v1/cloudevents", "/v1/hooks/h"], ["k", nil])
    func questions(path: String, key: String?) async throws {
        let gate = Gate()
        let emitter = RecordingEmitter(gate: gate, asks: true)
        let router = router(emitter, hooks: try .unsigned(.simple()))
        let body =
            path == "/v1/emit"
            ? Self.emit : "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"r\"}"
        let type = path == "/v1/emit" ? "application/json" : "application/cloudevents+json"
        let (kind, answer) = await handle(try admitted(router, body, path: path, type: type, key: key), router)
        #expect(kind == .task)
        gate.open()
        #expect(await answer.value.status == 200)
        #expect(emitter.calls.count == 1)
    }

    @Test("answers at once what is known at once, with or without a task", arguments: [true, false])
    func atOnce(asks: Bool) async throws {
        let router = router(RecordingEmitter(asks: asks))
        for (body, status) in [(Self.emit, 200), ("{}", 422), ("{\"event\":\"e\",\"dryRun\":true}", 200)] {
            for key in ["k\(status)\(body.utf8.count)", nil] {
                let (kind, answer) = await handle(try admitted(router, body, key: key), router)
                #expect(kind == .answered)
                #expect(await answer.value.status == status)
            }
        }
    }

    @Test("keeps the answer for an Idempotency-Key, whatever was waited for", arguments: [true, false])
    func keys(asks: Bool) async throws {
        let gate = Gate()
        let emitter = RecordingEmitter(gate: gate, asks: asks)
        let router = router(emitter)
        let (_, first) = await handle(try admitted(router, Self.emit, key: "k"), router)
        let (kind, second) = await handle(try admitted(router, Self.emit, key: "k"), router)
        #expect(kind == .answered)
        #expect(await second.value.code == "idempotency_key_in_flight")
        gate.open()
        #expect(await first.value.status == 200)
        let (_, third) = await handle(try admitted(router, Self.emit, key: "k"), router)
        #expect(await third.value.field("Idempotent-Replayed") == "true")
        #expect(emitter.calls.count == 1)
    }

    @Test("forgets a delivery whose emit has failed, and one that is under way is refused", arguments: [true, false])
    func failedDeliveries(asks: Bool) async throws {
        let gate = Gate()
        let emitter = RecordingEmitter(.failure(.notPublished(.brokerUnavailable)), gate: gate, asks: asks)
        let router = router(emitter, hooks: try .unsigned(.simple(), deliveryID: "{/id}"))
        func request() throws -> Request { try admitted(router, "{\"id\":1}", path: "/v1/hooks/h") }
        let (_, first) = await handle(try request(), router)
        let (_, second) = await handle(try request(), router)
        #expect(await second.value.code == "delivery_in_flight")
        gate.open()
        #expect(await first.value.code == "broker_unavailable")
        let (_, third) = await handle(try request(), router)
        #expect(await third.value.code == "broker_unavailable")
        #expect(emitter.calls.count == 2)
    }

    @Test("keeps nothing of a request that is answered")
    func leaks() async throws {
        weak var request: Request?
        weak var router: Router?
        do {
            let gate = Gate()
            let made = RoutesTests.router(RecordingEmitter(gate: gate))
            let admitted = try admitted(made, Self.emit)
            (request, router) = (admitted, made)
            let (_, answer) = await handle(admitted, made)
            gate.open()
            #expect(await answer.value.status == 200)
        }
        // What the loop's turns and finished tasks still hold goes with them, a moment later.
        for _ in 0..<1_000 where request != nil || router != nil { await servingLoop.run {} }
        #expect(request == nil && router == nil)
    }

    private func admitted(
        _ router: Router, _ body: String, path: String = "/v1/emit", type: String = "application/json",
        key: String? = nil
    ) throws -> Request {
        var fields = HeaderFields([("Host", "localhost"), ("Content-Type", type)])
        if let key { fields.add(.idempotencyKey, key) }
        let admission = router.admit(RequestHead(method: .post, path: path, fields: fields))
        #expect(admission.refusal == nil)
        admission.request.body = Array(body.utf8)
        return admission.request
    }

    /// - Returns: what becomes of it, and the answer as soon as it is there.
    private func handle(_ request: Request, _ router: Router) async -> (Kind, Task<Response, Never>) {
        let (answers, answer) = AsyncStream.makeStream(of: Response.self)
        let kind = await servingLoop.run {
            switch router.handle(request, on: servingLoop, for: ClosureReceiver { answer.yield($0) }) {
            case .answered(let response):
                answer.yield(response)
                return Kind.answered
            case .waitsForBroker: return .waitsForBroker
            case .task: return .task
            }
        }
        return (kind, Task { await answers.first { _ in true }! })
    }
}
