import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("The body of an emit")
struct EmitDecoderTests {
    @Test("may say nothing but the event")
    func minimal() throws {
        let (emit, confirmation) = try decode("{\"event\":\"e\"}")
        #expect(emit == Emit(event: "e"))
        #expect(confirmation == .broker)
    }

    @Test("may say everything")
    func maximal() throws {
        let (emit, confirmation) = try decode(
            """
            {"namespace":"/chat","event":"order.paid","args":[{"id":42}, null],"rooms":["r","s"],"except":["x"],\
            "exceptSockets":["sid"],"volatile":false,"compress":true,"binary":true,"confirm":"none"}
            """)
        var expected = Emit(
            namespace: "/chat", event: "order.paid", arguments: text("{\"id\":42},null"), rooms: ["r", "s"],
            except: ["x"], exceptSockets: ["sid"])
        expected.isBinary = true
        #expect(emit == expected)
        #expect(confirmation == .none)
    }

    @Test("may be written in any way that JSON allows")
    func spellings() throws {
        let (emit, _) = try decode(" { \"\\u0065vent\" : \"\\u0065\\u0000\" ,\n\"rooms\":[\"\\ud83d\\ude00\"] } ")
        #expect(emit == Emit(event: "e\0", rooms: ["😀"]))
        #expect(try decode("{\"event\":\"e\",\"confirm\":\"broker\"}").1 == .broker)
    }

    @Test(
        "has its arguments passed on as they were written",
        arguments: [
            "0.1", "1e21", "12345678901234567890123", "{\"b\":1,\"a\":2}", "\"\\u00e9\\/\"", " 1 ,\n[ ]", "null",
            "\"]\"",
        ])
    func passesArgumentsOn(arguments: String) throws {
        let (emit, _) = try decode("{\"event\":\"e\",\"args\":[\(arguments)],\"rooms\":[\"r\"]}")
        #expect(emit.arguments == text(arguments))
    }

    @Test("may have no arguments", arguments: ["[]", "[ ]", "[\n]"])
    func noArguments(args: String) throws {
        #expect(try decode("{\"event\":\"e\",\"args\":\(args)}").0.arguments == .empty)
    }

    @Test(
        "may have one argument as data, whatever it is", arguments: ["1", "[ 1, 2 ]", "[]", "null", "{ \"a\":0.10 }"])
    func data(data: String) throws {
        #expect(try decode("{\"event\":\"e\", \"data\" : \(data) }").0.arguments == text(data))
    }

    @Test(
        "is refused for a field of the wrong type, which is named",
        arguments: [
            ("namespace", ["1", "null", "[]", "{}", "true"]), ("event", ["1", "null", "[]", "{}", "true"]),
            ("args", ["1", "null", "{}", "\"a\"", "true"]), ("rooms", ["1.0", "null", "{}", "true"]),
            ("except", ["1e2", "null", "{}", "true"]), ("exceptSockets", ["1", "null", "{}", "true"]),
            ("volatile", ["1", "null", "[]", "\"true\""]), ("compress", ["0", "null", "{}", "\"\""]),
            ("binary", ["1", "null", "[]", "\"true\""]),
            ("confirm", ["1", "null", "[]", "true", "\"\"", "\"Broker\"", "\"all\""]),
            ("ack", ["1", "null", "[]", "true", "\"all\""]),
        ])
    func wrongTypes(field: String, values: [String]) {
        for value in values {
            let event = field == "event" ? "" : "\"event\":\"e\","
            #expect(pointers("{\(event)\"\(field)\":\(value)}") == ["/\(field)"], "\(field): \(value)")
        }
    }

    @Test("may name one room or one socket without a list")
    func single() throws {
        for (list, room) in [("\"a\"", "a"), ("7", 7)] as [(String, RoomName)] {
            let emit = try decode("{\"event\":\"e\",\"rooms\":\(list),\"except\":\(list)}").0
            #expect(emit.rooms == [room] && emit.except == [room])
        }
        #expect(try decode("{\"event\":\"e\",\"exceptSockets\":\"a\"}").0.exceptSockets == ["a"])
        #expect(problem("{\"event\":\"e\",\"rooms\":{}}")?.detail.contains("or one of them by itself") == true)
    }

    @Test(
        "is refused with what may have been meant",
        arguments: [
            ("\"room\":\"a\"", "/room: no such field; did you mean \"rooms\"?"),
            ("\"to\":\"a\"", "/to: no such field; did you mean \"rooms\"?"),
            ("\"payload\":1", "/payload: no such field; did you mean \"data\"?"),
            ("\"broadcast\":true", "/broadcast: no such field"),
            ("\"room\":\"a\",\"exclude\":1", "/room: no such field; did you mean \"rooms\"? (and 1 more)"),
            ("\"ack\":{\"timeout\":5}", "/ack/timeout: no such field; did you mean \"timeoutMs\"?"),
            ("\"hello\":1", "/hello: no such field"), ("\"op\":\"emit\"", "/op: no such field"),
        ])
    func suggestions(member: String, detail: String) {
        #expect(problem("{\"event\":\"e\",\(member)}")?.detail == detail)
    }

    @Test("may begin with a byte order mark")
    func byteOrderMark() throws {
        #expect(try decode("\u{FEFF}{\"event\":\"e\"}").0.event == "e")
    }

    @Test("is refused for a name of the wrong type, which is named", arguments: ["rooms", "except", "exceptSockets"])
    func wrongNames(list: String) {
        #expect(
            pointers("{\"event\":\"e\",\"\(list)\":[\"a\",1.5,\"b\",null,[\"c\"]]}")
                == ["/\(list)/1", "/\(list)/3", "/\(list)/4"])
    }

    @Test("may name rooms that are numbers, beside text of the same digits, but no sockets")
    func numbers() throws {
        let body =
            "{\"event\":\"e\",\"rooms\":[42,\"42\",0,-9007199254740992],\"except\":[9007199254740992],"
            + "\"data\":12345678901234567890123}"
        let (emit, _) = try decode(body)
        #expect(emit.rooms == [42, "42", 0, -9_007_199_254_740_992])
        #expect(emit.except == [9_007_199_254_740_992])
        #expect(pointers("{\"event\":\"e\",\"exceptSockets\":[42]}") == ["/exceptSockets/0"])
    }

    @Test(
        "is refused for any other number, and told what may stand there",
        arguments: [
            "42.0", "4.2e1", "1e2", "9007199254740993", "-9007199254740993", "12345678901234567890123", "true", "false",
        ])
    func otherNumbers(number: String) throws {
        for list in ["rooms", "except"] {
            let body = "{\"event\":\"e\",\"\(list)\":[\"a\",\(number)]}"
            #expect(pointers(body) == ["/\(list)/1"])
            #expect(problem(body)?.places.first?.detail.contains("an integer (digits alone") == true)
        }
    }

    @Test("is refused for an empty list of rooms, but not of exceptions")
    func emptyLists() throws {
        #expect(pointers("{\"event\":\"e\",\"rooms\":[]}") == ["/rooms"])
        #expect(pointers("{\"event\":\"e\",\"rooms\":[ ]}") == ["/rooms"])
        #expect(try decode("{\"event\":\"e\",\"except\":[],\"exceptSockets\":[]}").0 == Emit(event: "e"))
    }

    @Test("is refused without an event")
    func missingEvent() {
        #expect(pointers("{}") == ["/event"])
        #expect(pointers("{\"rooms\":[\"r\"]}") == ["/event"])
    }

    @Test(
        "is refused with args and data",
        arguments: ["\"args\":[1],\"data\":2", "\"data\":2,\"args\":[1]", "\"data\":null,\"args\":[]"])
    func argsAndData(fields: String) {
        #expect(pointers("{\"event\":\"e\",\(fields)}") == ["/data"])
    }

    @Test(
        "is refused for an unknown field, which is named as a JSON Pointer",
        arguments: [
            ("room", "/room"), ("Event", "/Event"), ("", "/"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01"),
            ("/~/", "/~1~0~1"), ("é😀", "/é😀"), ("~\u{301}", "/~0\u{301}"), ("/\u{338}", "/~1\u{338}"),
        ])
    func unknownFields(key: String, pointer: String) {
        let found = pointers("{\"event\":\"e\",\"\(key)\":1}").map { Array($0.utf8) }
        #expect(found == [Array(pointer.utf8)])
    }

    @Test("is not repeated at length when it is refused")
    func boundsProblems() throws {
        let long = pointers("{\"event\":\"e\",\"\(String(repeating: "x", count: 10_000))\":1}")
        #expect(long.map(\.utf8.count) == [65])
        let marks = pointers("{\"event\":\"e\",\"a\(String(repeating: "\u{301}", count: 10_000))\":1}")
        #expect(try #require(marks.first).utf8.count < 300)
        let many = (0..<100).map { "\"f\($0)\":1" }.joined(separator: ",")
        #expect(pointers("{\(many)}").count == 20)
    }

    @Test("shows all its faults at once")
    func showsAllFaults() {
        #expect(
            pointers("{\"room\":\"r\",\"rooms\":[],\"except\":[null],\"confirm\":2,\"args\":1,\"data\":1}")
                == ["/room", "/rooms", "/except/0", "/confirm", "/args", "/data", "/event"])
    }

    @Test("is an object", arguments: ["[]", "[{\"event\":\"e\"}]", "null", "1", "\"event\"", "true"])
    func isAnObject(body: String) {
        #expect(problem(body)?.code == .invalidRequest)
        #expect(pointers(body) == [""])
    }

    @Test(
        "is JSON",
        arguments: [
            ("", .invalidJSON), ("{", .invalidJSON), ("{\"event\":\"e\"}x", .invalidJSON),
            ("{\"event\":\"\\ud800\"}", .invalidJSON), ("{\"\\u0000\":1}", .invalidJSON),
            ("{\"event\":\"e\",\"\\u0065vent\":\"f\"}", .duplicateKey),
            (
                "{\"event\":\"e\",\"data\":" + String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
                    + "}", .tooDeep
            ),
        ] as [(String, Problem.Code)])
    func isJSON(body: String, code: Problem.Code) {
        #expect(problem(body)?.code == code)
        #expect(problem(body)?.code.status == 400)
    }

    @Test(
        "may ask for acknowledgements",
        arguments: [
            ("{}", .all, nil), ("{\"mode\":\"all\"}", .all, nil), ("{\"mode\":\"first\"}", .first, nil),
            ("{\"timeoutMs\":1}", .all, .milliseconds(1)),
            ("{\"timeoutMs\":60000,\"mode\":\"first\"}", .first, .seconds(60)),
            ("{\"timeoutMs\":250.0}", .all, .milliseconds(250)),
        ] as [(String, AcknowledgementMode, Duration?)])
    func acknowledgements(ack: String, mode: AcknowledgementMode, timeout: Duration?) throws {
        let body = "{\"event\":\"e\",\"ack\":\(ack)}"
        var wanted = EmitDecoder.Wanted()
        _ = try EmitDecoder.decode(Array(body.utf8), &wanted)
        #expect(wanted.acknowledgement?.mode == mode)
        #expect(wanted.acknowledgement?.timeout == timeout)
        _ = try EmitDecoder.decode(Array("{\"event\":\"e\"}".utf8), &wanted)
        #expect(wanted.acknowledgement == nil)
    }

    @Test(
        "is refused for a wish for acknowledgements that is none",
        arguments: [
            ("{\"mode\":\"some\"}", ["/ack/mode"]), ("{\"mode\":1}", ["/ack/mode"]),
            ("{\"timeoutMs\":0}", ["/ack/timeoutMs"]), ("{\"timeoutMs\":60001}", ["/ack/timeoutMs"]),
            ("{\"timeoutMs\":1.5}", ["/ack/timeoutMs"]), ("{\"timeoutMs\":\"1\"}", ["/ack/timeoutMs"]),
            ("{\"timeoutMs\":null}", ["/ack/timeoutMs"]), ("{\"a/b\":1}", ["/ack/a~1b"]),
            ("{\"mode\":2,\"timeout\":1,\"timeoutMs\":-1}", ["/ack/mode", "/ack/timeout", "/ack/timeoutMs"]),
        ])
    func badAcknowledgements(ack: String, expected: [String]) {
        #expect(pointers("{\"event\":\"e\",\"ack\":\(ack)}") == expected)
    }

    @Test("cannot wait for acknowledgements and for nothing")
    func acknowledgementsWithoutConfirm() {
        #expect(pointers("{\"event\":\"e\",\"ack\":{},\"confirm\":\"none\"}") == ["/confirm"])
        #expect(pointers("{\"event\":\"e\",\"confirm\":\"none\",\"ack\":{}}") == ["/confirm"])
        #expect(pointers("{\"event\":\"e\",\"confirm\":\"broker\",\"ack\":{}}") == [])
    }

    @Test("cannot ask for acknowledgements in a batch")
    func acknowledgementsOfItems() {
        let item = Array("{\"event\":\"e\",\"ack\":{}}".utf8)
        var wanted = EmitDecoder.Wanted()
        #expect(throws: Problem.self) {
            _ = try EmitDecoder.decode(item: item.indices, of: item, as: .item, &wanted)
        }
    }

    private func text(_ text: String) -> JSONText { JSONText(verbatim: Array(text.utf8)[...]) }

    private func decode(_ body: String) throws -> (Emit, AMQPBridge.Confirmation) {
        var wanted = EmitDecoder.Wanted()
        let emit = try EmitDecoder.decode(Array(body.utf8), &wanted)
        return (emit, wanted.confirmation)
    }

    private func pointers(_ body: String) -> [String] {
        problem(body)?.places.compactMap(\.pointer) ?? []
    }

    private func problem(_ body: String) -> Problem? {
        do {
            var wanted = EmitDecoder.Wanted()
            _ = try EmitDecoder.decode(Array(body.utf8), &wanted)
            return nil
        } catch {
            return error
        }
    }
}
