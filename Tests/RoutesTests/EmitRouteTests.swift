import AMQPBridge
import JSON
import Testing

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

    @Test("does not ignore a wish for acknowledgements")
    func acknowledgements() async {
        let emitter = RecordingEmitter()
        let response = await router(emitter).post("{\"event\":\"e\",\"ack\":{\"mode\":\"all\",\"timeoutMs\":5000}}")
        #expect(response.status == 501)
        #expect(response.pointers == ["/ack"])
        #expect(emitter.calls.isEmpty)
    }
}
