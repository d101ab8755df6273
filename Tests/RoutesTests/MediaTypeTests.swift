import Testing

@testable import Routes

@Suite("A media type")
struct MediaTypeTests {
    @Test(
        "is JSON in UTF-8, however it is written",
        arguments: [
            "application/json", "APPLICATION/JSON", " application/json ", "application/json;",
            "application/json; charset=utf-8",
            "application/json;CHARSET=Utf-8", "application/json\t;\tcharset=\"UTF-8\"",
            "application/json; version=1; charset=utf-8", "application/json; charset=utf8",
            "application/json; charset=\"UTF8\"", "text/json", "Text/JSON;charset=utf-8", "application/vnd.api+json",
            "application/problem+JSON; charset=utf-8",
        ])
    func json(type: String) {
        #expect(MediaType(type) == .json)
    }

    @Test(
        "is NDJSON in UTF-8",
        arguments: [
            "application/x-ndjson", "Application/X-NDJSON", "application/x-ndjson ; charset=\"UTF-8\"",
            "application/ndjson",
            "application/jsonl", "Application/JSONL; charset=utf8",
        ])
    func ndjson(type: String) {
        #expect(MediaType(type) == .ndjson)
    }

    @Test(
        "is something else",
        arguments: [
            "", ";", "json", "application", "application/json5", "xapplication/json", "text/jsonl", "text/plain",
            "application/json/x",
            "application/json charset=utf-8", "application/json; charset=", "application/json; charset=utf-16",
            "+jsonx",
            "application/json; charset=utf-8; charset=latin1", "application/json; charset=utf-8x",
            "application/x-jsonl",
            "application/x-ndjson; charset=utf-16", "application/x-ndjsonx",
        ])
    func other(type: String) {
        #expect(MediaType(type) == nil)
    }
}
