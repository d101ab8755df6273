import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("Binary arguments")
struct BinaryArgumentsTests {
    private func take(_ json: String) throws -> BinaryArguments {
        BinaryArguments(elementsOf: try JSONDocument(parsing: Array(json.utf8)).root, at: "/args")
    }

    @Test(
        "become placeholders, numbered in the order of the text",
        arguments: [
            ("[]", "", []),
            ("[1, 0.1 ,\"a\"]", "1,0.1,\"a\"", []),
            ("[{\"$binary\":\"AQI=\"}]", "{\"_placeholder\":true,\"num\":0}", ["AQI="]),
            ("[{ \"$binary\" : \"\" }]", "{\"_placeholder\":true,\"num\":0}", [""]),
            (
                "[{\"f\":{\"$binary\":\"AQI=\"},\"n\":1e21},[[{\"$binary\":\"Aw==\"}],{}]]",
                "{\"f\":{\"_placeholder\":true,\"num\":0},\"n\":1e21},[[{\"_placeholder\":true,\"num\":1}],{}]",
                ["AQI=", "Aw=="]
            ),
            ("[{\"\\u0024binary\":\"AAAA\"}]", "{\"_placeholder\":true,\"num\":0}", ["AAAA"]),
            ("[\"$binary\"]", "\"$binary\"", []),
        ])
    func placeholders(json: String, text: String, attachments: [String]) throws {
        let taken = try take(json)
        #expect(String(decoding: taken.text.bytes, as: UTF8.self) == text)
        #expect(taken.attachments == attachments)
        #expect(taken.faults.isEmpty)
    }

    @Test(
        "are refused where they are not what they should be",
        arguments: [
            ("[{\"$binary\":1}]", "/args/0/$binary"),
            ("[{\"$binary\":\"A\"}]", "/args/0/$binary"),
            ("[{\"$binary\":\"AA=A\"}]", "/args/0/$binary"),
            ("[{\"$binary\":\"A===\"}]", "/args/0/$binary"),
            ("[{\"$binary\":\"AQI\"}]", "/args/0/$binary"),
            ("[{\"$binary\":\"AQ_-\"}]", "/args/0/$binary"),
            ("[{\"$binary\":\"AQI=\",\"x\":1}]", "/args/0"),
            ("[0,{\"a/b\":[{\"_placeholder\":true,\"num\":0}]}]", "/args/1/a~1b/0/_placeholder"),
        ])
    func faults(json: String, pointer: String) throws {
        #expect(try take(json).faults.map(\.pointer) == [pointer])
    }
}
