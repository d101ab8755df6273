import JSON
import Testing

@Suite("Writing")
struct JSONWritingTests {
    @Test(
        "escapes what a string must not contain, and nothing else",
        arguments: [
            ("", "\"\""), ("plain", "\"plain\""), ("a\"b", "\"a\\\"b\""), ("a\\b", "\"a\\\\b\""),
            ("\n\r\t", "\"\\n\\r\\t\""),
            ("\0", "\"\\u0000\""), ("\u{8}\u{C}\u{1F}", "\"\\u0008\\u000c\\u001f\""), ("/", "\"/\""),
            ("\u{7F}", "\"\u{7F}\""),
            ("héllo ✓ 😀", "\"héllo ✓ 😀\""), ("\u{2028}", "\"\u{2028}\""), ("\"\"", "\"\\\"\\\"\""),
            ("x\0", "\"x\\u0000\""),
        ])
    func writesStrings(string: String, literal: String) {
        var json: [UInt8] = []
        json.append(jsonString: string)
        #expect(String(decoding: json, as: UTF8.self) == literal)
    }

    @Test("writes strings that are read back as they were")
    func roundTrips() throws {
        let scalars = (0..<0x100).map { String(Unicode.Scalar(UInt8($0))) }
        let strings =
            scalars + scalars.map { "a\($0)b" } + [scalars.joined(), "😀", "👩‍👩‍👧", "e\u{301}", "\u{FFFF}", "\u{10FFFF}"]
        var json: [UInt8] = []
        json.append(jsonStrings: strings)
        let read = try parse(json).root.elements().compactMap(\.string)
        #expect(read.map { Array($0.utf8) } == strings.map { Array($0.utf8) })
    }

    @Test("writes arrays of strings")
    func writesArrays() {
        var json: [UInt8] = []
        for strings in [[], ["a"], ["a", "b\"", ""]] { json.append(jsonStrings: strings) }
        #expect(String(decoding: json, as: UTF8.self) == "[][\"a\"][\"a\",\"b\\\"\",\"\"]")
    }

    @Test("appends to what is there, literally and verbatim")
    func appends() {
        var json = Array("x".utf8)
        json.append(json: "{\"é\":")
        json.append(json: JSONText(verbatim: Array("0.10".utf8)[1...]))
        json.append(json: JSONText.empty)
        #expect(String(decoding: json, as: UTF8.self) == "x{\"é\":.10")
    }
}
