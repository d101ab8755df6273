import AMQPBridge
import Testing

@testable import Routes

@Suite("Binary arguments of a request")
struct BinaryArgumentsTests {
    @Test("are data without the flag")
    func withoutFlag() throws {
        let body = Array("{\"event\":\"e\",\"data\":{\"$binary\":\"AQI=\"}}".utf8)
        var wanted = EmitDecoder.Wanted()
        let emit = try EmitDecoder.decode(body, &wanted)
        #expect(emit.attachments.isEmpty)
        #expect(String(decoding: emit.arguments.bytes, as: UTF8.self) == "{\"$binary\":\"AQI=\"}")
    }

    @Test("may be the one argument of data")
    func data() throws {
        let body = Array("{\"binary\":true,\"data\":{\"$binary\":\"AQI=\"},\"event\":\"e\"}".utf8)
        var wanted = EmitDecoder.Wanted()
        let emit = try EmitDecoder.decode(body, &wanted)
        #expect(emit.attachments == ["AQI="])
        #expect(String(decoding: emit.arguments.bytes, as: UTF8.self) == "{\"_placeholder\":true,\"num\":0}")
    }
}
