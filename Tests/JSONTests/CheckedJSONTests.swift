import Testing

@testable import JSON

@Suite("A text without a tree")
struct CheckedJSONTests {
    @Test("says the same as one with a tree", arguments: 0..<8)
    func agrees(seed: Int) throws {
        var random = RandomDocument(seed: UInt64(seed) + 20_000)
        for _ in 0..<200 {
            let text = random.whiteSpace() + random.document().text + random.whiteSpace()
            let bytes = Array(text.utf8)
            if !isSame(try CheckedJSON(checking: bytes), try parse(bytes).root) { Issue.record("\(text)") }
        }
    }

    @Test(
        "may be any value",
        arguments: [
            ("{}", .object), (" [] ", .array), ("\"text\"", .string), ("\n1 ", .number), ("-1", .number),
            ("true", .boolean),
            ("false", .boolean), ("null", .null),
        ] as [(String, JSONValue.Kind)])
    func kinds(text: String, kind: JSONValue.Kind) throws {
        #expect(try checked(text).kind == kind)
    }

    @Test("is refused if it is too deep, however it is closed")
    func depth() {
        #expect(throws: Never.self) { try checked(nested(64)) }
        for text in [nested(65), String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 65)] {
            #expect(throws: JSONError(kind: .tooDeep, detail: "more than 64 levels of arrays and objects")) {
                try checked(text)
            }
        }
        // What is beside it does not count.
        #expect(throws: Never.self) {
            try checked("[" + Array(repeating: nested(63), count: 100).joined(separator: ",") + "]")
        }
    }

    @Test("is refused with a reason that quotes nothing of it")
    func reasons() {
        for (text, detail) in [
            ("[\"secret\\ud800\"]", "half an emoji (an escaped surrogate without the other one of its pair)"),
            ("[secret]", "a syntax error"),
            ("[1 secret]", "a syntax error at byte 4"),
            ("[1", "the text ends inside a value at byte 3"),
            ("[1]]", "there is something behind the value, at byte 4"),
            ("{\"secret\\u0000\":1}", "an object key contains NUL,"), ("[8\0]", "a raw NUL byte"),
            ("[\(String(repeating: "1", count: 5_000))]", "a number is too long"),
        ] {
            #expect(throws: JSONError(kind: .invalid, detail: detail)) { try checked(text) }
        }
    }

    @Test("may have long strings, which are checked all along")
    func longStrings() throws {
        let parts = ["a", "\\\"", "\\\\", "é", "😀", "\\ud83d\\ude00", "\\u0000", "\\n"]
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let inside = (0..<20).map { _ in parts[Int(generator.next() % 8)] }.joined()
            let text = Array("[\"\(inside)\"]".utf8)
            for batchBytes in 1...12 { try JSONCheck.check(text, maximumDepth: 1, batchBytes: batchBytes) }
            for bad in ["\\ud800", "\\udc00", "\\x", "\u{1}"] {
                let text = Array("[\"\(inside)\(bad)\(inside)\"]".utf8)
                for batchBytes in 1...12 {
                    #expect(throws: JSONError.self) {
                        try JSONCheck.check(text, maximumDepth: 1, batchBytes: batchBytes)
                    }
                }
            }
        }
    }

    @Test("has each value of a key that is repeated, and by its name the last")
    func repeatedKeys() throws {
        let object = try checked("{\"a\":1,\"b\":2,\"\\u0061\":3}")
        var seen: [String] = []
        object.forEachMember { seen.append("\($0)=\($1.text.string)") }
        #expect(seen == ["a=1", "b=2", "a=3"])
        #expect(object.members["a"]?.integer == 3)
    }

    @Test("is looked at by name as far as there are names that anybody knows")
    func namedMembers() throws {
        let object = try checked("{" + (0..<200).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}")
        #expect(object.members["k64"] == nil)
        #expect(object.members["k63"]?.integer == 63)
    }

    @Test("has the strings of an array of strings, if they are not too many")
    func strings() throws {
        #expect(try checked("[\"a\", \"\\u00e9\"]").strings() == ["a", "é"])
        #expect(try checked("[]").strings() == [])
        #expect(try checked("[\"a\",\"b\"]").strings(atMost: 2) == ["a", "b"])
        #expect(try checked("[\"a\",\"b\"]").strings(atMost: 1) == nil)
        for text in ["[\"a\",1]", "{}", "\"a\"", "[null]"] { #expect(try checked(text).strings() == nil) }
    }

    @Test("never traps, whatever the text is", arguments: 0..<4)
    func unchecked(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 30_000)
        for _ in 0..<500 {
            var bytes = Array(random.document().text.utf8)
            random.damage(&bytes)
            #expect(walk(CheckedJSON(unchecked: bytes)) > 0)
        }
    }

    private func checked(_ text: String) throws(JSONError) -> CheckedJSON {
        try CheckedJSON(checking: Array(text.utf8))
    }

    private func walk(_ value: CheckedJSON) -> Int {
        _ = (value.text, value.string, value.integer, value.boolean, value.members)
        var count = 1
        value.forEachElement { count += walk($1) }
        value.forEachMember { count += walk($1) }
        return count
    }

    private func isSame(_ value: CheckedJSON, _ expected: JSONValue) -> Bool {
        guard value.kind == expected.kind, value.span == expected.span, value.text == expected.text,
            value.string.map({ Array($0.utf8) }) == expected.string.map({ Array($0.utf8) }),
            value.boolean == expected.boolean, value.integer == expected.integer
        else { return false }
        var elements: [CheckedJSON] = []
        value.forEachElement {
            #expect($0 == elements.count)
            elements.append($1)
        }
        var members: [(key: String, value: CheckedJSON)] = []
        value.forEachMember { members.append(($0, $1)) }
        let (expectedElements, expectedMembers) = (expected.elements(), expected.members)
        return elements.count == expectedElements.count && members.count == expectedMembers.count
            && zip(elements, expectedElements).allSatisfy(isSame)
            && zip(members, expectedMembers).allSatisfy {
                $0.key.utf8.elementsEqual($1.key.utf8) && isSame($0.value, $1.value)
            }
    }
}
