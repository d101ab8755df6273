import Testing

@testable import JSON

/// What is copied by its span is what was parsed: a million texts, each of them nearly JSON.
@Suite("A million texts")
struct SpanFuzzTests {
    @Test("with every control byte at every boundary", arguments: 0..<4)
    func controlBytes(part: Int) {
        var tally = Tally()
        let inserted = Array(UInt8(0)...0x20) + [0x2C, 0x7F, 0x80, 0xA0, 0xBB, 0xBF, 0xC0, 0xED, 0xEF, 0xFE, 0xFF]
        for (number, text) in Self.texts(seed: 0).enumerated() where number % 4 == part {
            for index in 0...text.count {
                for byte in inserted {
                    var bytes = text
                    bytes.insert(byte, at: index)
                    tally.check(bytes)
                }
            }
        }
        tally.expectBoth(atLeast: 24_000)
    }

    @Test("with random damage", arguments: 0..<8)
    func damage(seed: Int) {
        var tally = Tally()
        var generator = SeededGenerator(seed: UInt64(seed) + 500)
        let texts = Self.texts(seed: UInt64(seed) + 1)
        let alphabet =
            Array("{}[]\",:\\ \n0e-.u1tn\0\u{B}\u{C}\t\u{7F}".utf8) + [0x00, 0xFF, 0xC3, 0xA9, 0xEF, 0xBB, 0xBF]
        for _ in 0..<115_000 {
            var bytes = texts[Int(generator.next() % UInt64(texts.count))]
            for _ in 0...Int(generator.next() % 3) where !bytes.isEmpty {
                let index = Int(generator.next() % UInt64(bytes.count))
                let byte = alphabet[Int(generator.next() % UInt64(alphabet.count))]
                switch generator.next() % 4 {
                case 0: bytes[index] = byte
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(byte, at: index)
                default: bytes.swapAt(index, Int(generator.next() % UInt64(bytes.count)))
                }
            }
            tally.check(bytes)
        }
        tally.expectBoth(atLeast: 115_000)
    }

    @Test("and the shortest of all: every text of three bytes that mean something")
    func shortest() {
        var tally = Tally()
        let alphabet = Array("{}[]\",:\\ 01e-.\0\u{B}\u{1}".utf8) + [0xFF]
        for first in alphabet {
            for second in alphabet {
                tally.check([first, second])
                for third in alphabet { tally.check([UInt8(ascii: "["), first, second, third, UInt8(ascii: "]")]) }
            }
        }
        tally.expectBoth(atLeast: 6_000)
    }

    /// Small texts in every spelling, the simplest ones among them.
    private static func texts(seed: UInt64) -> [[UInt8]] {
        let simple = [
            "8", "-0.5e3", "true", "false", "null", "\"a\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "[]", "{}",
            " [1 , 2]\n",
            "{\"a\":8}", "{\"event\":\"hello\",\"data\":8}", "[[],{},\"\",0,true,null]",
            "{\"a\":{\"b\":[true]},\"c\":1.0E+2}",
            "[\"\\\"\",\"\\\\\",\"é😀\"]", "{\"\\u0000\":1}", "[1e999]", "[\"\\ud800\"]", "{\"a\":1,\"\\u0061\":2}",
            "12345678901234567890123",
        ]
        var random = RandomDocument(seed: seed)
        var texts = simple.map { Array($0.utf8) }
        while texts.count < 120 {
            let text = Array(random.document().text.utf8)
            if text.count < 60 { texts.append(text) }
        }
        return texts
    }
}

/// Holds the parser against ``StrictJSON``, text by text.
private struct Tally {
    private let outlines = KnownOutlines(seed: 1)
    private let checkedOutlines = KnownOutlines(allowsRepeatedKeys: true, seed: 2)
    private var taken = 0
    private var refused = 0
    private var known = 0
    private var faults = 0

    mutating func check(_ bytes: [UInt8]) {
        let truth = StrictJSON(bytes[...])
        let before = taken
        var hasRepeatedKey = false
        do throws(JSONError) {
            let document = try JSONDocument(parsing: bytes)
            taken += 1
            if !truth.isJSON || truth.hasLoneSurrogate || truth.hasNULInKey || truth.depth > 64 {
                record("is taken for JSON", bytes)
            } else if !Self.spansAreTrue(document.root, bytes) {
                record("has a span that is not its value", bytes)
            }
        } catch {
            refused += 1
            let isKnown =
                truth.hasLoneSurrogate || truth.hasNULInKey || truth.hasHugeNumber || truth.depth > 64
                || error.kind == .duplicateKey
            if truth.isJSON, !isKnown { record("is refused: \(error.detail)", bytes) }
            hasRepeatedKey = error.kind == .duplicateKey
        }
        checkWithoutTree(bytes, isTaken: taken > before, hasRepeatedKey: hasRepeatedKey, truth)
        checkWithOutlines(bytes)
    }

    /// Texts whose outlines came before say the same as if none had. The last of the same outline has other values.
    private mutating func checkWithOutlines(_ bytes: [UInt8]) {
        guard (taken + refused) % 4 == 0 else { return compare(bytes) }
        for _ in 0..<3 { _ = try? ParsedJSON(parsing: bytes, known: outlines) }
        let others = Self.withOtherValues(bytes)
        for text in [bytes, others] { compare(text) }
    }

    /// With other letters in strings that are no keys, and with other digits.
    private static func withOtherValues(_ bytes: [UInt8]) -> [UInt8] {
        bytes.map { $0 == UInt8(ascii: "8") ? UInt8(ascii: "7") : $0 == UInt8(ascii: "5") ? UInt8(ascii: "6") : $0 }
    }

    private mutating func compare(_ bytes: [UInt8]) {
        let found = Result { () throws(JSONError) in
            JSONDocument(try ParsedJSON(parsing: bytes, known: outlines)).root
        }
        switch (found, Result { () throws(JSONError) in try JSONDocument(parsing: bytes).root }) {
        case (.success(let one), .success(let other)):
            if outlines.knows(bytes) { known += 1 }
            if !isSame(one, other) { record("says something else with a known outline", bytes) }
        case (.failure(let one), .failure(let other)):
            if one != other { record("fails otherwise with known outlines", bytes) }
        default: record("has another verdict with known outlines", bytes)
        }
    }

    /// What reads large texts takes the same, but for repeated keys. Its batches are so small that all of them are cut.
    private mutating func checkWithoutTree(
        _ bytes: [UInt8], isTaken: Bool, hasRepeatedKey: Bool, _ truth: StrictJSON
    ) {
        do throws(JSONError) {
            try JSONCheck.check(bytes, maximumDepth: 64, batchBytes: 1 + bytes.count % 8)
            if !isTaken, !hasRepeatedKey || !truth.isJSON { record("is taken without a tree", bytes) }
        } catch {
            if isTaken { record("is refused without a tree: \(error.detail)", bytes) }
        }
        let (checked, known) = (Self.verdict(bytes, nil), Self.verdict(bytes, checkedOutlines))
        if checked != known { record("is checked otherwise with known outlines", bytes) }
    }

    private static func verdict(_ bytes: [UInt8], _ outlines: KnownOutlines?) -> JSONError? {
        do throws(JSONError) {
            try JSONCheck.check(bytes, maximumDepth: 64, known: outlines)
            return nil
        } catch {
            return error
        }
    }

    func expectBoth(atLeast count: Int) {
        #expect(taken + refused >= count)
        #expect(taken > count / 100 && refused > count / 10, "\(taken) taken, \(refused) refused")
        #expect(known > taken / 100, "\(known) known of \(taken)")
    }

    private mutating func record(_ what: String, _ bytes: [UInt8]) {
        faults += 1
        if faults < 10 { Issue.record("\(String(decoding: bytes, as: UTF8.self).debugDescription) \(what)") }
    }

    /// Whether each value's span, parsed alone, is that value.
    private static func spansAreTrue(_ value: JSONValue, _ bytes: [UInt8]) -> Bool {
        guard StrictJSON(bytes[value.span]).isJSON, let again = try? JSONDocument(parsing: bytes, in: value.span).root,
            again.span == value.span, isSame(again, value)
        else { return false }
        let children = value.elements() + value.members.map(\.value)
        return children.allSatisfy { spansAreTrue($0, bytes) }
    }
}
