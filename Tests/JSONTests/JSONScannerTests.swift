import Testing

@testable import JSON

@Suite("The scanner")
struct JSONScannerTests {
    @Test(
        "counts how deep a text goes",
        arguments: [
            ("", 0), ("1", 0), ("[]", 1), ("[[],[]]", 2), ("{\"a\":[{}]}", 3), ("\"[[[\"", 0), ("[\"\\\"[[\"]", 1),
            ("[\"\\\\\",[]]", 2), ("[[[", 3),
            // What closes before it opens is refused by the parser at once: nothing is opened behind it.
            ("]]][", 0),
        ])
    func depth(text: String, depth: Int) {
        #expect(JSONScanner.depth(of: Array(text.utf8)[...]) == depth)
    }

    @Test(
        "counts what could open something, wherever it stands",
        arguments: [
            ("", 0), ("[]", 1), ("{\"a\":[{}]}", 3), ("\"[{\"", 2), ("]}[", 1), ("[[[", 3), ("\u{5B}\u{FB}", 1),
            ("[[[[[[[[[", 9), ("{[{[{[{[{[{[{[{[]]", 16),
        ])
    func openings(text: String, count: Int) {
        #expect(JSONScanner.openings(of: Array(text.utf8)[...]) == count)
        #expect(JSONScanner.openings(of: Array(" \(text)[".utf8).dropFirst().dropLast()) == count)
    }

    @Test(
        "finds the text without the white space around it",
        arguments: [(" \n\t[1, \"]\"] \r", 3..<11), ("{}", 0..<2), ("", 0..<0), (" ", 1..<1)])
    func trims(text: String, span: Range<Int>) {
        #expect(JSONScanner.trimmed(Array(text.utf8)[...]) == span)
    }

    @Test("moves from element to element")
    func movesOverElements() {
        let bytes = Array("[ 1 ,\"a,b\" , {\"x\":[2]},null]".utf8)
        var scanner = JSONScanner(bytes, at: 1)
        let spans = (0..<4).map { _ in scanner.nextElement() }
        #expect(spans.map { String(decoding: bytes[$0], as: UTF8.self) } == ["1", "\"a,b\"", "{\"x\":[2]}", "null"])
    }

    @Test("moves from member to member")
    func movesOverMembers() {
        let bytes = Array("{ \"a\\\"\" : 1 ,\":\":\"}\",\"c\":{}}".utf8)
        var scanner = JSONScanner(bytes, at: 1)
        let spans = (0..<3).map { _ in scanner.nextMember() }
        #expect(spans.map { String(decoding: bytes[$0], as: UTF8.self) } == ["1", "\"}\"", "{}"])
    }

    @Test("never leaves the text, whatever it is", arguments: 0..<4)
    func survivesGarbage(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 2_000)
        for _ in 0..<500 {
            var bytes = Array(random.document().text.utf8)
            random.damage(&bytes)
            _ = JSONScanner.trimmed(bytes[...])
            #expect(JSONScanner.depth(of: bytes[...]) <= JSONScanner.openings(of: bytes[...]))
            var elements = JSONScanner(bytes, at: 0)
            var members = JSONScanner(bytes, at: min(1, bytes.count))
            for _ in 0..<8 {
                for span in [elements.nextElement(), members.nextMember()] {
                    #expect(span.lowerBound >= 0 && span.upperBound <= bytes.count)
                }
            }
        }
    }
}
