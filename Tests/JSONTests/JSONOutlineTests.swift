import Testing

@testable import JSON

@Suite("The outline of a text")
struct JSONOutlineTests {
    @Test(
        "leaves out the insides of strings that need no reading, and nothing else",
        arguments: [
            (
                #"{"event":"hello","args":["a b c",8,true],"rooms":["r1"]}"#,
                #"{"event":"","args":["",8,true],"rooms":[""]}"#
            ),
            // Keys stay, whatever stands between them and the colon.
            (#"{"a key" : "x", "other"\#(n)\#(t):"y"}"#, #"{"a key" : "", "other"\#(n)\#(t):""}"#),
            (#"["[{,:}]","!~\#u{7F}"]"#, #"["",""]"#),
            // What has to be read is there.
            (#"["a\"b","plain","\u00e9 is more than seven bytes"]"#, #"["a\"b","","\u00e9 is more than seven bytes"]"#),
            (#"["é","plain","far behind seven bytes é"]"#, #"["é","","far behind seven bytes é"]"#),
            ("[\"a control \u{1} byte\",\"plain\"]", "[\"a control \u{1} byte\",\"\"]"),
            // No string at all, an empty one, and one without an end.
            ("[1,2]", "[1,2]"), (#"["",{}]"#, #"["",{}]"#), (#"["a","without an end"#, #"["","without an end"#),
            (#""alone""#, #""""#), (#""ends in an escape\"#, #""ends in an escape\"#), ("", ""),
        ] as [(String, String)])
    func outlines(text: String, outline: String) {
        #expect(Self.outline(of: text) == outline)
    }

    @Test("sees each byte of a string, wherever it stands")
    func everyByte() {
        for length in 1...40 {
            for place in 0..<length {
                for byte in UInt8(0)...255 {
                    var inside = Array(repeating: UInt8(ascii: "a"), count: length)
                    inside[place] = byte
                    let text = Array("[\"".utf8) + inside + Array("\",0]".utf8)
                    let isPlain = (0x20..<0x80).contains(byte) && byte != 0x22 && byte != 0x5C
                    let outline = Self.outline(of: text)
                    if isPlain {
                        #expect(outline == Array("[\"\",0]".utf8))
                    } else if byte != 0x22 {
                        #expect(outline == text, "byte \(byte) at \(place) of \(length)")
                    }
                }
            }
        }
    }

    @Test("is JSON where the text is, and only there", arguments: 0..<100)
    func sameVerdict(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 9_000)
        let whole = Array(random.document().text.utf8)
        for _ in 0..<50 {
            var text = whole
            random.damage(&text)
            let outline = Self.outline(of: text)
            #expect(Self.outline(of: outline) == outline)
            #expect(StrictJSON(outline[...]).isJSON == StrictJSON(text[...]).isJSON)
        }
        #expect(StrictJSON(Self.outline(of: whole)[...]).isJSON)
    }

    @Test("of a string of a mebibyte takes nothing of it, and its value is whole")
    func large() throws {
        let inside = String(repeating: "The quick brown fox. ", count: 50_000)
        let value = try firstElement(of: "[\"\(inside)\"]")
        #expect(value.string == inside)
        #expect(Self.outline(of: "[\"\(inside)\"]") == "[\"\"]")
    }

    private static func outline(of text: String) -> String {
        String(decoding: outline(of: Array(text.utf8)), as: UTF8.self)
    }

    private static func outline(of text: [UInt8]) -> [UInt8] {
        // Of the size of the text, so that a write behind it is found.
        [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
            text.withUnsafeBytes { text in
                count = JSONOutline.write(of: text, to: UnsafeMutableRawBufferPointer(buffer))
                if count == text.count, let start = text.baseAddress {
                    UnsafeMutableRawBufferPointer(buffer).copyMemory(from: .init(start: start, count: count))
                }
            }
        }
    }
}

private let n = "\n"
private let t = "\t"
