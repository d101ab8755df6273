import JSON
import Testing

@Suite("A value")
struct JSONValueTests {
    @Test(
        "knows its kind",
        arguments: [
            ("{}", .object), ("[]", .array), ("\"\"", .string), ("1", .number), ("1.5", .number), ("true", .boolean),
            ("false", .boolean), ("null", .null),
        ] as [(String, JSONValue.Kind)])
    func knowsItsKind(text: String, kind: JSONValue.Kind) throws {
        #expect(try firstElement(of: "[\(text)]").kind == kind)
    }

    @Test("answers nothing about what it is not")
    func answersNothingElse() throws {
        for text in ["{}", "[]", "\"1\"", "1", "true", "null"] {
            let value = try firstElement(of: "[\(text)]")
            #expect((value.string != nil) == (value.kind == .string))
            #expect((value.integer != nil) == (value.kind == .number))
            #expect((value.boolean != nil) == (value.kind == .boolean))
            #expect((value.elementsText != nil) == (value.kind == .array))
            #expect(value.count == 0)
            #expect(value.elements().isEmpty)
            #expect(value.members.isEmpty)
        }
    }

    @Test("is a literal integer if it is written as one that fits, whatever numbers stand beside it")
    func integerLiterals() throws {
        let literals: [(String, Int)] = [
            ("42", 42), ("-7", -7), ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ]
        for (text, integer) in literals {
            // A number beyond 64 bits makes jansson read all of them as doubles.
            for document in ["[\(text)]", "[ \(text) , 12345678901234567890123]"] {
                #expect(try firstElement(of: document).integerLiteral == integer)
            }
        }
        for text in ["42.0", "4.2e1", "42e0", "1E2", "9223372036854775808", "1e300", "true", "\"42\"", "null", "[42]"] {
            #expect(try firstElement(of: "[\(text)]").integerLiteral == nil)
        }
    }

    @Test("is an integer if it is a whole number that fits")
    func integers() throws {
        let wholes: [(String, Int?)] = [
            ("5000", 5000), ("5000.0", 5000), ("5e3", 5000), ("-0", 0), ("0", 0), ("0.0", 0), ("-0.00", 0), ("0e5", 0),
            ("-7", -7),
            ("-7.0", -7), ("1e-400", 0), ("9007199254740993.0", nil), ("999999999999999999", 999_999_999_999_999_999),
            ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ]
        for (text, integer) in wholes { #expect(try firstElement(of: "[\(text)]").integer == integer) }
        for text in ["5000.5", "1e300", "12345678901234567890123", "-1e19"] {
            #expect(try firstElement(of: "[\(text)]").integer == nil)
        }
    }

    @Test("is true or false")
    func booleans() throws {
        #expect(try firstElement(of: "[true]").boolean == true)
        #expect(try firstElement(of: "[false]").boolean == false)
    }

    @Test(
        "has its text decoded",
        arguments: [
            ("\"\"", ""), ("\"a\\u0000b\"", "a\0b"), ("\"😀\"", "😀"), ("\"\\uD83D\\uDE00\"", "😀"),
            ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{C}\n\r\t"),
            ("\"\\u00e9é\"", "éé"), ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
        ])
    func strings(text: String, string: String) throws {
        let value = try #require(try firstElement(of: "[\(text)]").string)
        #expect(Array(value.utf8) == Array(string.utf8))
    }

    @Test(
        "keeps numbers as they were written",
        arguments: [
            "0.1", "1e21", "12345678901234567890123", "-0", "1.0", "1E+2", "0.10", "9007199254740993",
            "-12345678901234567890123",
        ])
    func keepsNumbers(text: String) throws {
        #expect(try firstElement(of: "[ \(text) ]").text.string == text)
    }

    @Test("keeps all numbers of a document with one beyond 64 bits")
    func keepsNeighboursOfHugeIntegers() throws {
        let root = try parse("{\"huge\":123456789012345678901234567890,\"timeout\":5000,\"tenth\":0.1}").root
        #expect(root.members.map(\.value.text.string) == ["123456789012345678901234567890", "5000", "0.1"])
        #expect(root.members[1].value.integer == 5000)
    }

    @Test("has a whole number as it was written, or none")
    func largeIntegers() throws {
        let text = "[9007199254740993,-9007199254740993,9223372036854775807,1e18,5000.0,123456789012345678901234567890]"
        let expected = [9_007_199_254_740_993, -9_007_199_254_740_993, Int.max, nil, 5_000, nil]
        #expect(try parse(text).root.elements().map(\.integer) == expected)
    }

    @Test("gives an array's inside as it was written")
    func elementsText() throws {
        #expect(try parse("[ 1 , \"]\",[2 ],{ } ]").root.elementsText?.string == " 1 , \"]\",[2 ],{ } ")
        for text in ["[]", "[ ]", "[\n\t]"] {
            let inside = try #require(try parse(text).root.elementsText)
            #expect(inside.isEmpty)
            #expect(inside == .empty)
        }
    }

    @Test("has members in the order of the text")
    func memberOrder() throws {
        let root = try parse("{\"z\":1,\"a\":2,\"m\":3,\"\":4,\"A\":5}").root
        #expect(root.members.map(\.key) == ["z", "a", "m", "", "A"])
        #expect(root.count == 5)
    }

    @Test("stops going over members when told so")
    func stopsAtAnError() throws {
        struct Enough: Error {}
        var seen = 0
        let root = try parse("{\"a\":1,\"b\":2,\"c\":3}").root
        #expect(throws: Enough.self) {
            try root.forEachMember { _, _ in
                seen += 1
                if seen == 2 { throw Enough() }
            }
        }
        #expect(seen == 2)
    }

    @Test("lives as long as anyone holds it")
    func keepsItsDocument() throws {
        var value: JSONValue? = try parse("[{\"a\":[1,2,\"three\"]}]").root.elements()[0].members[0].value
        #expect(value?.elements().map(\.text.string) == ["1", "2", "\"three\""])
        value = nil
    }

    @Test("stands where it stands in the text, in thousands of documents", arguments: 0..<8)
    func spansOfRandomDocuments(seed: Int) throws {
        var random = RandomDocument(seed: UInt64(seed))
        for _ in 0..<500 {
            let expected = random.document()
            let before = random.whiteSpace()
            let text = before + expected.text + random.whiteSpace()
            let root = try parse(text).root
            #expect(root.span.lowerBound == before.utf8.count)
            if let difference = difference(of: root, from: expected) {
                Issue.record("\(difference), in \(text)")
                return
            }
        }
    }

    @Test("never traps on damaged documents", arguments: 0..<4)
    func survivesDamage(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 1_000)
        for _ in 0..<1_000 {
            var bytes = Array(random.document().text.utf8)
            random.damage(&bytes)
            guard let document = try? parse(bytes) else { continue }
            #expect(walk(document.root) > 0)
        }
    }

    /// Touches everything there is; returns the number of values.
    private func walk(_ value: JSONValue) -> Int {
        _ = (value.text.isEmpty, value.elementsText, value.string, value.integer)
        var count = 1
        for element in value.elements() { count += walk(element) }
        value.forEachMember { count += $0.utf8.count >= 0 ? walk($1) : 0 }
        return count
    }

    /// What is different between a value and what it should be; `nil` if nothing is.
    private func difference(of value: JSONValue, from expected: RandomDocument.Node) -> String? {
        guard value.text.string == expected.text else { return "'\(value.text.string)' should be '\(expected.text)'" }
        guard value.kind == expected.kind else { return "'\(expected.text)' is taken for \(value.kind)" }
        guard value.string.map({ Array($0.utf8) }) == expected.string.map({ Array($0.utf8) }) else {
            return "'\(expected.text)' is decoded as '\(value.string ?? "nothing")'"
        }
        guard value.elementsText?.string == expected.elementsText else {
            return "'\(expected.text)' is said to contain '\(value.elementsText?.string ?? "nothing")'"
        }
        let (members, elements) = (value.members, value.elements())
        guard value.count == expected.members.count + expected.elements.count else {
            return "'\(expected.text)' has \(value.count) children"
        }
        guard members.map({ Array($0.key.utf8) }) == expected.members.map({ Array($0.key.utf8) }) else {
            return "'\(expected.text)' has the keys \(members.map(\.key))"
        }
        guard elements.count == expected.elements.count else {
            return "'\(expected.text)' has \(elements.count) elements"
        }
        for (member, expected) in zip(members, expected.members) {
            if let difference = difference(of: member.value, from: expected.node) { return difference }
        }
        for (element, expected) in zip(elements, expected.elements) {
            if let difference = difference(of: element, from: expected) { return difference }
        }
        return nil
    }
}
