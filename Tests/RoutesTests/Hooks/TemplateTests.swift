import JSON
import Testing

@testable import Routes

@Suite("A template")
struct TemplateTests {
    private static let body = """
        {"name": "Ada", "id": 42, "big": 12345678901234567890123, "negative": -7, "half": 0.5, "exp": 1e3, "yes": true,
         "none": null, "empty": "", "list": ["a", {"b": "c"}], "deep": {"a/b": {"c": "x"}}, "q\\"": "quote", "nul": "a\\u0000b"}
        """

    private func source(_ body: String = body, _ headers: [(String, String)] = []) throws -> TemplateSource {
        TemplateSource(body: try JSONDocument(parsing: Array(body.utf8)).root, fields: HeaderFields(headers))
    }

    @Test(
        "becomes a name",
        arguments: [
            ("constant", "constant"), ("user:{/name}", "user:Ada"), ("{/name}{/id}", "Ada42"), ("{/id}", "42"),
            ("{/big}", "12345678901234567890123"), ("{/negative}", "-7"), ("{/list/0}", "a"), ("{/list/1/b}", "c"),
            ("{/deep/a~1b/c}", "x"), ("a{{b}}c", "a{b}c"), ("{{{/id}}}", "{42}"), ("{{}}", "{}"), ("{{/id}}", "{/id}"),
            ("{header:X-Kind}", "push"), ("{header:x-kind}:{/id}", "push:42"),
            ("{header:Content-Type}", "application/json"),
            ("é{/name}😀", "éAda😀"), ("{/empty}{/name}", "Ada"), ("{/q\"}", "quote"), ("{/nul}", "a\0b"),
            ("{header:X-Empty}x{/id}", "x42"),
        ])
    func names(template: String, name: String) throws {
        let source = try source(
            Self.body, [("X-Kind", "push"), ("Content-Type", "application/json"), ("X-Empty", "")])
        #expect(try Template(template).name(from: source) == name)
    }

    @Test(
        "becomes no name without what it needs",
        arguments: [
            ("{/nothing}", "{/nothing} finds nothing"), ("{/}", "{/} finds nothing"),
            ("{/list/2}", "{/list/2} finds nothing"), ("{header:X-None}", "{header:X-None} finds nothing"),
            ("{header:X-Two}", "{header:X-Two} comes more than once"),
            ("{/none}", "{/none} is no string and no integer"), ("{/yes}", "{/yes} is no string and no integer"),
            ("{/half}", "{/half} is no string and no integer"), ("{/exp}", "{/exp} is no string and no integer"),
            ("{/list}", "{/list} is no string and no integer"), ("{/deep}", "{/deep} is no string and no integer"),
            ("{body}", "{body} is no string and no integer"),
            ("a{/name}b{/none}", "{/none} is no string and no integer"),
            ("{/empty}", "would come out empty: {/empty}"), ("user:{/empty}", "would come out empty: {/empty}"),
            ("{/empty}:{header:X-Empty}", "would come out empty: {/empty}, {header:X-Empty}"), ("", "is empty"),
        ])
    func noNames(template: String, detail: String) throws {
        let source = try source(Self.body, [("X-Two", "a"), ("X-Two", "a"), ("X-Empty", "")])
        #expect(throws: UnfilledTemplate(detail: detail)) { try Template(template).name(from: source) }
    }

    @Test(
        "becomes a JSON value as it was sent, if it is one pointer, and a string otherwise",
        arguments: [
            ("{/id}", "42"), ("{/big}", "12345678901234567890123"), ("{/half}", "0.5"), ("{/exp}", "1e3"),
            ("{/none}", "null"), ("{/list}", "[\"a\", {\"b\": \"c\"}]"), ("{/empty}", "\"\""),
            ("{/nul}", "\"a\\u0000b\""),
            ("{/name}", "\"Ada\""), ("", "\"\""), ("x", "\"x\""), ("42", "\"42\""), ("{/id} ", "\"42 \""),
            ("{/id}{/half}", "\"420.5\""), ("{/yes}!", "\"true!\""), ("{header:X-Kind}", "\"push\""),
            ("\"{/q\"}\"", "\"\\\"quote\\\"\""), ("{body}", body.trimmed),
        ])
    func arguments(template: String, json: String) throws {
        let source = try source(Self.body, [("X-Kind", "push")])
        let template = try Template(template)
        let bytes = try JSONWriter.bytes { (json) throws(UnfilledTemplate) in
            try template.write(to: &json, from: source)
        }
        #expect(String(decoding: bytes, as: UTF8.self) == json)
    }

    @Test(
        "is no argument without what it needs",
        arguments: ["{/nothing}", "x{/nothing}", "x{/none}", "x{/list}", "{header:X}"])
    func noArguments(template: String) throws {
        let source = try source()
        #expect(throws: UnfilledTemplate.self) {
            let template = try Template(template)
            _ = try JSONWriter.bytes { (json) throws(UnfilledTemplate) in try template.write(to: &json, from: source) }
        }
    }

    @Test("points into whatever the body is")
    func wholeBody() throws {
        #expect(try Template("user:{body}").name(from: source("\"Ada\"")) == "user:Ada")
        #expect(try Template("{body}").name(from: source("7")) == "7")
        #expect(try Template("{/0}").name(from: source("[\"a\"]")) == "a")
        // The member whose name is empty (RFC 6901, section 5).
        #expect(try Template("{/}").name(from: source("{\"\": \"x\"}")) == "x")
    }

    @Test(
        "that is malformed is refused, with the place",
        arguments: [
            ("{", "'{' without '}'; a brace itself is '{{', at byte 1"),
            ("ab{/x", "'{' without '}'; a brace itself is '{{', at byte 3"),
            ("é}", "'}' without '{'; a brace itself is '}}', at byte 3"),
            ("{/x}}", "'}' without '{'; a brace itself is '}}', at byte 5"),
            ("{{{/x}", nil), ("{/a{b}", "a '{' inside of braces, at byte 1"),
            ("{}", "braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}, at byte 1"),
            ("x{name}", "braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}, at byte 2"),
            ("{ /x}", "braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}, at byte 1"),
            ("{Body}", "braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}, at byte 1"),
            ("{/a~}", "in a JSON Pointer '~' is followed by 0 or 1, at byte 1"),
            ("{header:}", "{header:Name} needs the name of a header, at byte 1"),
            ("{header:a b}", "{header:Name} needs the name of a header, at byte 1"),
            ("{header:Authorization}", "credentials are not passed on, at byte 1"),
            ("{header:COOKIE}", "credentials are not passed on, at byte 1"),
            ("{header:x-api-key}", "credentials are not passed on, at byte 1"),
        ] as [(String, String?)])
    func malformed(template: String, detail: String?) throws {
        #expect(fault { _ = try Template(template) } == detail)
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
