import JSON
import Testing

@testable import Routes

@Suite("A form")
struct FormBodyTests {
    private func json(_ form: String) throws -> String {
        let root = try FormBody.document(Array(form.utf8)).root
        return String(decoding: root.text.bytes, as: UTF8.self)
    }

    @Test(
        "becomes an object of strings",
        arguments: [
            ("", "{}"), ("a=1", "{\"a\":\"1\"}"), ("a=1&b=x+y%21", "{\"a\":\"1\",\"b\":\"x y!\"}"),
            ("a", "{\"a\":\"\"}"),
            ("a=", "{\"a\":\"\"}"), ("a=b=c", "{\"a\":\"b=c\"}"), ("&a=1&&", "{\"a\":\"1\"}"), ("=x", "{\"\":\"x\"}"),
            ("a=%22%5C%0A", "{\"a\":\"\\\"\\\\\\n\"}"), ("%C3%A9=%F0%9F%98%80", "{\"é\":\"😀\"}"),
            ("a=%00", "{\"a\":\"\\u0000\"}"),
            ("a%22b=1", "{\"a\\\"b\":\"1\"}"), ("A=1&a=2", "{\"A\":\"1\",\"a\":\"2\"}"),
            ("e%CC%81=1&%C3%A9=2", "{\"e\u{301}\":\"1\",\"é\":\"2\"}"),
        ])
    func fields(form: String, expected: String) throws {
        // Byte by byte: what Unicode calls equal is not the same key.
        #expect(try Array(json(form).utf8) == Array(expected.utf8))
    }

    @Test("is its payload, if that holds an object")
    func payload() throws {
        #expect(try json("payload=%7B%22a%22%3A+1.0%7D") == "{\"a\": 1.0}")
        #expect(try json("x=1&payload=+{}+&y=2") == "{}")
        for (form, expected) in [
            ("payload=x", "{\"payload\":\"x\"}"), ("payload=1", "{\"payload\":\"1\"}"),
            ("payload=", "{\"payload\":\"\"}"),
            ("payload=[]&a=1", "{\"payload\":\"[]\",\"a\":\"1\"}"), ("Payload={}", "{\"Payload\":\"{}\"}"),
            ("payload={\"a\":1,\"a\":2}", "{\"payload\":\"{\\\"a\\\":1,\\\"a\\\":2}\"}"),
        ] {
            #expect(try json(form) == expected)
        }
    }

    @Test(
        "with a field that comes twice is refused",
        arguments: ["a=1&a=2", "a=1&b=2&a=1", "a&%61", "payload={}&payload={}"])
    func duplicates(form: String) {
        #expect(throws: Problem(.invalidRequest, "a field of the form comes twice")) { try json(form) }
    }

    @Test(
        "that is escaped wrongly, or is no UTF-8, is refused",
        arguments: ["a=%", "a=%4", "a=%zz", "%=1", "a=%FF", "%C3=1"])
    func malformed(form: String) {
        #expect(throws: Problem(.invalidRequest, "the form is escaped wrongly, or not in UTF-8")) { try json(form) }
    }

    @Test("of very many fields is refused: each takes many times the memory of its bytes")
    func fields() throws {
        func form(_ count: Int) -> String { (0..<count).map { "f\($0)" }.joined(separator: "&") }
        #expect(throws: Never.self) { try json(form(1_000)) }
        #expect(throws: Problem(.payloadTooLarge, "a form of more than 1000 fields")) { try json(form(1_001)) }
    }

    @Test("that makes no JSON is refused")
    func nulInKey() {
        #expect(throws: Problem.self) { try json("%00=1") }
    }
}
