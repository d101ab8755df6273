import JSON
import Testing

@Suite("A JSON Pointer")
struct JSONPointerTests {
    /// RFC 6901, section 5.
    static let document = """
        {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\\\j": 5, "k\\"l": 6, " ": 7, "m~n": 8}
        """

    @Test(
        "leads to what its specification says",
        arguments: [
            ("", document), ("/foo", "[\"bar\", \"baz\"]"), ("/foo/0", "\"bar\""), ("/", "0"), ("/a~1b", "1"),
            ("/c%d", "2"), ("/e^f", "3"), ("/g|h", "4"), ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"),
        ])
    func specified(pointer: String, text: String) throws {
        #expect(try JSONPointer(pointer).find(in: parse(Self.document).root)?.text.string == text)
    }

    @Test(
        "leads nowhere if there is nothing",
        arguments: [
            "/bar", "/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/01", "/foo/+1", "/foo/1 ", "/foo/", "/foo/0/0",
            "/a/b",
            "//", "/Foo", "/foo/99999999999999999999", "/foo/٠",
        ])
    func nothing(pointer: String) throws {
        #expect(try JSONPointer(pointer).find(in: parse(Self.document).root) == nil)
    }

    @Test("is undone by '~1' before '~0'")
    func escapes() throws {
        let root = try parse("{\"~1\": 1, \"/\": 2, \"~~\": 3}").root
        #expect(try JSONPointer("/~01").find(in: root)?.integer == 1)
        #expect(try JSONPointer("/~1").find(in: root)?.integer == 2)
        #expect(try JSONPointer("/~0~0").find(in: root)?.integer == 3)
    }

    @Test("compares keys by their bytes, whatever they were escaped with")
    func keys() throws {
        let root = try parse("{\"e\\u0301\": 1, \"\\u00e9\": 2, \"\\u0061\": 3}").root
        #expect(try JSONPointer("/e\u{301}").find(in: root)?.integer == 1)
        #expect(try JSONPointer("/\u{E9}").find(in: root)?.integer == 2)
        #expect(try JSONPointer("/a").find(in: root)?.integer == 3)
    }

    @Test("leads through lists and objects", arguments: ["/a/1/b", "/a/1/b/0"])
    func nested(pointer: String) throws {
        let root = try parse("{\"a\": [{}, {\"b\": [true]}, {\"b\": false}]}").root
        #expect(try JSONPointer(pointer).find(in: root)?.text.string == (pointer == "/a/1/b" ? "[true]" : "true"))
    }

    @Test("begins with a slash, and escapes nothing else", arguments: ["foo", "#/foo", " /foo", "/a~", "/a~2", "/~/b"])
    func malformed(text: String) {
        #expect(throws: JSONPointer.ParseError.self) { try JSONPointer(text) }
    }
}
