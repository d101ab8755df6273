import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("A CloudEvent")
struct CloudEventRouteTests {
    private static let event = """
        {"specversion":"1.0","id":"1","source":"/s","type":"order.paid","subject":"user:42","data":{"total":10.50}}
        """
    private static let structured = "application/cloudevents+json"
    private static let path = "/v1/cloudevents"

    private func post(
        _ router: Router, _ body: String, type: String? = structured,
        _ headers: KeyValuePairs<String, String> = [:]
    ) async -> Response {
        await router.deliver(body, to: Self.path, headers, type: type)
    }

    private static let attributes: KeyValuePairs = [
        "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-subject": "r",
    ]

    // MARK: Structured mode

    @Test("names the event with its type, and the room with its subject")
    func emits() async throws {
        let emitter = RecordingEmitter()
        let response = await post(router(emitter), Self.event)
        #expect(response.status == 200)
        #expect(response.text == "{\"id\":\"01J\",\"status\":\"confirmed\",\"routed\":true}\n")
        #expect(
            emitter.calls.map(\.emit)
                == [Emit(event: "order.paid", arguments: JSONText(Self.event), rooms: ["user:42"])])
        #expect(emitter.calls.first?.wait == .milliseconds(2_500))
    }

    @Test("without a subject reaches nobody, unless that is configured")
    func withoutSubject() async throws {
        let body = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}"
        let emitter = RecordingEmitter()
        let response = await post(router(emitter), body)
        #expect(response.status == 422)
        #expect(response.details == ["{/subject} finds nothing"])
        #expect(emitter.calls.isEmpty)
        let mapping = try CloudEventMapping(
            mapping: EmitMapping(
                namespace: "/ce", event: "event:{/type}", everyone: true, args: [ArgumentTemplate(template: "{/data}")],
                when: [HookCondition(value: "{/source}", .matches("/s*"))]), confirmWait: .seconds(1))
        let configured = router(emitter, hooks: HookTable(cloudEvents: mapping))
        #expect(await post(configured, Self.event).outcome == "confirmed")
        #expect(
            emitter.calls.map(\.emit)
                == [Emit(namespace: "/ce", event: "event:order.paid", arguments: JSONText("{\"total\":10.50}"))])
        #expect(emitter.calls.map(\.wait) == [.seconds(1)])
        #expect(await post(configured, Self.event.replacing("/s", with: "/x")).text == "{\"status\":\"ignored\"}\n")
    }

    @Test(
        "has all that CloudEvents 1.0 requires",
        arguments: [
            ("[]", [""]), ("1", [""]), ("{}", ["/specversion", "/source", "/id", "/type"]),
            ("{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", ["/specversion"]),
            ("{\"specversion\":1.0,\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", ["/specversion"]),
            ("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", ["/id"]),
            ("{\"specversion\":\"1.0\",\"id\":7,\"source\":\"s\",\"type\":\"t\"}", ["/id"]),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":null,\"type\":\"t\"}", ["/source"]),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":{}}", ["/type"]),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"\"}", ["/subject"]),
            (
                "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1,\"data_base64\":\"\"}",
                ["/data"]
            ),
        ])
    func required(body: String, pointers: [String]) async {
        let emitter = RecordingEmitter()
        let response = await post(router(emitter), body)
        #expect(response.status == 422)
        #expect(response.code == "invalid_request")
        #expect(response.pointers == pointers)
        #expect(emitter.calls.isEmpty)
    }

    @Test("is JSON")
    func malformed() async {
        #expect(await post(router(), "{").code == "invalid_json")
        #expect(await post(router(), "{\"id\":\"1\",\"id\":\"2\"}").code == "duplicate_key")
    }

    @Test(
        "comes in JSON or in headers",
        arguments: [
            ("application/cloudevents+json; charset=utf-8", 200), ("Application/CloudEvents+JSON", 200),
            ("application/cloudevents+json; charset=latin1", 415), ("application/cloudevents+avro", 415),
            ("application/cloudevents", 415), ("application/cloudevents+protobuf", 415),
            ("application/cloudevents-batch+avro", 415), ("application/json", 415), ("text/plain", 415), (nil, 415),
        ] as [(String?, Int)])
    func modes(type: String?, status: Int) async {
        #expect(await post(router(), Self.event, type: type).status == status)
    }

    @Test("needs an API key")
    func needsKey() async throws {
        let router = router(access: .key("k"))
        #expect(await post(router, Self.event).status == 401)
        #expect(await post(router, Self.event, ["Authorization": "Bearer k"]).status == 200)
    }

    @Test("is emitted once, by its source and id")
    func deduplicates() async throws {
        let emitter = RecordingEmitter()
        let first = router(emitter)
        #expect(await post(first, Self.event).outcome == "confirmed")
        #expect(await post(first, Self.event, ["Idempotency-Key": "k"]).outcome == "duplicate")
        #expect(await post(first, Self.event.replacing("\"id\":\"1\"", with: "\"id\":\"2\"")).outcome == "confirmed")
        #expect(await post(first, Self.event.replacing("/s", with: "/x")).outcome == "confirmed")
        #expect(await post(first, "", type: nil, Self.attributes).outcome == "duplicate")
        #expect(emitter.calls.count == 3)
        let deliveries = DeliveryStore()
        let failing = RecordingEmitter(.failure(.notPublished(.unknown(.confirmTimedOut))))
        #expect(await post(router(failing, deliveries: deliveries), Self.event).status == 504)
        #expect(await post(router(deliveries: deliveries), Self.event).outcome == "confirmed")
    }

    @Test("is emitted once for each caller: nobody keeps another's events away")
    func callersAreApart() async throws {
        let emitter = RecordingEmitter()
        let keys = [APIKey("a", name: "one"), APIKey("b", name: "another")]
        let router = router(emitter, access: AccessPolicy(keys: keys, keyless: .nobody) { 0 })
        for (key, outcomes) in [("a", ["confirmed", "duplicate"]), ("b", ["confirmed", "duplicate"])] {
            for outcome in outcomes {
                #expect(await post(router, Self.event, ["Authorization": "Bearer \(key)"]).outcome == outcome)
            }
        }
        #expect(emitter.calls.count == 2)
    }

    // MARK: Binary mode

    /// The event that the only emit carries, as it went to clients.
    private func binary(
        _ body: [UInt8], _ type: String?, _ headers: [(String, String)] = attributes.map { ($0.key, $0.value) }
    ) async -> (response: Response, event: String) {
        let emitter = RecordingEmitter()
        let response = await router(emitter).deliver(body, to: Self.path, headers, type: type)
        return (response, emitter.calls.first.map { String(decoding: $0.emit.arguments.bytes, as: UTF8.self) } ?? "")
    }

    @Test(
        "in headers becomes what it would be in JSON",
        arguments: [
            ("application/json", "{\"a\": 0.10}", ",\"datacontenttype\":\"application/json\",\"data\":{\"a\": 0.10}"),
            (
                "application/json; charset=utf-8", " [1] ",
                ",\"datacontenttype\":\"application/json; charset=utf-8\",\"data\":[1]"
            ),
            ("application/vnd.x+json", "null", ",\"datacontenttype\":\"application/vnd.x+json\",\"data\":null"),
            ("text/plain", "a\"b\n", ",\"datacontenttype\":\"text/plain\",\"data\":\"a\\\"b\\n\""),
            ("text/html; charset=UTF-8", "é", ",\"datacontenttype\":\"text/html; charset=UTF-8\",\"data\":\"é\""),
            (
                "text/plain; charset=latin1", "abc",
                ",\"datacontenttype\":\"text/plain; charset=latin1\",\"data_base64\":\"YWJj\""
            ),
            (
                "application/json; charset=utf-16", "abc",
                ",\"datacontenttype\":\"application/json; charset=utf-16\",\"data_base64\":\"YWJj\""
            ),
            (
                "application/octet-stream", "abc",
                ",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"YWJj\""
            ),
            (nil, "abc", ",\"data_base64\":\"YWJj\""), (nil, "", ""),
            ("application/json", "", ",\"datacontenttype\":\"application/json\""),
        ] as [(String?, String, String)])
    func binaryData(type: String?, body: String, end: String) async {
        let (response, event) = await binary(Array(body.utf8), type)
        #expect(response.status == 200)
        #expect(
            event == "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"subject\":\"r\"" + end
                + "}")
    }

    @Test("in headers can have bytes that are no text")
    func binaryBytes() async {
        let (response, event) = await binary([0xFF, 0x00, 0xFE], "text/plain")
        #expect(response.status == 200)
        #expect(event.hasSuffix("\"data_base64\":\"/wD+\"}"))
    }

    @Test(
        "in headers cannot smuggle attributes in with its data",
        arguments: ["1,\"subject\":\"x\"", "1,\"extra\":\"x\"", "1}", "{\"a\":1,\"a\":2}", "{"])
    func smuggling(body: String) async {
        let (response, event) = await binary(Array(body.utf8), "application/json")
        #expect(response.status == 400)
        #expect(event == "")
    }

    @Test(
        "in headers has its attributes escaped",
        arguments: [
            ("a%20b", "a b"), ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("a+b", "a+b"), ("%22q%22", "\"q\""),
            ("\"a b\"", "a b"), ("\"a\\\"b\\\\c\"", "a\"b\\c"), ("\"%41\"", "A"), ("\"", "\""), ("a\"b", "a\"b"),
            ("%2525", "%25"),
        ])
    func escapes(value: String, text: String) async throws {
        let emitter = RecordingEmitter()
        let headers = Self.attributes.map { ($0.key, $0.key == "ce-subject" ? value : $0.value) }
        let response = await router(emitter).deliver([], to: Self.path, headers, type: nil)
        #expect(response.status == 200)
        #expect(emitter.calls.first?.emit.rooms == [.name(text)])
    }

    @Test(
        "in headers has each attribute once, under a name that can be one",
        arguments: [
            ("ce-subject", "r"), ("ce-data", "x"), ("ce-datacontenttype", "text/plain"), ("ce-data_base64", "eA=="),
            ("ce-", "x"), ("ce-a-b", "x"), ("ce-ext", "%"), ("ce-ext", "%FF"), ("CE-ID", "2"),
        ])
    func badAttributes(name: String, value: String) async {
        let (response, event) = await binary([], nil, Self.attributes.map { ($0.key, $0.value) } + [(name, value)])
        #expect(response.status == 422)
        #expect(event == "")
    }

    @Test("in headers has extensions, too")
    func extensions() async {
        let (response, event) = await binary(
            [], nil, Self.attributes.map { ($0.key, $0.value) } + [("CE-TraceParent", "00-x"), ("X-Other", "y")])
        #expect(response.status == 200)
        #expect(event.hasSuffix(",\"traceparent\":\"00-x\"}"))
        let (missing, _) = await binary([], nil, [("ce-id", "1")])
        #expect(missing.status == 422)
        #expect(missing.pointers == ["/specversion", "/source", "/type"])
    }

    // MARK: Batches

    @Test("comes alone", arguments: ["[]", "[{}]", "{", ""])
    func noBatches(body: String) async {
        let emitter = RecordingEmitter()
        let response = await post(router(emitter), body, type: "application/cloudevents-batch+json; charset=utf-8")
        #expect(response.status == 501)
        #expect(response.code == "not_implemented")
        #expect(emitter.calls.isEmpty)
    }
}
