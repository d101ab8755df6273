import Testing

@testable import JSON

@Suite("What is no JSON")
struct JSONDiagnosisTests {
    @Test("is nothing at all", arguments: ["", " ", "\n\r\n\t", "\u{B}\u{C}"])
    func empty(text: String) {
        #expect(error(Array(text.utf8)) == JSONError(kind: .empty, detail: "the text is empty"))
    }

    @Test("is UTF-16, with a byte order mark or without")
    func utf16() {
        for text in ["{}", "{\"é\":1}", "[1]"] {
            let units = Array(text.utf16)
            let big = units.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            let little = units.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            for bytes in [[0xFE, 0xFF] + big, [0xFF, 0xFE] + little] {
                #expect(error(bytes)?.detail == "the text begins with the byte order mark of UTF-16: send UTF-8")
            }
            for bytes in [big, little] {
                #expect(error(bytes)?.detail == "the text looks like UTF-16: send UTF-8")
            }
        }
    }

    @Test(
        "has half an emoji in it",
        arguments: [
            (#""\ud83d""#, 2), (#""\uDE00""#, 2), (#"["é",1,"a\ud83d\ud83d\ude00"]"#, 10), (#""\ud83d\n""#, 2),
            (#""\\ud83d\ud83d""#, 9), (#""\ud83d\ude00\ude00""#, 14), ("[1,\n \"\\ud83d\"]", 3),
        ])
    func halves(text: String, column: Int) {
        let line = text.contains("\n") ? 2 : 1
        let found = error(Array(text.utf8))
        #expect(found?.kind == .invalid)
        #expect(found?.detail.hasPrefix("half an emoji") == true, "\(text)")
        #expect(found?.detail.contains("at line \(line), column \(column):") == true, "\(text): \(found?.detail ?? "")")
    }

    @Test("has whole ones", arguments: [#""\ud83d\ude00""#, #""\\ud83d""#, #""\u0041""#])
    func whole(text: String) {
        #expect(error(Array(text.utf8)) == nil)
    }

    @Test(
        "has bytes that are not UTF-8",
        arguments: [
            ([0xFF], 1, 1), (Array("[\n\"é\u{1F600}".utf8) + [0xC3, 0x28], 2, 4),
            (Array("\"".utf8) + [0xED, 0xA0, 0x80], 1, 2),
        ] as [([UInt8], Int, Int)])
    func notUTF8(bytes: [UInt8], line: Int, column: Int) {
        #expect(error(bytes)?.detail == "the text is not valid UTF-8 at line \(line), column \(column)")
    }

    @Test(
        "has lost its double quotes",
        arguments: [
            ("{event: 1}", true), (" {\n'a': 1}", true), ("'{\"a\": 1}'", true), ("{\"a\": b}", false), ("[a]", false),
            ("{\"a\" 1}", false),
        ])
    func quotes(text: String, isTold: Bool) {
        let found = error(Array(text.utf8))
        #expect(found?.detail.hasPrefix("a syntax error at line ") == true)
        #expect(found?.detail.contains("JSON takes double quotes") == isTold, "\(text)")
    }

    @Test("has a line feed in a string")
    func controlCharacters() {
        #expect(error(Array("{\"a\":\"b\nc\"}".utf8))?.detail.hasPrefix("a control character in a string") == true)
    }

    @Test("is more than one value", arguments: ["{}{}", "1 2", "{} x", "{}\n{}"])
    func trailing(text: String) {
        #expect(error(Array(text.utf8))?.kind == .trailing)
    }

    @Test("is none of these", arguments: ["{", "{'a':1}", "{\"a\":1,}", "nul", "\u{FEFF}{}", "{\"\\ud83d\":1"])
    func others(text: String) {
        let found = error(Array(text.utf8))
        #expect(found?.kind == .invalid && found?.detail.contains("emoji") == false || text.contains("ud83d"))
    }

    @Test("stands behind a byte order mark, if there is one")
    func byteOrderMark() throws {
        for (text, start) in [("\u{FEFF}{}", 3), ("{}", 0), ("", 0), ("\u{FEFF}", 3)] {
            let bytes = Array(text.utf8)
            #expect(bytes.textRange == start..<bytes.count)
        }
        #expect([0xEF, 0xBB].textRange == 0..<2)
        let bytes = Array("\u{FEFF} [1]".utf8)
        #expect(try JSONDocument(parsing: bytes, in: bytes.textRange).root.text.string == "[1]")
    }

    private func error(_ bytes: [UInt8]) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONDocument(parsing: bytes)
            return nil
        } catch {
            return error
        }
    }
}
