import AMQPBridge
import Testing

@testable import Routes

@Suite("An Idempotency-Key")
struct IdempotencyTests {
    private static let emit = "{\"event\":\"e\"}"

    @Test("gets the first answer again, which says so", arguments: ["/v1/emit", "/v1/batch"])
    func replays(path: String) async {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        let body = path == "/v1/emit" ? Self.emit : "{\"items\":[\(Self.emit)]}"
        let first = await router.request(.post, path, [.idempotencyKey: "k"], body: body)
        #expect(first.status == 200)
        #expect(first.field("Idempotent-Replayed") == nil)
        let again = await router.request(.post, path, [.idempotencyKey: "k", .requestID: "second"], body: body)
        #expect(again.status == 200)
        #expect(again.body == first.body)
        #expect(again.field("Idempotent-Replayed") == "true")
        #expect(again.allFields.count { $0.name == "X-Request-Id" } == 1)
        #expect(again.field("X-Request-Id") == "second")
        #expect(emitter.calls.count == 1)
        #expect(router.counters.samples == [.init(route: path, method: "POST", status: 200, count: 2)])
    }

    @Test("is the same on all event loops")
    func sharedStore() async {
        let emitters = [RecordingEmitter(), RecordingEmitter()]
        let store = IdempotencyStore()
        for emitter in emitters {
            _ = await router(emitter, idempotency: store).post(Self.emit, [.idempotencyKey: "k"])
        }
        #expect(emitters.map(\.calls.count) == [1, 0])
    }

    @Test("gets no answer that its caller may not have any more")
    func narrowedKey() async {
        let body = #"{"event":"e","rooms":["a"]}"#
        let (emitter, store) = (RecordingEmitter(), IdempotencyStore())
        func post(_ access: AccessPolicy) async -> Response {
            await router(emitter, access: access, idempotency: store).post(body, [.apiKey: "k", .idempotencyKey: "i"])
        }
        #expect(await post(.key("k", reach: Reach(rooms: NameGlobs([Glob("a")])))).status == 200)
        #expect(await post(.key("k", reach: Reach(rooms: NameGlobs([Glob("a")])))).status == 200)
        for access in [
            AccessPolicy.key("k", reach: Reach(rooms: NameGlobs([Glob("b")]))), .key("k", scopes: [.emit]),
            .key("k", scopes: [.emit], reach: Reach(rooms: NameGlobs([Glob("a")]))),
        ] {
            let response = await post(access)
            #expect(response.status == 422)
            #expect(response.code == "idempotency_key_reused")
        }
        #expect(emitter.calls.count == 1)
    }

    @Test("does nothing where nothing is asked for twice")
    func others() async {
        let router = router()
        for _ in 0..<2 {
            let response = await router.request(.get, "/livez", [.idempotencyKey: "k"])
            #expect(response.status == 200)
            #expect(response.field("Idempotent-Replayed") == nil)
        }
        let bad = await router.request(.get, "/livez", [.idempotencyKey: ""])
        #expect(bad.status == 200)
    }

    @Test("has to be one", arguments: ["", String(repeating: "k", count: 256), "é", "a\u{7F}"])
    func badKeys(key: String) async {
        let emitter = RecordingEmitter()
        let response = await router(emitter).post(Self.emit, [.idempotencyKey: key])
        #expect(response.status == 422)
        #expect(response.code == "invalid_request")
        #expect(emitter.calls.isEmpty)
    }

    @Test("belongs to one request")
    func reused() async {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        _ = await router.post(Self.emit, [.idempotencyKey: "k"])
        for (path, body) in [("/v1/emit", "{\"event\":\"f\"}"), ("/v1/batch", Self.emit)] {
            let response = await router.request(.post, path, [.idempotencyKey: "k"], body: body)
            #expect(response.status == 422)
            #expect(response.code == "idempotency_key_reused")
        }
        #expect(emitter.calls.count == 1)
    }

    @Test("is refused while the first request is not answered")
    @MainActor func inFlight() async {
        let gate = Gate()
        let emitter = RecordingEmitter(gate: gate)
        let router = router(emitter)
        let first = Task { await router.post(Self.emit, [.idempotencyKey: "k"]) }
        while emitter.calls.isEmpty { await Task.yield() }
        let second = await router.post(Self.emit, [.idempotencyKey: "k"])
        #expect(second.status == 409)
        #expect(second.code == "idempotency_key_in_flight")
        #expect(second.field("Retry-After") == "1")
        gate.open()
        let answer = await first.value
        #expect(answer.status == 200)
        #expect(await router.post(Self.emit, [.idempotencyKey: "k"]).body == answer.body)
        #expect(emitter.calls.count == 1)
    }

    @Test("is free again when the first request certainly did nothing")
    func released() async {
        for error in [EmitError.notPublished(.brokerUnavailable), .notPublished(.overloaded), .invalid([])] {
            let emitter = RecordingEmitter(.failure(error))
            let router = router(emitter)
            for _ in 0..<2 {
                let response = await router.post(Self.emit, [.idempotencyKey: "k"])
                #expect(response.field("Idempotent-Replayed") == nil)
            }
            #expect(emitter.calls.count == 2)
        }
    }

    @Test("keeps an unknown outcome, whose repetition might deliver twice")
    func unknown() async throws {
        for (error, status) in [(PublishError.unknown(.connectionLost), 504), (.brokerNack, 503)] {
            let emitter = RecordingEmitter(.failure(.notPublished(error)))
            let router = router(emitter)
            _ = await router.post(Self.emit, [.idempotencyKey: "k"])
            let again = await router.post(Self.emit, [.idempotencyKey: "k", .requestID: "second"])
            #expect(again.status == status)
            #expect(again.field("Idempotent-Replayed") == "true")
            #expect(try again.members()["outcome"]?.string == "unknown")
            #expect(try again.members()["requestId"]?.string == "second")
            #expect(emitter.calls.count == 1)
        }
    }

    @Test(
        "is kept for a batch that did something, or may have, and free if it certainly did nothing",
        arguments: [
            ([Self.emit, "{}"], true), ([Self.emit], true), (["{\"event\":\"lost\"}", "{}"], true),
            (["{}", "1"], false), (["{\"event\":\"down\"}", "{}"], false), ([], false),
        ])
    func batches(items: [String], isKept: Bool) async {
        let emitter = RecordingEmitter([
            "lost": .failure(.notPublished(.unknown(.confirmTimedOut))),
            "down": .failure(.notPublished(.brokerUnavailable)),
        ])
        let router = router(emitter)
        let body = "{\"items\":[\(items.joined(separator: ","))]}"
        let first = await router.request(.post, "/v1/batch", [.idempotencyKey: "k"], body: body)
        let again = await router.request(.post, "/v1/batch", [.idempotencyKey: "k"], body: body)
        #expect(again.status == first.status)
        #expect((again.field("Idempotent-Replayed") != nil) == isKept)
    }

    @Test("finds no room when too many answers are kept")
    func full() async {
        var limits = IdempotencyStore.Limits()
        limits.bytes = 2 * (IdempotencyStore.overhead + 100)
        let emitter = RecordingEmitter()
        let router = router(emitter, idempotency: IdempotencyStore(limits: limits))
        for key in ["a", "b"] { #expect(await router.post(Self.emit, [.idempotencyKey: key]).status == 200) }
        let response = await router.post(Self.emit, [.idempotencyKey: "c"])
        #expect(response.status == 503)
        #expect(response.code == "overloaded")
        #expect(response.field("Retry-After") == "1")
        #expect(await router.post(Self.emit, [.idempotencyKey: "a"]).field("Idempotent-Replayed") == "true")
        #expect(await router.post(Self.emit).status == 200)
        #expect(emitter.calls.count == 3)
    }

    @Test("of one API key is not another's")
    func callers() async {
        let emitter = RecordingEmitter()
        let keys = ["a", "b"].map { APIKey("key-\($0)", name: $0) }
        let router = router(emitter, access: AccessPolicy(keys: keys, keyless: .nobody) { 0 })
        for _ in 0..<2 {
            for key in ["key-a", "key-b"] {
                #expect(await router.post(Self.emit, [.apiKey: key, .idempotencyKey: "same"]).status == 200)
            }
        }
        #expect(emitter.calls.count == 2)
    }
}
