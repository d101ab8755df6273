import JSON
import Testing

@Suite("A parsed text")
struct ParsedJSONTests {
    private let bytes = Array("[0] {\"a\" : [ 1, \"\\u00e9#]\" ] , \"b\":{\"c\":[ ]}, \"d\":-1.50} ".utf8)

    @Test("lends its values, which say where in all of the bytes they stand")
    func lendsValues() throws {
        let json = try ParsedJSON(parsing: bytes, in: 4..<bytes.count)
        var told: [String] = []
        json.withRoot { root in
            root.forEachMember { key, value in
                told.append("\(key.text) \(value.kind) \(value.count) \(text(value.text(in: bytes)))")
                value.forEachElement { index, element in
                    told.append("\(index) \(element.string ?? "none") \(text(element.text(in: bytes)))")
                }
            }
        }
        #expect(
            told == [
                "a array 2 [ 1, \"\\u00e9#]\" ]", "0 none 1", "1 é#] \"\\u00e9#]\"", "b object 1 {\"c\":[ ]}",
                "d number 0 -1.50",
            ])
    }

    @Test("gives the elements of an array without its brackets")
    func elementsText() throws {
        let json = try ParsedJSON(parsing: bytes, in: 4..<bytes.count)
        var told: [String?] = []
        json.withRoot { root in
            root.forEachMember { _, value in
                told.append(value.elementsText(in: bytes).map(text))
                value.forEachMember { _, inner in told.append(inner.elementsText(in: bytes).map(text)) }
            }
        }
        #expect(told == [" 1, \"\\u00e9#]\" ", nil, "", nil])
    }

    @Test("passes on what the look at it throws")
    func throwsOn() throws {
        struct Failure: Error {}
        let json = try ParsedJSON(parsing: bytes, in: 4..<bytes.count)
        #expect(throws: Failure.self) {
            try json.withRoot { root throws(Failure) in
                try root.forEachMember { _, _ throws(Failure) in throw Failure() }
            }
        }
    }

    @Test("becomes a document, whose values can be kept")
    func becomesADocument() throws {
        let kept = JSONDocument(try ParsedJSON(parsing: bytes, in: 4..<bytes.count)).root.member("a")
        #expect(kept?.element(1)?.string == "é#]")
        #expect(kept?.look { $0.count } == 2)
    }

    private func text(_ json: JSONText) -> String { String(decoding: json.bytes, as: UTF8.self) }
}
