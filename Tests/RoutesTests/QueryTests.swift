import Testing

@testable import Routes

@Suite("A query")
struct QueryTests {
    @Test(
        "is names and values, in order, as they were before they were escaped",
        arguments: [
            ("", []), ("&&", []), ("a=1", [["a", "1"]]), ("a=1&b=2&a=3", [["a", "1"], ["b", "2"], ["a", "3"]]),
            ("a", [["a", ""]]), ("a=", [["a", ""]]), ("=1", [["", "1"]]), ("=", [["", ""]]), ("a=b=c", [["a", "b=c"]]),
            ("a+b=c+d", [["a b", "c d"]]), ("a=%2B%20%26%3d", [["a", "+ &="]]), ("%61=%C3%a9", [["a", "é"]]),
            ("a=%00", [["a", "\0"]]), ("a=é", [["a", "é"]]), ("a=?/#", [["a", "?/#"]]),
            ("a=%F0%9F%98%80", [["a", "😀"]]),
            ("&a=1&", [["a", "1"]]), ("a=%25", [["a", "%"]]),
        ])
    func parameters(text: String, expected: [[String]]) throws {
        #expect(try Query(text).parameters.map { [$0.name, $0.value] } == expected)
    }

    @Test(
        "is refused for escapes that are none, and for what is not UTF-8",
        arguments: [
            "a=%", "a=%2", "a=%2g", "a=%g2", "%=1", "a=%-1", "a=%+1", "a=%FF", "a=%C3", "a=%C3%28", "a=%ED%A0%80",
            "a=%C0%80", "%80=1",
        ])
    func malformed(text: String) {
        let problem = #expect(throws: Problem.self) { try Query(text) }
        #expect(problem?.code == .malformedHTTP)
    }

    @Test("is not what a path is: there a plus is a plus")
    func paths() throws {
        #expect(try Query.decoded("a+b%2Bc%2F".utf8, plusIsSpace: false) == "a+b+c/")
    }
}
