import JSON
import Testing

@testable import AMQPBridge
@testable import Routes

@Suite("POST /v1/emit")
struct EmitRouteTests {
    @Test("answers when the broker has confirmed", arguments: [true, false, nil] as [Bool?])
    func confirmed(routed: Bool?) async throws {
        let emitter = RecordingEmitter(.success(Receipt(id: "01JD", routed: routed)))
        let response = await router(emitter).post("{\"event\":\"e\",\"data\": 0.10}")
        #expect(response.status == 200)
        #expect(response.contentType.map { "\($0)" } == "application/json")
        let expected = routed.map { "\($0)" } ?? "null"
        #expect(response.text == "{\"id\":\"01JD\",\"status\":\"confirmed\",\"routed\":\(expected)}\n")
        let arguments = JSONText(verbatim: Array("0.10".utf8)[...])
        #expect(emitter.calls == [.init(emit: Emit(event: "e", arguments: arguments), confirmation: .broker)])
    }

    @Test("reads the values of each, although all are alike but for these")
    func alike() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        var expected: [RecordingEmitter.Call] = []
        for number in 0..<5 {
            let arguments = #"{"id":\#(number * 11),"total":-\#(number).50,"to":["a \#(number)"]}"#
            let body =
                #"{"event":"e\#(number)","args":[\#(arguments)],"rooms":["r\#(number)",\#(number)],"except":"x\#(number)"}"#
            #expect(await router.post(body).status == 200)
            // One between them that is refused.
            #expect(await router.post(body.replacing("\"x\(number)\"", with: "true")).pointers == ["/except"])
            let emit = Emit(
                event: "e\(number)", arguments: JSONText(verbatim: Array(arguments.utf8)[...]),
                rooms: [.name("r\(number)"), .number(number)], except: [.name("x\(number)")])
            expected.append(.init(emit: emit, confirmation: .broker))
        }
        #expect(emitter.calls == expected)
    }

    @Test("says why nobody was there", arguments: UnroutedReason.allCases)
    func unrouted(reason: UnroutedReason) async throws {
        let emitter = RecordingEmitter(.success(Receipt(id: "01JD", routed: false, reason: reason)))
        emitter.answers.withLock {
            $0.acknowledged = .success(
                AcknowledgedReceipt(
                    id: "01JD", routed: false, reason: reason, recipients: 0, responses: [], isComplete: true,
                    servers: nil))
        }
        let expected = "{\"id\":\"01JD\",\"status\":\"confirmed\",\"routed\":false,\"reason\":\"\(reason.rawValue)\""
        #expect(await router(emitter).post("{\"event\":\"e\"}").text == expected + "}\n")
        let acknowledged = await router(emitter).post("{\"event\":\"e\",\"ack\":{}}").text
        #expect(acknowledged.hasPrefix(expected + ",\"recipients\":0,"))
    }

    @Test("answers at once if it is to wait for nothing")
    func accepted() async throws {
        let emitter = RecordingEmitter(.success(Receipt(id: "01JD", routed: nil)))
        let response = await router(emitter).post("{\"event\":\"e\",\"confirm\":\"none\"}")
        #expect(response.status == 202)
        #expect(response.text == "{\"id\":\"01JD\",\"status\":\"accepted\",\"routed\":null}\n")
        #expect(emitter.calls.map(\.confirmation) == [.none])
    }

    @Test("says what the emitter refused")
    func refused() async {
        let faults = [CommandFault(CommandField("rooms", index: 1), "no"), CommandFault(CommandField("event"), "no")]
        let response = await router(RecordingEmitter(.failure(.invalid(faults)))).post("{\"event\":\"e\"}")
        #expect(response.status == 422)
        #expect(response.pointers == ["/rooms/1", "/event"])
    }

    @Test(
        "emits nothing for a body that is not valid", arguments: ["", "[]", "{}", "{\"event\":\"e\",\"room\":\"r\"}"])
    func invalid(body: String) async {
        let emitter = RecordingEmitter()
        let response = await router(emitter).post(body)
        #expect(response.status == (body.isEmpty ? 400 : 422))
        #expect(emitter.calls.isEmpty)
    }

    @Test("tells the acknowledgements, and what is not known of them")
    func acknowledgements() async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock {
            $0.acknowledged = .success(
                AcknowledgedReceipt(
                    id: "01JD", routed: true, reason: nil, recipients: 3,
                    responses: [JSONText("[\"ok\",1]"), JSONText("[]")],
                    isComplete: false, servers: ServerTally(expected: 2, responded: 1, missing: ["b"])))
        }
        let response = await router(emitter).post(
            "{\"event\":\"e\",\"rooms\":[\"r\"],\"ack\":{\"mode\":\"first\",\"timeoutMs\":70}}")
        #expect(response.status == 200)
        #expect(
            response.text == "{\"id\":\"01JD\",\"status\":\"confirmed\",\"routed\":true,\"recipients\":3,\"acks\":{"
                + "\"expected\":3,\"received\":2,\"complete\":false,\"responses\":[[\"ok\",1],[]]},"
                + "\"servers\":{\"expected\":2,\"responded\":1,\"missing\":[\"b\"],\"tooLarge\":[]}}\n")
        #expect(
            emitter.questions
                == [.acknowledged(Emit(event: "e", rooms: ["r"]), mode: .first, timeout: .milliseconds(70))])
        #expect(emitter.calls.isEmpty)
    }

    @Test("invents nothing of servers that say nothing but the answers", arguments: [true, nil] as [Bool?])
    func unknownAcknowledgements(isComplete: Bool?) async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock {
            $0.acknowledged = .success(
                AcknowledgedReceipt(
                    id: "01JD", routed: nil, reason: nil, recipients: nil, responses: [], isComplete: isComplete,
                    servers: nil))
        }
        let response = await router(emitter).post("{\"event\":\"e\",\"ack\":{}}")
        let complete = isComplete.map { "\($0)" } ?? "null"
        #expect(
            response.text == "{\"id\":\"01JD\",\"status\":\"confirmed\",\"routed\":null,\"recipients\":null,\"acks\":{"
                + "\"expected\":null,\"received\":0,\"complete\":\(complete),\"responses\":[]},\"servers\":null}\n")
        // As long as usual.
        #expect(emitter.questions == [.acknowledged(Emit(event: "e"), mode: .all, timeout: .seconds(5))])
    }

    @Test("says why nobody could be asked")
    func notAsked() async {
        let response = await router().post("{\"event\":\"e\",\"ack\":{}}")
        #expect(response.status == 503)
        #expect(response.code == "no_servers")
        #expect(response.field("Retry-After") == "1")
    }
}
