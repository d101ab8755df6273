import JSON
import Testing

@Suite("A document")
struct JSONDocumentTests {
    @Test("keeps its text as it came")
    func keepsItsText() throws {
        let text = " {\"a\" : 0.10}\n"
        #expect(try parse(text).bytes == Array(text.utf8))
    }

    @Test(
        "is refused if it is not JSON",
        arguments: [
            "{", "[1", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[\"a]", "[tru]", "[nul]",
            "[01]", "[1.]", "[.5]",
            "[+1]", "[NaN]", "[1 2]", "[\"\\x\"]", "[\"\n\"]", "]",
            "[/**/]",
            "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\u0041\"]", "{\"\\u0000\":1}", "{\"a\\u0000b\":1}", "[1e400]",
            "[-1e400]",
        ])
    func refusesWhatIsNotJSON(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
        #expect(kindOfError(text) == .invalid)
    }

    @Test(
        "is refused if it has a raw NUL, and says where",
        arguments: [
            ("8\0", 1, 2), ("[8\0]", 1, 3), ("{\"a\":true\0}", 1, 10), ("{\"a\":null\0,\"b\":1}", 1, 10),
            ("[1,\n false\0]", 2, 7),
            ("\0", 1, 1), ("\0{}", 1, 1), ("{}\0", 1, 3), ("[]\n\0", 2, 1), ("[\"a\0\"]", 1, 4), ("[1\0\0]", 1, 3),
            ("[-0.5e3\0]", 1, 8),
        ])
    func refusesRawNUL(text: String, line: Int, column: Int) {
        let expected = JSONError(kind: .invalid, detail: "a raw NUL byte at line \(line), column \(column)")
        #expect(throws: expected) { try parse(text) }
        // Behind something else, as an item of a list.
        let bytes = Array("[1,\n\n  ".utf8) + Array(text.utf8)
        #expect(throws: expected) { try JSONDocument(parsing: bytes, in: 7..<bytes.count) }
    }

    @Test("may have a NUL in a string as an escape, and not in a key")
    func escapedNUL() throws {
        #expect(try firstElement(of: "[\"a\\u0000\"]").string == "a\0")
        #expect(kindOfError("{\"a\\u0000\":1}") == .invalid)
    }

    @Test(
        "may be any value",
        arguments: [
            ("{}", .object), (" [] ", .array), ("\"text\"", .string), ("\n1 ", .number), ("true", .boolean),
            ("null", .null),
            ("12345678901234567890123", .number),
        ] as [(String, JSONValue.Kind)])
    func mayBeAnyValue(text: String, kind: JSONValue.Kind) throws {
        let root = try parse(text).root
        #expect(root.kind == kind)
        #expect(root.text.string == text.filter { !$0.isWhitespace })
    }

    @Test(
        "is refused if it is not UTF-8",
        arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80]] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        let text = Array("[\"".utf8) + bytes + Array("\"]".utf8)
        let detail = "the text is not valid UTF-8 at line 1, column 3"
        #expect(throws: JSONError(kind: .invalid, detail: detail)) { try parse(text) }
    }

    @Test(
        "is refused if an object has a key twice, however it is written",
        arguments: [
            "{\"event\":1,\"event\":2}", "{\"\\u0065vent\":1,\"event\":2}",
            "{\"event\":1,\"x\":0,\"\\u0065\\u0076ent\":2}",
            "[{\"a\":{\"é\":1,\"\\u00E9\":1}}]", "{\"\":1,\"\":1}", "{\"\\/\":1,\"/\":1}",
        ])
    func refusesDuplicateKeys(text: String) {
        #expect(kindOfError(text) == .duplicateKey)
    }

    @Test("may have the same key in different objects")
    func acceptsTheSameKeyElsewhere() {
        #expect(kindOfError("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}") == nil)
    }

    @Test("tells keys apart that only look alike")
    func tellsSimilarKeysApart() throws {
        // Composed and decomposed: equal Swift strings, different JSON keys.
        #expect(try parse("{\"\\u00e9\":1,\"e\\u0301\":2}").root.count == 2)
    }

    @Test("may be 64 levels deep, and no deeper")
    func limitsDepth() {
        #expect(kindOfError(nested(64)) == nil)
        #expect(kindOfError(nested(65)) == .tooDeep)
        let objects = String(repeating: "{\"a\":", count: 64) + "1" + String(repeating: "}", count: 64)
        #expect(kindOfError(objects) == nil)
        #expect(kindOfError("[\(objects)]") == .tooDeep)
        #expect(kindOfError(String(repeating: "[", count: 1_000_000)) == .tooDeep)
    }

    @Test("does not count brackets inside strings as depth")
    func ignoresBracketsInStrings() {
        let brackets = String(repeating: "[{", count: 100)
        #expect(kindOfError("[\"\(brackets)\"]") == nil)
        #expect(kindOfError("[\"\\\"\(brackets)\"]") == nil)
        #expect(kindOfError("{\"\(brackets)\\\\\":\"\(brackets)\"}") == nil)
    }

    @Test(
        "may be a part of a text, and counts its spans from the start of that",
        arguments: [("[1, {\"a\": 0.10} ,2]", 4..<15, "{\"a\": 0.10}"), ("x  7\n]", 1..<5, "7"), ("[[]", 1..<3, "[]")])
    func parts(text: String, range: Range<Int>, value: String) throws {
        let root = try JSONDocument(parsing: Array(text.utf8), in: range).root
        #expect(root.text.string == value)
        #expect(root.span.lowerBound >= range.lowerBound && root.span.upperBound <= range.upperBound)
        for member in root.members { #expect(member.value.text.string == "0.10") }
    }

    @Test("is only its part of a text", arguments: [0..<0, 0..<1, 0..<4, 1..<1, 1..<5, 2..<3])
    func otherParts(range: Range<Int>) {
        #expect(throws: JSONError.self) { try JSONDocument(parsing: Array("[{} ]".utf8), in: range) }
    }

    @Test("is as deep as its part")
    func depthOfParts() throws {
        let bytes = Array("[\(nested(64))]".utf8)
        #expect(throws: JSONError.self) { try JSONDocument(parsing: bytes) }
        #expect(try JSONDocument(parsing: bytes, in: 1..<129).root.count == 1)
    }

    @Test("takes another limit of depth")
    func takesAnotherLimit() throws {
        #expect(throws: JSONError.self) { try JSONDocument(parsing: Array("[[]]".utf8), maximumDepth: 1) }
        #expect(try JSONDocument(parsing: Array("[[]]".utf8), maximumDepth: 2).root.count == 1)
    }

    @Test("has errors that name a place and never the content")
    func errorsQuoteNothing() {
        for text in ["{\"secret\":1,\"secret\":2}", "[\"secret]", "[secret]", "{\"secret\\u0000\":1}", "[1] secret"] {
            #expect(throws: JSONError.self) { try parse(text) }
            #expect(detailOfError(text)?.contains("secret") == false)
            #expect(detailOfError(text)?.contains("line 1") == true)
        }
    }

    private func kindOfError(_ text: String) -> JSONError.Kind? {
        error(text)?.kind
    }

    private func detailOfError(_ text: String) -> String? {
        error(text)?.detail
    }

    private func error(_ text: String) -> JSONError? {
        do {
            _ = try parse(text)
            return nil
        } catch {
            return error
        }
    }
}
