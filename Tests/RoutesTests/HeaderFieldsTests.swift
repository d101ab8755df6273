import Testing

@testable import Routes

@Suite("A header")
struct HeaderFieldsTests {
    @Test("has its name in any letter case", arguments: HeaderName.allCases)
    func names(name: HeaderName) {
        let text = name.rawValue
        #expect(header(text) == name)
        #expect(header(text.uppercased()) == name)
        #expect(header(text.prefix(1).uppercased() + text.dropFirst()) == name)
        #expect(header(text + "x") == nil)
        #expect(header(String(text.dropLast())) == nil)
        #expect(header("x" + text.dropFirst()) == (name.rawValue.hasPrefix("x") ? name : nil))
    }

    @Test(
        "is none that is read if it has another name",
        arguments: ["", "accept", "hosts", "x_api_key", "content_length", String(repeating: "a", count: 1_000)])
    func otherNames(name: String) {
        #expect(header(name) == nil)
    }

    @Test("is found by its name, the first if there are several")
    func fields() {
        var fields = HeaderFields()
        #expect(fields[.host] == nil)
        fields.add(.host, "a")
        fields.add(.origin, "")
        #expect(fields[.host] == "a")
        #expect(fields[.origin] == "")
        #expect(fields.repeated == nil)
        fields.add(.host, "b")
        #expect(fields[.host] == "a")
        #expect(fields.repeated == .host)
    }

    @Test("is one list with others of its name, if it is a list", arguments: HeaderName.allCases)
    func lists(name: HeaderName) {
        var fields = HeaderFields()
        fields.add(name, "a")
        fields.add(.host, "h")
        fields.add(name, "b, c")
        let isList = [.forwardedFor, .traceparent, .tracestate].contains(name)
        #expect(fields[name] == (isList ? "a,b, c" : "a"))
        #expect((fields.repeated == nil) == isList)
    }

    @Test("can have any other name, and come more than once under it")
    func others() {
        var fields = HeaderFields()
        fields.add(.host, "h")
        fields.add(other: "x-a", "1")
        fields.add(other: "x-b", "")
        fields.add(other: "x-a", "2")
        #expect(fields.values(named: "x-a") == ["1", "2"])
        #expect(fields.values(named: "x-b") == [""])
        #expect(fields.values(named: "host") == ["h"])
        #expect(fields.values(named: "origin") == [])
        #expect(fields.values(named: "x-c") == [])
        #expect(fields.single("x-a") == nil)
        #expect(fields.single("x-b") == "")
        #expect(fields.single("host") == "h")
        #expect(fields.single("x-c") == nil)
        #expect(fields.repeated == nil)
    }

    @Test(
        "of any name is read of webhooks only",
        arguments: [
            ("/v1/hooks/a", true), ("/v1/hooks/", true), ("/v1/cloudevents", true), ("/v1/cloudevents/x", true),
            ("/v1/emit", false), ("/v1/hooks", false), ("/v1/hook", false), ("/v1/cloudevent", false), ("", false),
            ("/", false), ("/v1/batch", false), ("/V1/hooks/a", false), ("x/v1/hooks/a", false),
        ])
    func webhookPaths(path: String, isOne: Bool) {
        #expect(path.withCString { WebhookPaths.contain($0) } == isOne)
    }

    private func header(_ name: some StringProtocol) -> HeaderName? {
        Array(name.utf8).withUnsafeBufferPointer { HeaderName($0) }
    }
}
