import JSON
import Testing

@testable import AMQPBridge

@Suite("Placeholders")
struct PlaceholdersTests {
    private static let placeholder = "{\"_placeholder\":true,\"num\":0}"

    @Test(
        "are replaced by the bytes they stand for, wherever they are",
        arguments: [
            (placeholder, "{\"$binary\":\"AQI=\"}"),
            ("[ 1 , \(placeholder) ]", "[ 1 , {\"$binary\":\"AQI=\"} ]"),
            ("{\"a\":{\"b\":[\(placeholder)]},\"c\":0.10}", "{\"a\":{\"b\":[{\"$binary\":\"AQI=\"}]},\"c\":0.10}"),
            ("{\"num\":1,\"_placeholder\":true}", "{\"$binary\":\"Aw==\"}"),
            ("[\(placeholder),\(placeholder)]", "[{\"$binary\":\"AQI=\"},{\"$binary\":\"AQI=\"}]"),
        ])
    func replaced(text: String, expected: String) throws {
        #expect(try replace(text, ["AQI=", "Aw=="]) == expected)
    }

    @Test(
        "are data if they stand for nothing",
        arguments: [
            "{\"_placeholder\":true,\"num\":2}", "{\"_placeholder\":true,\"num\":-1}", "{\"_placeholder\":true}",
            "{\"_placeholder\":false,\"num\":0}", "{\"_placeholder\":1,\"num\":0}", "{\"num\":0}",
            "{\"_placeholder\":true,\"num\":\"0\"}", "[]", "{}", "null", "\"\\u0000\\\"\"",
        ])
    func data(text: String) throws {
        #expect(try replace(text, ["AQI=", "Aw=="]) == text)
    }

    @Test("leave a value without bytes as it was written")
    func verbatim() throws {
        let text = "{ \"a\" : [ 1.0 , \(Self.placeholder) ] }"
        #expect(try replace(text, []) == text)
    }

    @Test("do not hide what is beside them: keys and strings are escaped again")
    func escapes() throws {
        let text = "{\"a\\\"b\\u0001\":[\"\\n\",\(Self.placeholder)],\"e\u{301}\":1,\"\u{E9}\":2}"
        #expect(Self.hasNoRawControl(try replace(text, ["\"},{\""])))
        let replaced = try replace(text, ["\"},{\""])
        let expected = "{\"a\\\"b\\u0001\":[\"\\n\",{\"$binary\":\"\\\"},{\\\"\"}],\"e\u{301}\":1,\"\u{E9}\":2}"
        #expect(Array(replaced.utf8) == Array(expected.utf8))
    }

    private static func hasNoRawControl(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 } }

    private func replace(_ text: String, _ attachments: [String]) throws -> String {
        try #require(try value(text).replacingPlaceholders(by: try list(attachments))).string
    }

    private func list(_ attachments: [String]) throws -> CheckedJSON {
        try CheckedJSON(checking: JSONWriter.bytes { attachments.write(to: &$0) })
    }

    private func value(_ text: String) throws -> CheckedJSON { try CheckedJSON(checking: Array(text.utf8)) }

    @Test("that name the same bytes again and again are not replaced: that would be more than anybody has sent")
    func bound() throws {
        let attachments = try list([String(repeating: "A", count: 1_000)])
        for (count, isReplaced) in [(1, true), (2, true), (3, false), (10_000, false)] {
            let text = "[" + Array(repeating: Self.placeholder, count: count).joined(separator: ",") + "]"
            #expect((try value(text).replacingPlaceholders(by: attachments) != nil) == (isReplaced))
        }
        #expect(try value("[1]").replacingPlaceholders(by: value("[1]"))?.string == "[1]")
        #expect(try value("[1]").replacingPlaceholders(by: value("{}"))?.string == "[1]")
        #expect(try value("[1]").replacingPlaceholders(by: nil)?.string == "[1]")
    }

    @Test("are looked for in one pass, at any depth")
    func deep() throws {
        let text = String(repeating: "{\"a\":[", count: 30) + Self.placeholder + String(repeating: "]}", count: 30)
        #expect(try replace(text, ["AQI="]).contains("[{\"$binary\":\"AQI=\"}]"))
    }
}
