import Testing

@testable import JSON

@Suite("A repair")
struct JSONRepairTests {
    @Test(
        "costs an odd value itself, and nothing else",
        arguments: [
            // Half a surrogate pair, as an escape and as bytes.
            ("[\"a\\ud800b\",1]", "[\"a\u{FFFD}b\",1]"), ("[\"\\udc00\"]", "[\"\u{FFFD}\"]"),
            ("[\"\\ud800\\ud83d\\ude00\"]", "[\"\u{FFFD}\\ud83d\\ude00\"]"),
            ("[\"\\uD800\\u0041\"]", "[\"\u{FFFD}\\u0041\"]"),
            ("{\"\\ud83d\":1}", "{\"\u{FFFD}\":1}"), ("[\"\\\\ud800\"]", "[\"\\\\ud800\"]"),
            // NUL.
            ("{\"a\\u0000b\":\"\\u0000\"}", "{\"a\u{FFFD}b\":\"\\u0000\"}"), ("{\"\\\\u0000\":1}", "{\"\\\\u0000\":1}"),
            (
                "[{\"a\":[\"\\u0000\"],\"\\u0000\":{\"\\u0000\":[]}}]",
                "[{\"a\":[\"\\u0000\"],\"\u{FFFD}\":{\"\u{FFFD}\":[]}}]"
            ),
            ("[8\0,\0true]\0", "[8 , true] "), ("{\"a\0\":\"b\0\"}", "{\"a\u{FFFD}\":\"b\\u0000\"}"),
            // Control bytes.
            ("[\"\u{1}\n\u{1F}\"]", "[\"\\u0001\\u000a\\u001f\"]"),
            // Numbers.
            ("[NaN,Infinity,-Infinity,\"NaN\"]", "[null,null,null,\"NaN\"]"), ("{\"NaN\":1e400}", "{\"NaN\":null}"),
            ("[-1e400,1e308]", "[null,1e308]"),
            ("[\(String(repeating: "9", count: 400)),7]", "[null,7]"),
            // Depth, of which four levels are allowed here.
            ("[[[[[1]],2]]]", "[[[[null],2]]]"),
            ("{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}", "{\"a\":{\"b\":{\"c\":{\"d\":null}}}}"),
            ("[[[[{\"]\\\"\":\"}\"}]]],3]", "[[[[null]]],3]"),
            // Nothing.
            ("{\"a\":[1,\"é😀\\n\",{}]}", "{\"a\":[1,\"é😀\\n\",{}]}"),
        ])
    func repairs(text: String, expected: String) throws {
        let repaired = try #require(repair(Array(text.utf8)))
        #expect(String(decoding: repaired, as: UTF8.self) == expected)
        #expect(throws: Never.self) { try CheckedJSON(checking: repaired) }
    }

    @Test(
        "makes U+FFFD of bytes that are not UTF-8",
        arguments: [
            ([0xFF], 1), ([0xC3], 1), ([0xED, 0xA0, 0x80], 3), ([0xF0, 0x9F, 0x98], 3), ([0xC3, 0xA9, 0x80], 1),
            ([0xC0, 0x80], 2),
        ] as [([UInt8], Int)])
    func characters(bytes: [UInt8], count: Int) throws {
        let text = Array("[\"a".utf8) + bytes + Array("\",1]".utf8)
        let root = try CheckedJSON(checking: try #require(repair(text)))
        var strings: [String?] = []
        root.forEachElement { strings.append($1.string) }
        #expect(strings[0]?.unicodeScalars.count { $0 == "\u{FFFD}" } == count)
        #expect(strings.count == 2)
    }

    @Test("makes keys the same, and its reader does not mind")
    func repeatedKeys() throws {
        let repaired = try #require(repair(Array("{\"\\ud800\":1,\"\\ud801\":2,\"\\u0000\":3}".utf8)))
        #expect(try CheckedJSON(checking: repaired).members["\u{FFFD}"]?.integer == 3)
    }

    @Test(
        "does not make JSON of what is none",
        arguments: ["", "[", "{\"a\"}", "[1,]", "x", "[\"", "[\"\\", "[\"\\u12", "[[[[[[", "[\"\\x\"]"])
    func noJSON(text: String) {
        #expect(throws: JSONError.self) { try CheckedJSON(checking: repair(Array(text.utf8)) ?? []) }
    }

    @Test("grows no larger than it may")
    func bound() {
        let text = Array("[\"".utf8) + Array(repeating: 0xFF, count: 1_000) + Array("\"]".utf8)
        #expect(JSONRepair.repaired(text, maximumDepth: 4, maximumBytes: 3_004)?.count == 3_004)
        #expect(JSONRepair.repaired(text, maximumDepth: 4, maximumBytes: 3_003) == nil)
        #expect(JSONRepair.repaired(Array("[1]".utf8), maximumDepth: 4, maximumBytes: 2) == nil)
    }

    @Test("leaves what is JSON as it is, in thousands of documents", arguments: 0..<4)
    func leavesJSON(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 40_000)
        for _ in 0..<300 {
            let bytes = Array(random.document().text.utf8)
            #expect(JSONRepair.repaired(bytes, maximumDepth: 200, maximumBytes: .max) == bytes)
        }
    }

    @Test("mends any document with any odd value in it", arguments: 0..<8)
    func mends(seed: Int) {
        let odd =
            ["\\ud800", "\\udfff", "\0", "\u{1}", "\\ud83d"].map { Array($0.utf8) } + [[0xFF], [0xED, 0xA0, 0x80]]
        var random = RandomDocument(seed: UInt64(seed) + 50_000)
        var generator = SeededGenerator(seed: UInt64(seed))
        var mended = 0
        for _ in 0..<400 {
            var bytes = Array(random.document().text.utf8)
            // Behind an opening or closing quote: in a string, or between two values.
            let quotes = bytes.indices.filter {
                bytes[$0] == UInt8(ascii: "\"") && ($0 == 0 || bytes[$0 - 1] != UInt8(ascii: "\\"))
            }
            guard !quotes.isEmpty else { continue }
            let quote = quotes[Int(generator.next() % UInt64(quotes.count))]
            bytes.insert(contentsOf: odd[Int(generator.next() % UInt64(odd.count))], at: quote + 1)
            guard let repaired = repair(bytes, maximumDepth: 200) else { continue }
            // Between two values only NUL is nothing.
            if (try? CheckedJSON(checking: repaired)) != nil { mended += 1 }
            #expect(JSONRepair.repaired(repaired, maximumDepth: 200, maximumBytes: .max) == repaired)
        }
        #expect(mended > 100)
    }

    private func repair(_ bytes: [UInt8], maximumDepth: Int = 4) -> [UInt8]? {
        JSONRepair.repaired(bytes, maximumDepth: maximumDepth, maximumBytes: 100_000)
    }
}
