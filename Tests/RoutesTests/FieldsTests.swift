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
            #expect(fields.strings("rooms", parameter: "room") == ["a", "b"])
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
        #expect(fields.strings("rooms", parameter: "room") == nil)
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
            ("s=a&s=b", ["/s"]), ("b=TRUE", ["/b"]), ("b=1", ["/b"]), ("b=", ["/b"]), ("b", ["/b"]),
            ("b=true&b=true", ["/b"]), ("i=0", ["/i"]), ("i=8", ["/i"]), ("i=1.0", ["/i"]), ("i=", ["/i"]),
            ("i=+x", ["/i"]), ("i=99999999999999999999", ["/i"]), ("namespace=chat", ["/namespace"]),
            ("namespace=/%23", ["/namespace"]), ("namespace=", ["/namespace"]), ("timeoutMs=0", ["/timeoutMs"]),
            ("timeoutMs=60001", ["/timeoutMs"]), ("timeoutMs=60000", []), ("timeoutMs=1", []), ("room=", ["/rooms/0"]),
            ("room=a&room=&room=b", ["/rooms/1"]), ("rooms=a", ["/rooms"]), ("S=a", ["/S"]), ("a/b=1", ["/a~1b"]),
            ("i=9&x=1&b=2", ["/b", "/i", "/x"]),
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
            ("\"rooms\":\"a\"", ["/rooms"]), ("\"rooms\":[]", ["/rooms"]),
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
        #expect(places(&fields) == ["/rooms/0"])
        for (count, expected) in [(1_000, []), (1_001, ["/rooms"])] {
            var many = try Fields(query: (0..<count).map { "room=\($0)" }.joined(separator: "&"))
            #expect(many.roomNames("rooms", parameter: "room")?.count == count)
            #expect(places(&many) == expected)
        }
        var numbers = try Fields(body: Array("{\"rooms\":[42,\"42\"],\"fields\":[42]}".utf8))
        #expect(numbers.roomNames("rooms", parameter: "room") == [42, "42"])
        _ = numbers.strings("fields", parameter: "fields")
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
            return error.places.map(\.pointer)
        }
    }
}
