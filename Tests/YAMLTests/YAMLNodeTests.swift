import Testing
import YAML

@Suite("A YAML document")
struct YAMLNodeTests {
    private func parse(_ text: String) throws -> YAMLNode? { try YAMLNode.parse(Array(text.utf8)) }

    @Test("is read with the line of every value")
    func reads() throws {
        let root = try #require(try parse("a: 1\nb:\n  - x\n  - {c: \"y\"}\n"))
        #expect(show(root) == "{a: '1'@1, b: ['x'@3, {c: 'y'@4}@4]@3}@1")
    }

    @Test("has the line of every key, wherever its value is")
    func keyLines() throws {
        guard case .mapping(let members)? = try parse("a:\n  b: 1\nc:\n\n  - x\n")?.content else {
            Issue.record("no mapping")
            return
        }
        #expect(members.map(\.line) == [1, 3])
        #expect(members.map(\.value.line) == [2, 5])
    }

    @Test("keeps scalars as they were written", arguments: ["0x10", "yes", "1e3", "2027-01-01", "0.1", "héllo"])
    func scalars(text: String) throws {
        #expect(show(try #require(try parse(text))) == "'\(text)'@1")
        #expect(show(try #require(try parse("'\(text)'"))) == "'\(text)'@1")
    }

    @Test("has nothing where nothing is written, unless it is quoted")
    func null() throws {
        #expect(
            show(try #require(try parse("{a: , b: ~, c: null, d: '', e: \"null\"}")))
                == "{a: null@1, b: null@1, c: null@1, d: ''@1, e: 'null'@1}@1")
    }

    @Test("may be none at all", arguments: ["", "\n", "# only a comment\n"])
    func empty(text: String) throws {
        #expect(try parse(text) == nil)
    }

    @Test(
        "is refused with a line when it is not one",
        arguments: [
            ("a: 1\nb: [1,\n", 3), ("a: 1\na: 2\n", 2), ("\"x\": 1\nx: 2\n", 2), ("a: 1\n---\nb: 2\n", 1),
            ("? [a]\n: 1\n", 1), ("a:\n\tb: 1\n", 2), ("a: *nobody\n", 1),
        ])
    func errors(text: String, line: Int) {
        let error = #expect(throws: YAMLError.self) { try YAMLNode.parse(Array(text.utf8)) }
        #expect(error?.line == line, "\(error as Any)")
        #expect(error?.detail.isEmpty == false)
    }

    @Test("is refused when it is not UTF-8")
    func notUTF8() {
        #expect(throws: YAMLError.self) { try YAMLNode.parse([0x61, 0x3A, 0x20, 0xFF, 0xFE]) }
    }

    @Test("repeats what an alias names")
    func aliases() throws {
        #expect(show(try #require(try parse("a: &x [1]\nb: *x\n"))) == "{a: ['1'@1]@1, b: ['1'@1]@1}@1")
    }

    @Test("is refused when aliases make it endless, or far too much")
    func bombs() {
        let levels = (1...12).map { level in
            let aliases = Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ", ")
            return "l\(level): &l\(level) [\(aliases)]"
        }
        for text in ["a: &a [*a]\n", (["l0: &l0 [x]"] + levels).joined(separator: "\n")] {
            #expect(throws: YAMLError.self) { try YAMLNode.parse(Array(text.utf8)) }
        }
    }

    @Test(
        "is refused in no time when it is nested too deep", .timeLimit(.minutes(1)), arguments: ["[", "{", "? ", "- "])
    func deep(text: String) {
        let error = #expect(throws: YAMLError.self) {
            try YAMLNode.parse(Array(String(repeating: text, count: 500_000).utf8))
        }
        #expect(error?.line == 1)
        #expect(error?.detail == "more than 32 levels")
    }

    @Test(
        "is refused with the cure where a text needs quotes, or a tab stands",
        arguments: [
            ("a: [*]", "begins with * or & needs quotes"), ("a:\n\t- b", "YAML takes no tabs"),
            ("a: @b", "needs quotes"),
        ])
    func slips(text: String, cure: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLNode.parse(Array(text.utf8)) }
        #expect(error?.detail.contains(cure) == true, "\(error?.detail ?? "")")
    }

    private func show(_ node: YAMLNode) -> String {
        let content =
            switch node.content {
            case .null: "null"
            case .scalar(let text): "'\(text)'"
            case .sequence(let elements): "[\(elements.map(show).joined(separator: ", "))]"
            case .mapping(let members):
                "{\(members.map { "\($0.key): \(show($0.value))" }.joined(separator: ", "))}"
            }
        return "\(content)@\(node.line)"
    }
}
