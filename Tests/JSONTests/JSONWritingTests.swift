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
        let json = JSONWriter.bytes { strings.write(to: &$0) }
        let read = try parse(json).root.elements().compactMap(\.string)
        #expect(read.map { Array($0.utf8) } == strings.map { Array($0.utf8) })
    }

    @Test("finds what to escape wherever it stands: eight bytes are looked at together", arguments: 0..<24)
    func findsEscapes(place: Int) throws {
        for byte in UInt8(0)..<0x80 {
            for filling in ["x", "\u{7F}", "\u{20}", "!", "#", "[", "]", "é"] {
                var text = String(repeating: filling, count: place)
                text.unicodeScalars.append(Unicode.Scalar(byte))
                text += String(repeating: filling, count: 17)
                let literal = text.jsonLiteral
                #expect(try parse(literal).root.string == text)
                let isEscaped = byte < 0x20 || byte == 0x22 || byte == 0x5C
                #expect((literal.utf8.count == text.utf8.count + 2) == !isEscaped)
            }
        }
    }

    @Test("appends strings to what is there")
    func appends() {
        var json = Array("x".utf8)
        json.append(jsonString: "é")
        json.append(jsonString: "")
        #expect(String(decoding: json, as: UTF8.self) == "x\"é\"\"\"")
    }
}
