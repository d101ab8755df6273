import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("POST /v1/batch")
struct BatchRouteTests {
    @Test("answers for each emit in order when all are confirmed")
    func confirmed() async {
        let emitter = RecordingEmitter([
            "a": .success(Receipt(id: "01A", routed: true)),
            "b": .success(Receipt(id: "01B", routed: false, reason: .noMember)),
            "c": .success(Receipt(id: "01C", routed: nil)),
        ])
        let items = "{\"event\":\"a\",\"data\": 0.10}, {\"event\":\"b\",\"op\":\"emit\"},{\"event\":\"c\"}"
        let response = await router(emitter).batch("{\"items\":[\(items)]}")
        #expect(response.status == 200)
        #expect(response.contentType.map { "\($0)" } == "application/json")
        #expect(
            response.text == """
                {"results":[{"status":200,"id":"01A","routed":true},{"status":200,"id":"01B","routed":false,"reason":"no_member"},\
                {"status":200,"id":"01C","routed":null}],"confirmed":3,"failed":0}

                """)
        let arguments = JSONText(verbatim: Array("0.10".utf8)[...])
        #expect(
            emitter.calls
                == [Emit(event: "a", arguments: arguments), Emit(event: "b"), Emit(event: "c")].map {
                    .init(emit: $0, confirmation: .broker)
                })
    }

    @Test(
        "may have no items", arguments: [("{\"items\":[]}", nil), ("", MediaType.ndjson), ("\n \n", MediaType.ndjson)])
    func empty(body: String, type: MediaType?) async {
        let emitter = RecordingEmitter()
        let response = await router(emitter).batch(body, type ?? .json)
        #expect(response.status == 200)
        #expect(response.text == "{\"results\":[],\"confirmed\":0,\"failed\":0}\n")
        #expect(emitter.calls.isEmpty)
    }

    @Test("reads an emit from each line of NDJSON")
    func ndjson() async throws {
        let emitter = RecordingEmitter()
        let lines = "{\"event\":\"a\"}\r\n\n \t\r\n  {\"event\" : \"b\"} \n{\"event\":\"c\"}"
        for (body, type) in [(lines, "application/x-ndjson"), (lines + "\n", "Application/X-NDJSON; charset=utf-8")] {
            let response = await router(emitter).request(.post, "/v1/batch", [.contentType: type], body: body)
            #expect(response.status == 200)
            #expect(try response.members()["confirmed"]?.integer == 3)
        }
        #expect(emitter.calls.map(\.emit.event) == ["a", "b", "c", "a", "b", "c"])
    }

    @Test("reads the values of each item, although all are alike but for these", arguments: [MediaType.json, .ndjson])
    func alike(type: MediaType) async throws {
        let emitter = RecordingEmitter()
        let items = (0..<300).map { #"{"event":"e\#($0)","data":{"n":\#($0),"s":"t\#($0)"},"rooms":[\#($0)]}"# }
        let body = type == .json ? "{\"items\":[\(items.joined(separator: ","))]}" : items.joined(separator: "\n")
        #expect(await router(emitter).batch(body, type).status == 200)
        #expect(
            emitter.calls.map(\.emit)
                == (0..<300).map { number in
                    let data = Array(#"{"n":\#(number),"s":"t\#(number)"}"#.utf8)
                    return Emit(
                        event: "e\(number)", arguments: JSONText(verbatim: data[...]), rooms: [.number(number)])
                })
    }

    @Test("takes other items for what they are although one is invalid", arguments: [MediaType.json, .ndjson])
    func invalidItems(type: MediaType) async throws {
        let items = [
            "{\"event\":\"a\"}", "{\"event\":\"\\u0000\",\"room\":1}", "1", "{\"event\":\"b\"}",
            "{\"event\":\"c\",\"ack\":{}}",
            "{\"event\":\"c\",\"confirm\":\"none\"}", "{\"event\":\"c\",\"op\":\"join\"}", "{\"event\":\"d\"}",
            "{\"event\":\"c\",\"op\":null}",
        ]
        let emitter = RecordingEmitter(["b": .failure(.invalid([CommandFault(CommandField("rooms", index: 1), "no")]))])
        let response = await router(emitter).batch(items, type)
        #expect(response.status == 207)
        let results = try response.results()
        #expect(results.map(\.status) == [200, 422, 422, 422, 422, 422, 422, 200, 422])
        #expect(results.map(\.id) == ["01J-a", nil, nil, nil, nil, nil, nil, "01J-d", nil])
        #expect(
            results.map(\.pointers) == [
                [], ["/room"], [""], ["/rooms/1"], ["/ack"], ["/confirm"], ["/op"], [], ["/op"],
            ])
        #expect(results.allSatisfy { $0.status == 200 || $0.code == "invalid_request" })
        #expect(emitter.calls.map(\.emit.event) == ["a", "b", "d"])
        #expect(try response.members()["confirmed"]?.integer == 2)
        #expect(try response.members()["failed"]?.integer == 7)
    }

    @Test("says of each emit what became of it")
    func outcomes() async throws {
        let emitter = RecordingEmitter([
            "lost": .failure(.notPublished(.unknown(.connectionLost))), "nack": .failure(.notPublished(.brokerNack)),
            "silent": .failure(.notPublished(.brokerSilent)), "full": .failure(.notPublished(.overloaded)),
        ])
        let response = await router(emitter).batch(
            ["lost", "ok", "nack", "silent", "full"].map { "{\"event\":\"\($0)\"}" }, .json)
        let results = try response.results()
        #expect(results.map(\.status) == [504, 200, 503, 503, 503])
        #expect(
            results.map(\.code) == ["confirm_timeout", nil, "broker_nack", "broker_unavailable", "overloaded"])
        #expect(results.map(\.outcome) == ["unknown", nil, "unknown", nil, nil])
        #expect(results.map(\.retryable) == [false, nil, false, true, true])
        #expect(results.allSatisfy { $0.requestID == (($0.status == 200) ? nil : response.field("X-Request-Id")) })
    }

    @Test(
        "all of whose items failed has the status that they have in common, else 422; and 504 if one may have been delivered",
        arguments: [
            (["full", "full"], 503, "overloaded", true), (["full", "silent"], 503, nil, true),
            (["{}", "{}"], 422, "invalid_request", true),
            (["full", "{}"], 422, nil, true), (["lost", "full"], 504, nil, false),
            (["lost", "lost"], 504, "confirm_timeout", false),
            (["nack", "nack"], 504, "broker_nack", false), (["nack"], 504, "broker_nack", false),
            (["{}", "nack"], 504, nil, false),
            (["ok", "lost"], 207, nil, false), (["ok", "full"], 207, nil, false), (["ok", "ok"], 200, nil, false),
            ([], 200, nil, true), (["large"], 413, "payload_too_large", true),
        ] as [([String], Int, String?, Bool)])
    func allFailed(items: [String], status: Int, code: String?, isWithoutEffect: Bool) async throws {
        let emitter = RecordingEmitter([
            "lost": .failure(.notPublished(.unknown(.connectionLost))), "nack": .failure(.notPublished(.brokerNack)),
            "silent": .failure(.notPublished(.brokerSilent)), "full": .failure(.notPublished(.overloaded)),
            "large": .failure(.notPublished(.tooLarge(bytes: 2, limit: 1))),
        ])
        let response = await router(emitter).batch(items.map { $0 == "{}" ? $0 : "{\"event\":\"\($0)\"}" }, .json)
        #expect(response.status == status)
        #expect(try response.results().count == items.count)
        #expect(response.contentType.map { "\($0)" } == "application/json")
        // For the log.
        #expect(RequestReport.Answer(response).code?.rawValue == code)
        #expect(response.field("Retry-After") == (status == 503 ? "1" : nil))
        #expect(response.isWithoutEffect == isWithoutEffect)
        #expect(try response.members()["failed"]?.integer == items.count { $0 != "ok" })
    }

    @Test(
        "says how a batch is written to who sent something else",
        arguments: [
            ("[]", "the body: must be an object: send {\"items\": [EMIT, …]}, or"),
            ("{\"event\":\"e\"}\n{\"event\":\"e\"}", "/event: no such field: send {\"items\": [EMIT, …]}, or"),
            ("{\"item\":[]}", "/item: no such field; did you mean \"items\"?"),
            ("", "the body is empty: JSON is expected"),
        ])
    func hints(body: String, detail: String) async throws {
        #expect(try await router().batch(body).members()["detail"]?.string?.hasPrefix(detail) == true)
    }

    @Test("of lines that a shell has put into one says so")
    func linesInOne() async throws {
        let response = await router().batch("{\"event\":\"a\"}{\"event\":\"b\"}", .ndjson)
        #expect(response.status == 400)
        #expect(response.text.contains("--data-binary"))
    }

    @Test("may begin with a byte order mark", arguments: [MediaType.json, .ndjson])
    func byteOrderMark(type: MediaType) async throws {
        let emitter = RecordingEmitter()
        let body = type == .json ? "\u{FEFF}{\"items\":[{\"event\":\"a\"}]}" : "\u{FEFF}{\"event\":\"a\"}\n"
        #expect(await router(emitter).batch(body, type).status == 200)
        #expect(emitter.calls.map(\.emit.event) == ["a"])
    }

    // MARK: What is no batch

    @Test(
        "emits nothing of what is not a list of items",
        arguments: [
            ("[]", 422, [""]), ("null", 422, [""]), ("{}", 422, ["/items"]), ("{\"items\":{}}", 422, ["/items"]),
            ("{\"items\":null}", 422, ["/items"]), ("{\"event\":\"e\"}", 422, ["/event"]),
            ("{\"a/b\":[]}", 422, ["/a~1b"]), ("{\"items\":[{\"event\":\"e\"}],\"x\":1}", 422, ["/x"]),
            ("", 400, []), ("{", 400, []), ("{\"items\":[{\"event\":\"e\"}]", 400, []),
            ("{\"items\":[{\"event\":\"e\"}]} x", 400, []), ("{\"items\":[{\"event\":\"e\"},]}", 400, []),
            ("{\"items\":[{\"event\":\"e\"}],\"items\":[]}", 400, []),
            ("{\"items\":[{\"event\":\"e\"},{\"event\":}]}", 400, []),
            ("{\"items\":[{\"event\":\"e\"},{\"event\":\"e\",\"event\":\"e\"}]}", 400, []),
        ] as [(String, Int, [String])])
    func notABatch(body: String, status: Int, pointers: [String]) async {
        let emitter = RecordingEmitter()
        let response = await router(emitter).batch(body)
        #expect(response.status == status, "\(body)")
        #expect(response.pointers == pointers)
        #expect(emitter.calls.isEmpty)
    }

    @Test("says which item is not JSON, and in what way")
    func itemsThatAreNotJSON() async throws {
        let deep =
            "{\"event\":\"e\",\"data\":" + String(repeating: "[", count: 64) + String(repeating: "]", count: 64) + "}"
        let items = [("{\"event\":nul}", "invalid_json"), ("{\"a\":1,\"a\":1}", "duplicate_key"), (deep, "too_deep")]
        for (item, code) in items {
            let response = await router().batch(["{\"event\":\"e\"}", item], .json)
            #expect(response.status == 400)
            #expect(response.code == code)
            #expect(try response.members()["detail"]?.string?.hasPrefix("in item 1: ") == true)
        }
    }

    @Test("takes each line of NDJSON for a text of its own: one that is not JSON stops no other")
    func linesThatAreNotJSON() async throws {
        let emitter = RecordingEmitter()
        let response = await router(emitter).batch(
            "{\"event\":\"a\"}\n{\"event\"\n[\n]\n{\"a\":1,\"a\":1}\n{\"event\":\"b\"}{}\n{\"event\":\"c\"}", .ndjson)
        #expect(response.status == 207)
        let results = try response.results()
        #expect(results.map(\.status) == [200, 400, 400, 400, 400, 400, 200])
        #expect(results[4].code == "duplicate_key")
        #expect(emitter.calls.map(\.emit.event) == ["a", "c"])
    }

    @Test(
        "is JSON or NDJSON, and an emit is not NDJSON",
        arguments: [
            ("/v1/batch", "application/json", 200), ("/v1/batch", "application/x-ndjson", 422),
            ("/v1/batch", "application/ndjson", 422), ("/v1/batch", "application/jsonl", 422),
            ("/v1/batch", "text/json", 200), ("/v1/batch", "application/x-ndjson; charset=latin1", 415),
            ("/v1/batch", "text/plain", 415), ("/v1/emit", "application/x-ndjson", 415),
        ])
    func mediaTypes(path: String, type: String, status: Int) async throws {
        let response = await router().request(.post, path, [.contentType: type], body: "{\"items\":[]}")
        #expect(response.status == status)
        guard status == 415 else { return }
        let detail = try response.members()["detail"]?.string
        #expect(detail?.contains("--data-binary") == (path == "/v1/batch"))
    }

    // MARK: Limits

    @Test("has so many items at the most, or nothing of it is published", arguments: [MediaType.json, .ndjson])
    func tooManyItems(type: MediaType) async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter) { $0.batchItems = 3 }
        let items = ["{\"event\":\"a\"}", "{}", "{\"event\":\"b\"}"]
        #expect(await router.batch(items, type).status == 207)
        #expect(emitter.calls.count == 2)
        let response = await router.batch(items + ["{\"event\":\"c\"}"], type)
        #expect(response.status == 413)
        #expect(try response.members()["detail"]?.string?.contains("3 items") == true)
        #expect(emitter.calls.count == 2)
    }

    @Test(
        "has items of so many bytes at the most: a longer one is refused by itself",
        arguments: [MediaType.json, .ndjson])
    func longItems(type: MediaType) async throws {
        let emitter = RecordingEmitter()
        func item(_ bytes: Int) -> String {
            "{\"event\":\"" + String(repeating: "x", count: bytes - 12) + "\"}"
        }
        let response = await router(emitter) { $0.bodyBytes = 100 }.batch([item(100), item(101), item(99)], type)
        let results = try response.results()
        #expect(results.map(\.status) == [200, 413, 200])
        #expect(results[1].code == "payload_too_large")
        #expect(emitter.calls.map(\.emit.event.utf8.count) == [88, 87])
    }

    @Test("may be longer than an emit, to a limit of its own", arguments: [("200", 200), ("201", 413)])
    func announcedLength(length: String, status: Int) async {
        let router = router { ($0.bodyBytes, $0.batchBytes) = (100, 200) }
        let response = await router.request(.post, "/v1/batch", [.contentLength: length], body: "{\"items\":[]}")
        #expect(response.status == status)
        #expect(await router.post("{\"event\":\"e\"}", [.contentLength: "101"]).status == 413)
    }

    @Test("names the limit that a chunked body went beyond")
    func chunkedLength() throws {
        let router = router { ($0.bodyBytes, $0.batchBytes) = (100, 200) }
        for (path, limit) in [("/v1/emit", 100), ("/v1/batch", 200)] {
            var fields = HeaderFields()
            fields.add(.host, "localhost")
            fields.add(.contentType, "application/json")
            fields.add(.transferEncoding, "chunked")
            let admission = router.admit(RequestHead(method: .post, path: path, fields: fields))
            #expect(admission.refusal == nil, "a chunked body has no length to refuse")
            #expect(admission.request.bodyLimit == limit)
            #expect(router.refuseLongBody(admission.request).text.contains("\(limit) bytes"))
        }
        #expect(router.limits.largestBody == 200)
    }

    @Test("takes turns with others while it reads and while it answers")
    func pauses() async throws {
        let items = Array(repeating: "{\"event\":\"e\"}", count: 640)
        let emitter = RecordingEmitter()
        _ = await router(emitter).batch(items, .json)
        #expect(emitter.pauses.value == 10)
        let long = RecordingEmitter()
        let text = "{\"event\":\"e\",\"data\":\"" + String(repeating: "x", count: 40_000) + "\"}"
        _ = await router(long).batch(Array(repeating: text, count: 10), .ndjson)
        #expect(long.pauses.value == 5)
        let blank = RecordingEmitter()
        _ = await router(blank).batch(String(repeating: "\n", count: 1 << 20), .ndjson)
        #expect(blank.pauses.value == 15)
    }

    @Test("lists the first few of an item's faults")
    func boundsProblems() async throws {
        let names = Array(repeating: "\"\"", count: 50).joined(separator: ",")
        let fields = (0..<50).map { ",\"f\($0)\":1" }.joined()
        let emitter = RecordingEmitter([
            "many": .failure(.invalid((0..<50).map { CommandFault(CommandField("rooms", index: $0), "no") }))
        ])
        let response = await router(emitter).batch(
            ["{\"event\":\"many\",\"rooms\":[\(names)]}", "{\"event\":\"e\"\(fields)}"], .json)
        #expect(try response.results().map(\.pointers.count) == [5, 5])
    }

    @Test("is refused while too many items are under way, and taken afterwards")
    @MainActor func itemsUnderWay() async throws {
        let gate = Gate()
        let emitter = RecordingEmitter(gate: gate)
        let router = router(emitter) { $0.batchItems = 10 }
        let batch = Array(repeating: "{\"event\":\"e\"}", count: 10)
        let waiting = (0..<16).map { _ in Task { await router.batch(batch, .json).status } }
        while emitter.calls.count < 160 { await Task.yield() }
        let refused = await router.batch(["{\"event\":\"one too many\"}"], .json)
        #expect(refused.status == 503)
        #expect(refused.code == "overloaded")
        #expect(emitter.calls.count == 160)
        gate.open()
        for task in waiting { #expect(await task.value == 200) }
        // What was refused after some items has given them back, too.
        #expect(await router.batch(batch + ["{}"], .json).status == 413)
        #expect(await router.batch("{\"items\":[{},1,").status == 400)
        for _ in 0..<20 { #expect(await router.batch(batch, .json).status == 200) }
    }
}

extension Router {
    fileprivate func batch(_ items: [String], _ type: MediaType) async -> Response {
        let body = type == .json ? "{\"items\":[\(items.joined(separator: ","))]}" : items.joined(separator: "\n")
        return await batch(body, type)
    }
}

/// One of a batch's results.
private struct ItemResult {
    var status: Int?
    var id: String?
    var code: String?
    var outcome: String?
    var retryable: Bool?
    var requestID: String?
    var pointers: [String] = []

    init(_ value: JSONValue) {
        value.forEachMember { name, value in
            switch name {
            case "status": status = value.integer
            case "id": id = value.string
            case "problem": value.forEachMember { read($0, $1) }
            default: break
            }
        }
    }

    private mutating func read(_ name: String, _ value: JSONValue) {
        switch name {
        case "status": #expect(value.integer == status)
        case "code": code = value.string
        case "outcome": outcome = value.string
        case "retryable": retryable = value.boolean
        case "requestId": requestID = value.string
        case "errors":
            value.forEachElement { _, error in
                error.forEachMember { if $0 == "pointer" { pointers.append($1.string ?? "") } }
            }
        default: break
        }
    }
}

extension Response {
    fileprivate func results() throws -> [ItemResult] {
        try JSONDocument(parsing: body).root.member("results")?.elements().map(ItemResult.init) ?? []
    }
}
