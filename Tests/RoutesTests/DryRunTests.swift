import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("A dry run")
struct DryRunTests {
    private static let nowhere =
        "\"exchange\":\"x\",\"exists\":false,\"routingKeys\":[\"k\"],\"recipients\":null,\"servers\":null"

    @Test("says where an emit would go, and publishes nothing", arguments: ["", ",\"confirm\":\"none\""])
    func single(more: String) async {
        let emitter = RecordingEmitter()
        let servers = ServerTally(expected: 2, responded: 2, missing: [])
        emitter.answers.withLock {
            $0.dryRun = [
                "known": .success(
                    DryRun(exchange: "x", exists: true, routingKeys: ["a", "b"], recipients: 3, servers: servers))
            ]
        }
        let response = await router(emitter).post("{\"event\":\"known\",\"rooms\":[\"a\"],\"dryRun\":true\(more)}")
        #expect(response.status == 200)
        #expect(
            response.text == "{\"status\":\"dryRun\",\"exchange\":\"x\",\"exists\":true,\"routingKeys\":[\"a\",\"b\"],"
                + "\"recipients\":3,\"servers\":{\"expected\":2,\"responded\":2,\"missing\":[],\"tooLarge\":[]}}\n")
        #expect(emitter.calls.isEmpty)
        let request = DryRunRequest(Emit(event: "known", rooms: ["a"]), .alone, countsRecipients: true)
        #expect(emitter.questions == [.dryRun([request], timeout: .seconds(5))])
        let nowhere = await router(emitter).post("{\"event\":\"e\",\"dryRun\":true}")
        #expect(nowhere.text == "{\"status\":\"dryRun\",\(Self.nowhere)}\n")
    }

    @Test("is an emit like any other if it is false")
    func notDry() async {
        let emitter = RecordingEmitter()
        #expect(await router(emitter).post("{\"event\":\"e\",\"dryRun\":false}").text.contains("confirmed"))
        #expect(await router(emitter).batch("{\"items\":[{\"event\":\"e\",\"dryRun\":false}]}").text.contains("routed"))
        #expect(emitter.calls.count == 2 && emitter.questions.isEmpty)
        #expect(await router(emitter).post("{\"event\":\"e\",\"dryRun\":1}").pointers == ["/dryRun"])
    }

    @Test("of an emit with acknowledgements asks no client")
    func acknowledged() async {
        let emitter = RecordingEmitter()
        _ = await router(emitter).post("{\"event\":\"e\",\"ack\":{},\"dryRun\":true}")
        let request = DryRunRequest(Emit(event: "e"), .acknowledged, countsRecipients: true)
        #expect(emitter.questions == [.dryRun([request], timeout: .seconds(5))])
        #expect(await router(emitter).post("{\"event\":\"e\",\"ack\":1,\"dryRun\":true}").pointers == ["/ack"])
    }

    @Test("is refused as the emit would be")
    func refused() async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock {
            $0.dryRun = ["down": .failure(.notPublished(.brokerUnavailable)), "long": .failure(.invalid([]))]
        }
        #expect(await router(emitter).post("{\"event\":\"down\",\"dryRun\":true}").code == "broker_unavailable")
        #expect(await router(emitter).post("{\"event\":\"long\",\"dryRun\":true}").status == 422)
        let narrow = AccessPolicy.key("k", reach: Reach(rooms: NameGlobs([Glob("a*")])))
        for body in ["{\"event\":\"e\",\"dryRun\":true}", "{\"event\":\"e\",\"rooms\":[\"b\"],\"dryRun\":true}"] {
            #expect(await router(emitter, access: narrow).post(body, [.apiKey: "k"]).status == 403)
        }
        #expect(emitter.calls.isEmpty)
    }

    @Test("counts recipients only for a key that may read of all the rooms that are named")
    func scopes() async {
        let reach = Reach(rooms: NameGlobs([Glob("a*")]), sockets: NameGlobs([Glob("*")]))
        let plain = "{\"event\":\"e\",\"rooms\":[\"a1\"],\"except\":[\"a2\"],\"dryRun\":true}"
        let socket = "{\"event\":\"e\",\"rooms\":[\"a1\"],\"exceptSockets\":[\"0123456789abcdefghij\"],\"dryRun\":true}"
        for (scopes, body, counts) in [
            ([.emit], plain, false), ([.emit, .readSockets], plain, false), ([.emit, .readRooms], plain, true),
            ([.emit, .readRooms], socket, false),
        ] as [(Set<Scope>, String, Bool)] {
            let emitter = RecordingEmitter()
            let access = AccessPolicy.key("k", scopes: scopes, reach: reach)
            #expect(await router(emitter, access: access).post(body, [.apiKey: "k"]).status == 200)
            guard case .dryRun(let requests, _)? = emitter.questions.first else {
                Issue.record("nothing was asked")
                continue
            }
            #expect(requests.map(\.countsRecipients) == [counts])
        }
    }

    @Test("may be an item of a batch, beside emits")
    func batch() async {
        let emitter = RecordingEmitter(["b": .success(Receipt(id: "01B", routed: true))])
        emitter.answers.withLock {
            $0.dryRun = [
                "d": .success(
                    DryRun(
                        exchange: "x", exists: true, routingKeys: (0..<9).map(String.init), recipients: nil,
                        servers: nil)),
                "f": .failure(.notPublished(.brokerUnavailable)),
            ]
        }
        let items = ["a", "b", "d", "f"].map { "{\"event\":\"\($0)\",\"dryRun\":\($0 == "b" ? "false" : "true")}" }
        let response = await router(emitter).batch("{\"items\":[\(items.joined(separator: ","))]}")
        #expect(response.status == 207)
        #expect(response.text.hasPrefix("{\"results\":[{\"status\":200,\"dryRun\":true,\(Self.nowhere)},"))
        #expect(
            response.text.contains(",{\"status\":200,\"id\":\"01B\",\"routed\":true},{\"status\":200,\"dryRun\":true,"))
        #expect(response.text.contains("\"routingKeys\":[\"0\",\"1\",\"2\",\"3\",\"4\"]"))
        #expect(response.text.hasSuffix("],\"confirmed\":1,\"failed\":1,\"dryRuns\":2}\n"))
        #expect(emitter.calls.map(\.emit.event) == ["b"])
        let requests = ["a", "d", "f"].map { DryRunRequest(Emit(event: $0), .inBatch, countsRecipients: true) }
        #expect(emitter.questions == [.dryRun(requests, timeout: .seconds(5))])
    }

    @Test("takes no Idempotency-Key, and gets no other request's answer")
    func idempotency() async {
        for (path, wrap) in [("/v1/emit", { $0 }), ("/v1/batch", { "{\"items\":[\($0)]}" })]
            as [(String, (String) -> String)]
        {
            let (dry, real) = (wrap("{\"event\":\"e\",\"dryRun\":true}"), wrap("{\"event\":\"e\"}"))
            let emitter = RecordingEmitter()
            let router = router(emitter)
            func post(_ body: String) async -> Response {
                await router.request(.post, path, [.idempotencyKey: "k"], body: body)
            }
            for _ in 0..<2 {
                let response = await post(dry)
                #expect(response.status == 200 && response.field("Idempotent-Replayed") == nil)
            }
            #expect(await post(real).field("Idempotent-Replayed") == nil)
            #expect(await post(real).field("Idempotent-Replayed") == "true")
            #expect(await post(dry).code == "idempotency_key_reused")
            #expect(emitter.calls.count == 1)
        }
    }
}
