import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("The fields of a request")
struct FieldsTests {
    @Test("are the same in a query and in a body")
    func sources() throws {
        for source in [
            try Fields(query: "s=x+y&b=true&i=7&room=a&room=b&namespace=%2Fchat&timeoutMs=250"),
            try Fields(
                body: Array(
                    "{\"s\":\"x y\",\"b\":true,\"i\":7,\"rooms\":[\"a\",\"b\"],\"namespace\":\"/chat\",\"timeoutMs\":250}"
                        .utf8)),
        ] {
            var fields = source
            #expect(fields.has("s") && !fields.has("nothing"))
            #expect(fields.string("s") == "x y")
            #expect(fields.boolean("b") == true)
            #expect(fields.integer("i", in: 1...7) == 7)
            #expect(fields.roomNames("rooms", parameter: "room") == ["a", "b"])
            #expect(fields.namespace() == "/chat")
            #expect(fields.timeout(default: .seconds(9)) == .milliseconds(250))
            try fields.finish()
        }
    }

    @Test("may be missing", arguments: [true, false])
    func missing(isQuery: Bool) throws {
        var fields = isQuery ? try Fields(query: "") : try Fields(body: Array("{}".utf8))
        #expect(fields.string("s") == nil)
        #expect(fields.boolean("b") == nil)
        #expect(fields.integer("i", in: 1...7) == nil)
        #expect(fields.words("fields", "a") { $0 == "a" } == nil)
        #expect(fields.roomNames("rooms", parameter: "room") == nil)
        #expect(fields.namespace() == "/")
        #expect(fields.timeout(default: .seconds(9)) == .seconds(9))
        #expect(fields.arguments("args") == .empty)
        #expect(fields.acknowledgement(hasMode: true) == nil)
        try fields.finish()
    }

    @Test(
        "are refused in a query if they are not what they should be, or come twice",
        arguments: [
            ("s=a&s=b", ["?s"]), ("b=TRUE", ["?b"]), ("b=1", ["?b"]), ("b=", ["?b"]), ("b", ["?b"]),
            ("b=true&b=true", ["?b"]), ("i=0", ["?i"]), ("i=8", ["?i"]), ("i=1.0", ["?i"]), ("i=", ["?i"]),
            ("i=+x", ["?i"]), ("i=99999999999999999999", ["?i"]), ("namespace=chat", ["?namespace"]),
            ("namespace=/%23", ["?namespace"]), ("namespace=", ["?namespace"]), ("timeoutMs=0", ["?timeoutMs"]),
            ("timeoutMs=60001", ["?timeoutMs"]), ("timeoutMs=60000", []), ("timeoutMs=1", []), ("room=", ["?room"]),
            ("room=a&room=&room=b", ["?room"]), ("rooms=a", ["?rooms"]), ("S=a", ["?S"]), ("a/b=1", ["?a/b"]),
            ("i=9&x=1&b=2", ["?b", "?i", "?x"]),
        ])
    func badQueries(query: String, expected: [String]) throws {
        var fields = try Fields(query: query)
        #expect(read(&fields) == expected)
    }

    @Test(
        "are refused in a body if they are not what they should be",
        arguments: [
            ("\"s\":1", ["/s"]), ("\"s\":null", ["/s"]), ("\"b\":\"true\"", ["/b"]), ("\"b\":1", ["/b"]),
            ("\"i\":0", ["/i"]), ("\"i\":\"7\"", ["/i"]), ("\"i\":7.5", ["/i"]), ("\"i\":7.0", []),
            ("\"rooms\":\"a\"", []), ("\"rooms\":7", []), ("\"rooms\":{}", ["/rooms"]), ("\"rooms\":null", ["/rooms"]),
            ("\"rooms\":\"\"", ["/rooms/0"]), ("\"rooms\":[]", ["/rooms"]),
            ("\"rooms\":[1.0,\"a\",null,1]", ["/rooms/0", "/rooms/2"]),
            ("\"rooms\":[\"a\",\"\"]", ["/rooms/1"]), ("\"room\":[\"a\"]", ["/room"]),
            ("\"namespace\":1", ["/namespace"]),
            ("\"timeoutMs\":\"5\"", ["/timeoutMs"]), ("\"e\u{301}\":1,\"\u{E9}\":1", ["/e\u{301}", "/\u{E9}"]),
        ])
    func badBodies(members: String, expected: [String]) throws {
        var fields = try Fields(body: Array("{\(members)}".utf8))
        #expect(read(&fields).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test("are an object's", arguments: ["[]", "1", "null", "\"a\""])
    func isAnObject(body: String) {
        let problem = #expect(throws: Problem.self) { try Fields(body: Array(body.utf8)) }
        #expect(problem?.code == .invalidRequest)
        #expect(problem?.places.map(\.pointer) == [""])
    }

    @Test(
        "are JSON's",
        arguments: [("", Problem.Code.invalidJSON), ("{", .invalidJSON), ("{\"a\":1,\"a\":1}", .duplicateKey)])
    func isJSON(body: String, code: Problem.Code) {
        #expect(throws: Problem.self) { try Fields(body: Array(body.utf8)) }
        do { _ = try Fields(body: Array(body.utf8)) } catch { #expect(error.code == code) }
    }

    @Test("are names of a decent length and number")
    func names() throws {
        let long = String(repeating: "x", count: 256)
        var fields = try Fields(query: "room=\(long)&except=" + String(long.dropLast()))
        #expect(fields.roomNames("except", parameter: "except") == [.name(String(long.dropLast()))])
        _ = fields.roomNames("rooms", parameter: "room")
        #expect(places(&fields) == ["?room"])
        for (count, expected) in [(1_000, []), (1_001, ["?room"])] {
            var many = try Fields(query: (0..<count).map { "room=\($0)" }.joined(separator: "&"))
            #expect(many.roomNames("rooms", parameter: "room")?.count == count)
            #expect(places(&many) == expected)
        }
        var numbers = try Fields(body: Array("{\"rooms\":[42,\"42\"],\"fields\":[42]}".utf8))
        #expect(numbers.roomNames("rooms", parameter: "room") == [42, "42"])
        _ = numbers.words("fields", "a") { $0 == "a" }
        #expect(places(&numbers) == ["/fields/0"])
        var text = try Fields(query: "room=42")
        #expect(text.roomNames("rooms", parameter: "room") == ["42"])
        var none = try Fields(body: Array("{\"except\":[]}".utf8))
        #expect(none.roomNames("except", parameter: "except", allowsNone: true) == [])
        #expect(places(&none) == [])
    }

    @Test("show no more than twenty faults")
    func bounds() throws {
        var fields = try Fields(query: (0..<50).map { "f\($0)=1" }.joined(separator: "&"))
        #expect(places(&fields).count == 20)
    }

    @Test("hold arguments as they were written, and a wish for answers")
    func arguments() throws {
        var fields = try Fields(body: Array("{\"args\":[ 1.0 , {} ],\"ack\":{\"timeoutMs\":9}}".utf8))
        #expect(fields.arguments("args") == JSONText(" 1.0 , {} "))
        #expect(fields.acknowledgement(hasMode: false)?.timeout == .milliseconds(9))
        try fields.finish()
        var bad = try Fields(body: Array("{\"args\":{},\"ack\":{\"mode\":\"all\",\"a~\":1}}".utf8))
        _ = bad.arguments("args")
        _ = bad.acknowledgement(hasMode: false)
        #expect(places(&bad) == ["/args", "/ack/mode", "/ack/a~0"])
        var query = try Fields(query: "ack=1")
        #expect(query.acknowledgement(hasMode: false) == nil)
    }

    @Test(
        "are suggested where a name is nearly one of them",
        arguments: [
            ("rom=a", true, "query parameter `rom`: no such parameter; did you mean `room`?"),
            ("timeoutms=5", true, "query parameter `timeoutms`: no such parameter; did you mean `timeoutMs`?"),
            ("xyzzy=5", true, "query parameter `xyzzy`: no such parameter"),
            ("i=9&room=&x=1", true, "query parameter `i`: must be a whole number from 1 to 7 (and 2 more)"),
            ("room=a&room=", true, "query parameter `room`: an empty name (value 2)"),
            ("{\"room\":1}", false, "/room: no such field; did you mean \"rooms\"?"),
            ("{\"a\u{202E}b\":1,\"s\":1}", false, "/s: must be a string (and 1 more)"),
            ("{\"a\u{202E}\\u0007b\":1}", false, "/a\u{FFFD}\u{FFFD}b: no such field"),
        ])
    func suggestions(request: String, isQuery: Bool, detail: String) throws {
        var fields = isQuery ? try Fields(query: request) : try Fields(body: Array(request.utf8))
        let problem = #expect(throws: Problem.self) {
            _ = read(&fields)
            try fields.finish()
        }
        #expect(problem?.detail == detail)
    }

    @Test("count the faults that are not listed")
    func counts() throws {
        let fields = try Fields(query: (0..<50).map { "f\($0)=1" }.joined(separator: "&"))
        let problem = #expect(throws: Problem.self) {
            var fields = fields
            try fields.finish()
        }
        #expect(problem?.detail.hasSuffix("(and 49 more)") == true)
    }

    @Test(
        "that are words of a few come with commas between them, or one by one",
        arguments: [
            ("fields=a,b", ["a", "b"], []), ("fields=a&fields=b", ["a", "b"], []), ("fields=b", ["b"], []),
            ("fields=a,", ["a", ""], ["?fields"]), ("fields=", [""], ["?fields"]),
            ("fields=a, b", ["a", " b"], ["?fields"]),
            ("{\"fields\":[\"a\",\"b\"]}", ["a", "b"], []), ("{\"fields\":\"a,b\"}", ["a", "b"], []),
            ("{\"fields\":[\"a\",\"c\"]}", ["a", "c"], ["/fields/1"]), ("{\"fields\":\"c\"}", ["c"], ["/fields"]),
            ("{\"fields\":[]}", [], []),
        ])
    func words(request: String, expected: [String], faults: [String]) throws {
        var fields = request.hasPrefix("{") ? try Fields(body: Array(request.utf8)) : try Fields(query: request)
        #expect(fields.words("fields", "a or b") { ["a", "b"].contains($0) } == expected)
        #expect(places(&fields) == faults)
    }

    @Test(
        "have a second name for rooms, and not both",
        arguments: [
            ("in=a&in=b", ["a", "b"], []), ("in=", [""], ["?in"]), ("in=a&room=b", ["a"], ["?in"]),
            ("{\"in\":\"a\"}", ["a"], []), ("{\"in\":[7]}", [7], []), ("{\"in\":[\"a\"],\"rooms\":[]}", ["a"], ["/in"]),
            ("rooms=a", nil, ["?rooms"]),
        ] as [(String, [RoomName]?, [String])])
    func alias(request: String, expected: [RoomName]?, faults: [String]) throws {
        var fields = request.hasPrefix("{") ? try Fields(body: Array(request.utf8)) : try Fields(query: request)
        #expect(fields.roomNames("rooms", parameter: "room", alias: "in") == expected)
        #expect(places(&fields) == faults)
    }

    @Test(
        "are beyond a key's reach where they were sent",
        arguments: [
            ("room=a&room=b", ["?room", "?room"]), ("in=a", ["?in"]), ("", ["?room"]),
            ("{\"rooms\":[\"a\"]}", ["/rooms/0"]),
            ("{\"in\":[\"a\"]}", ["/in/0"]), ("{}", ["/rooms"]),
        ])
    func beyondReach(request: String, expected: [String]) throws {
        var fields = request.hasPrefix("{") ? try Fields(body: Array(request.utf8)) : try Fields(query: request)
        let rooms = fields.roomNames("rooms", parameter: "room", alias: "in") ?? []
        let caller = Caller(name: "a", scopes: [], reach: Reach(rooms: NameGlobs([Glob("x")])))
        let problem = #expect(throws: Problem.self) {
            try fields.check(caller) { $0.places(beyond: SocketSelection(namespace: "/", rooms: rooms), list: "rooms") }
        }
        #expect(problem?.places.map(\.spot) == expected)
    }

    private func read(_ fields: inout Fields) -> [String] {
        _ = (fields.string("s"), fields.boolean("b"), fields.integer("i", in: 1...7))
        _ = fields.roomNames("rooms", parameter: "room")
        _ = (fields.namespace(), fields.timeout(default: .zero))
        return places(&fields)
    }

    private func places(_ fields: inout Fields) -> [String] {
        do {
            try fields.finish()
            return []
        } catch {
            return error.places.map(\.spot)
        }
    }
}

extension Problem.Place {
    /// A pointer as it is, `?name` for a parameter of the query, and `:name` for one of the path.
    fileprivate var spot: String {
        switch location {
        case .body(let pointer): pointer
        case .query(let name): "?\(name)"
        case .path(let name): ":\(name)"
        }
    }
}
