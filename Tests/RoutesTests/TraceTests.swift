import AMQPBridge
import Testing

@testable import Routes

@Suite("A trace")
struct TraceTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let headers: KeyValuePairs<HeaderName, String> = [
        .traceparent: parent, .tracestate: "a=1", .tracestate: "b=2",
    ]
    private static let context = TraceContext(traceparent: parent, tracestate: "a=1,b=2")

    @Test("goes with an emit, also with one that is acknowledged")
    func emit() async {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        _ = await router.post("{\"event\":\"e\"}", Self.headers)
        _ = await router.post("{\"event\":\"e\",\"ack\":{}}", Self.headers)
        #expect(emitter.calls.map(\.emit.trace) == [Self.context])
        guard case .acknowledged(let emit, _, _)? = emitter.questions.first else { return #expect(Bool(false)) }
        #expect(emit.trace == Self.context)
    }

    @Test("goes with every item of a batch")
    func batch() async {
        let emitter = RecordingEmitter()
        let items = "{\"items\":[{\"event\":\"a\"},{},{\"event\":\"b\"}]}"
        _ = await router(emitter).request(.post, "/v1/batch", Self.headers, body: items)
        #expect(emitter.calls.map(\.emit.trace) == [Self.context, Self.context])
    }

    @Test("goes with what webhooks and CloudEvents become")
    func deliveries() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: try .unsigned(.simple()))
        let trace = [("traceparent", Self.parent), ("tracestate", "a=1,b=2")]
        _ = await router.deliver(Array("{}".utf8), to: "/v1/hooks/h", trace, type: "application/json")
        let event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"r\"}"
        let type = "application/cloudevents+json"
        _ = await router.deliver(Array(event.utf8), to: "/v1/cloudevents", trace, type: type)
        #expect(emitter.calls.map(\.emit.trace) == [Self.context, Self.context])
    }

    @Test("goes with what is for the servers, and with what is done to sockets")
    func cluster() async {
        let (emitter, cluster) = (RecordingEmitter(), RecordingCluster())
        let router = router(emitter, cluster: cluster)
        for body in ["{\"event\":\"e\"}", "{\"event\":\"e\",\"ack\":{}}"] {
            _ = await router.request(.post, "/v1/servers/emit", Self.headers, body: body)
        }
        for path in ["/v1/sockets/join", "/v1/sockets/leave"] {
            _ = await router.request(.post, path, Self.headers, body: "{\"in\":[\"a\"],\"rooms\":[\"b\"]}")
        }
        _ = await router.request(.post, "/v1/sockets/disconnect", Self.headers, body: "{\"all\":true}")
        for path in ["/v1/sockets/x/join", "/v1/sockets/x/leave"] {
            _ = await router.request(.post, path, Self.headers, body: "{\"rooms\":[\"b\"]}")
        }
        _ = await router.request(.delete, "/v1/sockets/x", Self.headers)
        let traces = emitter.questions.map { question in
            switch question {
            case .acknowledged(let emit, _, _): emit.trace
            case .toServers(let command): command.trace
            case .change(let command, _): command.trace
            case .dryRun(let requests, _): requests[0].emit.trace
            }
        }
        #expect(traces == Array(repeating: Self.context, count: 7))
        guard case .ask(let command, _)? = cluster.questions.first else { return #expect(Bool(false)) }
        #expect(command.trace == Self.context)
    }

    @Test(
        "that is not valid, or comes twice, is left out without a word",
        arguments: [
            [:], [.traceparent: "x"], [.traceparent: ""], [.traceparent: parent, .traceparent: parent],
            [.tracestate: "a=1"], [.traceparent: "x", .tracestate: "a=1"],
        ] as [KeyValuePairs<HeaderName, String>])
    func invalid(headers: KeyValuePairs<HeaderName, String>) async {
        let emitter = RecordingEmitter()
        #expect(await router(emitter).post("{\"event\":\"e\"}", headers).status == 200)
        #expect(emitter.calls.map(\.emit.trace) == [nil])
    }
}
