import Testing

@testable import JSON

@Suite("The reader of a list")
struct JSONListReaderTests {
    @Test(
        "finds the elements one by one",
        arguments: [
            ("{\"items\":[]}", []), (" {\n\"items\" : [ ] }\r\n\t", []), ("{\"items\":[1]}", ["1"]),
            (
                "{\"items\":[ {\"a\":[1,2]} ,\"]\" , [[]],null,-0.10,true ]}",
                [
                    "{\"a\":[1,2]}", "\"]\"", "[[]]", "null", "-0.10", "true",
                ]
            ),
            ("{\"\\u0069tems\":[1,2]}", ["1", "2"]), ("{\"items\":[\"\\\"\",\"\\\\\"]}", ["\"\\\"\"", "\"\\\\\""]),
        ] as [(String, [String])])
    func finds(text: String, elements: [String]) throws {
        #expect(try read(text) == elements)
    }

    @Test(
        "refuses what is no object",
        arguments: ["[]", "[{\"items\":[]}]", "\"items\"", " 1", "-1", "true", "false", "null"])
    func notAnObject(text: String) {
        #expect(failure(text) == .notAnObject)
    }

    @Test("refuses what is no list", arguments: ["{}", "1", "\"a\"", "null", "-1", "true", "false"])
    func notAList(value: String) {
        #expect(failure("{\"items\":\(value)}") == .notAList)
    }

    @Test("misses its list", arguments: ["{}", " { } "])
    func missing(text: String) {
        #expect(failure(text) == .missing)
    }

    @Test(
        "knows no other member", arguments: [("{\"item\":[]}", "item"), ("{\"items\":[],\"op\\u0000\":1}", "op\0")])
    func unknownMembers(text: String, name: String) {
        #expect(failure(text) == .unknownMember(name))
    }

    @Test("knows its list only once", arguments: ["{\"items\":[],\"items\":[]}", "{\"items\":[1],\"\\u0069tems\":2}"])
    func twice(text: String) {
        guard case .json(let error) = failure(text) else {
            Issue.record("\(text)")
            return
        }
        #expect(error.kind == .duplicateKey)
    }

    @Test(
        "refuses what is not JSON around the elements, and says where",
        arguments: [
            ("x", 0), ("}", 0), (",", 0), ("{", 1), ("{items", 1), ("{\"items\"", 8),
            ("{\"items\" [", 9), ("{\"items\":", 9), ("{\"items\":}", 9), ("{\"items\":[", 10),
            ("{\"items\":[,1]}", 10), ("{\"items\":[1", 11), ("{\"items\":[1,]}", 12), ("{\"items\":[1 2]}", 12),
            ("{\"items\":[1,,2]}", 12), ("{\"items\":[1}", 11), ("{\"items\":[1]", 12), ("{\"items\":[1],", 13),
            ("{\"items\":[1],}", 13), ("{\"items\":[1]]", 12), ("{\"items\":[1]}}", 13), ("{\"items\":[]}x", 12),
            ("{} {}", 3), ("{\"items\":[1:2]}", nil),
        ] as [(String, Int?)])
    func refuses(text: String, position: Int?) {
        // A colon is part of what only looks like an element: that one's parser refuses it.
        guard let position else {
            #expect(itemsOrNil(Array(text.utf8)) == nil)
            return
        }
        guard case .json(let error) = failure(text) else {
            Issue.record("\(text)")
            return
        }
        #expect(error.kind == .invalid)
        #expect(error.detail.hasSuffix("at byte \(position)"), "\(text): \(error.detail)")
    }

    @Test("refuses a name that is no JSON", arguments: ["{\"\\x\":[]}", "{\"a", "{\"items\":[],\"\u{1}\":1}"])
    func badNames(text: String) {
        guard case .json = failure(text) else {
            Issue.record("\(text)")
            return
        }
    }

    @Test(
        "or the parser of an element refuses a raw NUL, wherever it is",
        arguments: [" {\"items\":[1,{\"a\":8},null]} "])
    func rawNUL(text: String) {
        let bytes = Array(text.utf8)
        for index in 0...bytes.count {
            var bytes = bytes
            bytes.insert(0, at: index)
            #expect(itemsOrNil(bytes) == nil, "at \(index)")
        }
    }

    @Test("keeps to the end once it has come there")
    func staysAtTheEnd() throws {
        var reader = try JSONListReader(Array("{\"items\":[1]}".utf8), member: "items")
        #expect(try reader.next() == 10..<11)
        #expect(try reader.next() == nil)
    }

    // MARK: Held against a parser of the whole text

    @Test("reads the same elements as a parser of the whole text, or both refuse", arguments: 0..<8)
    func agrees(seed: Int) {
        var random = RandomDocument(seed: UInt64(seed) + 7_000)
        var (read, refused) = (0, 0)
        for round in 0..<400 {
            var bytes = Array(random.list(member: "items").utf8)
            if !round.isMultiple(of: 4) { random.damage(&bytes) }
            let items = itemsOrNil(bytes)
            #expect(items == itemsOfTree(bytes), "\(String(decoding: bytes, as: UTF8.self))")
            if items == nil { refused += 1 } else { read += 1 }
        }
        // Both happen, or nothing was compared.
        #expect(read > 50 && refused > 50)
    }

    /// With every element parsed by itself, as who reads a list has to.
    private func itemsOrNil(_ bytes: [UInt8]) -> [[UInt8]]? {
        do {
            var reader = try JSONListReader(bytes, member: "items")
            var items: [[UInt8]] = []
            while let span = try reader.next() {
                #expect(bytes.indices.contains(span.lowerBound) && span.upperBound <= bytes.count)
                let root = try JSONDocument(parsing: bytes, in: span).root
                #expect(root.span == span)
                items.append(Array(root.text.bytes))
            }
            return items
        } catch {
            return nil
        }
    }

    private func itemsOfTree(_ bytes: [UInt8]) -> [[UInt8]]? {
        // The two levels around them are not the elements' own.
        guard let root = try? JSONDocument(parsing: bytes, maximumDepth: 66).root, root.kind == .object,
            root.count == 1,
            let list = root.members.first, list.key == "items", list.value.kind == .array
        else { return nil }
        return list.value.elements().map { Array($0.text.bytes) }
    }

    private func read(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        var reader = try JSONListReader(bytes, member: "items")
        var elements: [String] = []
        while let span = try reader.next() { elements.append(String(decoding: bytes[span], as: UTF8.self)) }
        return elements
    }

    private func failure(_ text: String) -> JSONListReader.Failure? {
        do throws(JSONListReader.Failure) {
            var reader = try JSONListReader(Array(text.utf8), member: "items")
            while try reader.next() != nil {}
            return nil
        } catch {
            return error
        }
    }
}
