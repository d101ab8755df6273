import CJSONArena
import Testing

@testable import JSON

@Suite("Known outlines")
struct KnownOutlinesTests {
    private let outlines = KnownOutlines(seed: 1)

    @Test("A text whose outline came twice is known, and says what it says itself")
    func known() throws {
        for number in 0..<5 {
            let text =
                #"{"event":"e\#(number)","args":[\#(number * 1_000),-\#(number).5,true,""],"rooms":["r \#(number)",\#(number)]}"#
            #expect(isKnown(text) == (number >= 2))
            let root = try parse(text)
            #expect(isSame(root, try JSON.JSONDocument(parsing: Array(text.utf8)).root))
            #expect(root.member("event")?.string == "e\(number)")
            #expect(root.member("args")?.element(0)?.integer == number * 1_000)
            #expect(root.member("args")?.element(1)?.text.string == "-\(number).5")
            #expect(root.member("rooms")?.elements().map(\.string) == ["r \(number)", nil])
            #expect(root.member("rooms")?.element(1)?.integerLiteral == number)
        }
    }

    @Test(
        "A text of another form is not known",
        arguments: [
            #"{"b":"x","c":[1,2.5]}"#, #"{"a":"x","c":[1,2]}"#, #"{"a":"x","c":[1,2.5,3]}"#, #"{"a":1,"c":[1,2.5]}"#,
            #"{"a":"x","c":[1,2.5]} "#, #"{"a":"x", "c":[1,2.5]}"#, #"{"\u0061":"x","c":[1,2.5]}"#,
            #"{"a":"x","c":[1,2.5}"#,
            #"{"a":"x","c":[1,2.5],}"#, #"{"a":"x\n","c":[1,2.5]}"#, #"{"a":"x","c":[1,2.5e0]}"#,
            #"{"a":"x","c":[true,2.5]}"#,
            "{\"a\":\"x\u{1}\",\"c\":[1,2.5]}", "{\"a\":\"x\",\"c\":[1\u{0},2.5]}", #"{"a":"x","a":[1,2.5]}"#,
        ])
    func others(text: String) throws {
        for _ in 0..<3 { _ = try parse(#"{"a":"x","c":[1,2.5]}"#) }
        #expect(isKnown(#"{"a":"another one","c":[-77,0.125]}"#))
        #expect(!isKnown(text))
        // As often as it comes.
        for _ in 0..<4 { #expect(verdict(text, outlines) == verdict(text, nil)) }
    }

    @Test(
        "No string and no number is kept",
        arguments: [#"{"a":"é"}"#, #"{"a":"\t"}"#, "[1e5]", "[1234567890123456789]", "[0.1234567890123456789]"])
    func noValues(text: String) throws {
        for _ in 0..<4 {
            _ = try parse(text)
            #expect(!isKnown(text))
        }
    }

    @Test(
        "A text that is refused is refused each time",
        arguments: [#"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, "[1,]", "{\"a\\u0000\":1}", nested(65), "[1\u{0}]", ""])
    func refused(text: String) {
        let expected = verdict(text, nil)
        #expect(throws: JSONError.self) { try expected.get() }
        for _ in 0..<4 { #expect(verdict(text, outlines) == expected) }
    }

    @Test("A large outline is not kept; a large text may have a small one")
    func large() throws {
        let largest = "[" + Array(repeating: "[]", count: 170).joined(separator: ",") + " ]"
        #expect(largest.utf8.count == 512)
        for _ in 0..<3 { _ = try parse(largest) }
        #expect(isKnown(largest))
        for _ in 0..<3 { _ = try parse(largest + " ") }
        #expect(!isKnown(largest + " "))
        let string = "[\"" + String(repeating: "x", count: 1 << 20) + "\"]"
        for _ in 0..<3 { _ = try parse(string) }
        #expect(isKnown(string))
        #expect(try parse(string).element(0)?.string?.utf8.count == 1 << 20)
    }

    @Test("Outlines that come once push out none that came twice")
    func oneOffs() throws {
        for _ in 0..<2 { _ = try parse(#"{"kept":1}"#) }
        for number in 0..<1_000 { _ = try parse(#"{"key\#(number)":1}"#) }
        #expect(isKnown(#"{"kept":1}"#))
        // Those that came twice do.
        for number in 0..<1_000 { for _ in 0..<2 { _ = try parse(#"{"key\#(number)":1}"#) } }
        #expect(!isKnown(#"{"kept":1}"#))
        #expect((0..<1_000).count { isKnown(#"{"key\#($0)":1}"#) } == 32)
    }

    @Test("A value holds its outline's tree when another has taken its place, or all are gone")
    func outlives() throws {
        var outlines: KnownOutlines? = KnownOutlines()
        let roots = try (0..<100).map { number in
            let text = Array(#"{"key\#(number % 50)":["a \#(number)",\#(number)]}"#.utf8)
            _ = try ParsedJSON(parsing: text, known: outlines)
            return JSONDocument(try ParsedJSON(parsing: text, known: outlines)).root
        }
        outlines = nil
        for (number, root) in roots.enumerated() {
            #expect(root.member("key\(number % 50)")?.element(0)?.string == "a \(number)")
            #expect(root.member("key\(number % 50)")?.element(1)?.integer == number)
        }
    }

    @Test("A text that is only checked is known as well, with repeated keys and in its depth")
    func checked() throws {
        let outlines = KnownOutlines(maximumDepth: 2, allowsRepeatedKeys: true, seed: 1)
        let text = Array(#"{"a":1,"a":["x"]}"#.utf8)
        for _ in 0..<3 { try JSONCheck.check(text, maximumDepth: 2, known: outlines) }
        #expect(outlines.knows(Array(#"{"a":2,"a":["another"]}"#.utf8)))
        for _ in 0..<3 {
            #expect(throws: JSONError(kind: .tooDeep, detail: "more than 2 levels of arrays and objects")) {
                try JSONCheck.check(Array("[[[1]]]".utf8), maximumDepth: 2, known: outlines)
            }
        }
        // Too large for a tree.
        let large = Array(("[" + String(repeating: " ", count: 5_000) + "]").utf8)
        for _ in 0..<3 { try JSONCheck.check(large, maximumDepth: 2, known: outlines) }
        #expect(!outlines.knows(large))
    }

    @Test("Of two outlines that come in turn and share a slot, one stays known")
    func inTurn() throws {
        for _ in 0..<3 { _ = try parse(#"{"kept":1}"#) }
        for number in 0..<1_000 {
            for _ in 0..<4 {
                _ = try parse(#"{"key\#(number)":1}"#)
                #expect(isKnown(#"{"kept":1}"#))
                _ = try parse(#"{"kept":2}"#)
            }
        }
    }

    @Test("A text that is refused leaves nothing behind, however often it comes")
    func refusedMemory() {
        for text in [#"{"a":[1,2,{"b":"x"}],"a":2}"#, "[[],[],[}"] {
            for _ in 0..<4 {
                let mark = gateway_json_mark()
                #expect(throws: JSONError.self) { try parse(text) }
                #expect(gateway_json_mark().live == mark.live)
                // From the block again.
                let next = gateway_json_allocate(32)!
                #expect(gateway_json_mark().live == mark.live + 1)
                gateway_json_free(next)
            }
        }
    }

    @Test("What is kept keeps no memory of others")
    func memory() throws {
        let before = gateway_json_allocate(32)!
        gateway_json_free(before)
        for number in 0..<100 { _ = try parse(#"{"key\#(number / 2)":1}"#) }
        let behind = gateway_json_allocate(32)!
        gateway_json_free(behind)
        #expect(before == behind)
    }

    private func parse(_ text: String) throws(JSONError) -> JSONValue {
        JSONDocument(try ParsedJSON(parsing: Array(text.utf8), known: outlines)).root
    }

    private func verdict(_ text: String, _ outlines: KnownOutlines?) -> Result<String, JSONError> {
        Result { () throws(JSONError) in
            JSONDocument(try ParsedJSON(parsing: Array(text.utf8), known: outlines)).root.text.string
        }
    }

    private func isKnown(_ text: String) -> Bool { outlines.knows(Array(text.utf8)) }
}

extension KnownOutlines {
    /// Whether there is a tree of the text's outline; without a trace of having asked.
    func knows(_ text: [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { place in
            text.withUnsafeBytes { bytes in
                let outline = JSONOutline(of: bytes, to: place)
                return outline.isBare && knows(outline.bytes)
            }
        }
    }
}
