import Testing

@testable import JSON

@Suite("The outline of a text")
struct JSONOutlineTests {
    @Test(
        "leaves out the strings and numbers that need no reading, and nothing else",
        arguments: [
            (
                #"{"event":"hello","args":["a b c",8,true],"rooms":["r1"]}"#,
                #"{"event":"","args":["",0,true],"rooms":[""]}"#
            ),
            // Keys stay, whatever stands between them and the colon.
            (#"{"a key" : "x", "other"\#(n)\#(t):"y"}"#, #"{"a key" : "", "other"\#(n)\#(t):""}"#),
            (#"["[{,:}]","!~\#u{7F}"]"#, #"["",""]"#),
            // What has to be read is there.
            (#"["a\"b","plain","\u00e9 is more than seven bytes"]"#, #"["a\"b","","\u00e9 is more than seven bytes"]"#),
            (#"["é","plain","far behind seven bytes é"]"#, #"["é","","far behind seven bytes é"]"#),
            ("[\"a control \u{1} byte\",\"plain\"]", "[\"a control \u{1} byte\",\"\"]"),
            // Numbers that cannot be too large, wherever they stand.
            ("[1,-2,34 ,5\n]", "[0,0,0 ,0\n]"), (#"{"a":123,"b": -4.50}"#, #"{"a":0,"b": 0.0}"#), ("17", "0"),
            (" -1.25 ", " 0.0 "),
            ("[0,0.0]", "[0,0.0]"), ("[999999999999999999,-999999999999999999]", "[0,0]"),
            ("[1.123456789012345678]", "[0.0]"), ("[9007199254740993]", "[0]"),
            // Those that can be, and what is none.
            ("[1e2,1.5E-3,0e0]", "[1e2,1.5E-3,0e0]"), ("[1234567890123456789]", "[1234567890123456789]"),
            ("[1.1234567890123456789]", "[1.1234567890123456789]"),
            ("[01,-01,00,-,1.,.5,1.5.5,+1]", "[01,-01,00,-,1.,.5,1.5.5,+1]"), ("[1-2,3x,4\"]", "[1-2,3x,4\"]"),
            ("[true1,1true,a1,{2}]", "[true1,1true,a1,{2}]"), ("[1\u{0},2]", "[1\u{0},0]"), ("1\u{B}", "1\u{B}"),
            ("-", "-"),
            // No string at all, an empty one, and one without an end.
            ("[[],{}]", "[[],{}]"), (#"["",{}]"#, #"["",{}]"#), (#"["a","without an end"#, #"["","without an end"#),
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

    @Test(
        "is bare when no value is in it",
        arguments: [
            ("{}", true), (#"{"a":"b","c":[1,-2.5,true,false,null],"d":{"e":""}}"#, true), (#"{"\u0061é":1}"#, true),
            ("0", true),
            (#"["é"]"#, false), (#"["a\nb","c"]"#, false), ("[1e2]", false), ("[1234567890123456789]", false),
            (#"{"a":"é"}"#, false),
            (#"{"é":"é"}"#, false), (#""without an end"#, false),
        ] as [(String, Bool)])
    func bare(text: String, isBare: Bool) {
        let text = Array(text.utf8)
        withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { place in
            text.withUnsafeBytes { #expect(JSONOutline(of: $0, to: place).isBare == isBare) }
        }
    }

    @Test("sees each byte behind a number, and before it")
    func everyByteAroundNumbers() {
        for number in ["7", "-12", "0", "3.25", "123456789012345678"] {
            let zero = Array((number.contains(".") ? "0.0" : "0").utf8)
            for byte in UInt8(0)...255 {
                let digits = Array(number.utf8)
                let behind = Self.outline(of: [0x5B] + digits + [byte, 0x5D])
                if "\t\n\r ,]}".utf8.contains(byte) {
                    #expect(behind == [0x5B] + zero + [byte, 0x5D])
                } else if !"0123456789".utf8.contains(byte) {
                    #expect(behind == [0x5B] + digits + [byte, 0x5D], "\(byte) behind \(number)")
                }
                let before = Self.outline(of: [byte] + digits)
                if "\t\n\r ,:[".utf8.contains(byte) {
                    #expect(before == [byte] + zero)
                } else if !"-0123456789".utf8.contains(byte) {
                    #expect(before == [byte] + digits, "\(byte) before \(number)")
                }
            }
        }
    }

    private static func outline(of text: String) -> String {
        String(decoding: outline(of: Array(text.utf8)), as: UTF8.self)
    }

    private static func outline(of text: [UInt8]) -> [UInt8] {
        // Of the size of the text, so that a write behind it is found.
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        defer { place.deallocate() }
        return text.withUnsafeBytes { Array(JSONOutline(of: $0, to: place).bytes) }
    }
}

private let n = "\n"
private let t = "\t"
