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
        // What becomes a letter or a hyphen by the bit that makes letters small.
        for (index, byte) in text.utf8.enumerated() {
            var bytes = Array(text.utf8)
            bytes[index] = byte == UInt8(ascii: "-") ? 0x0D : byte & ~0x60
            #expect(bytes.withUnsafeBufferPointer { HeaderName($0) } == nil)
        }
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

    @Test("is there however long it and others are", arguments: [0, 1, 191, 192, 193, 5_000])
    func lengths(count: Int) {
        var fields = HeaderFields()
        let long = String(repeating: "l", count: count)
        fields.add(.host, "h")
        for (name, value) in [(HeaderName.origin, long), (.apiKey, "k"), (.traceparent, "t")] {
            fields.add(name, value)
        }
        fields.add(.traceparent, long)
        fields.replace(.apiKey, by: long)
        #expect([.host, .origin, .apiKey, .traceparent].map { fields[$0] } == ["h", long, long, "t," + long])
    }

    @Test("can be replaced where it was sent, and nowhere else")
    func replacement() {
        var fields = HeaderFields()
        fields.replace(.host, by: "x")
        #expect(fields[.host] == nil && !fields.contains(.host))
        for (name, value) in [(HeaderName.origin, "o"), (.host, "h"), (.apiKey, "k")] { fields.add(name, value) }
        fields.replace(.host, by: "longer")
        #expect([.origin, .host, .apiKey].map { fields[$0] } == ["o", "longer", "k"])
        #expect(fields.withValue(of: .host) { Array($0) } == Array("longer".utf8))
        fields.replace(.host, by: "")
        #expect(fields[.host] == "")
    }

    @Test(
        "says how long the body is",
        arguments: [
            ("0", 0), ("12", 12), ("007", 7), ("9223372036854775807", .max), ("9223372036854775806", .max - 1),
            ("9223372036854775808", .max), ("99999999999999999999", .max), ("00000000000000000000000005", 5),
            ("", .max), ("x", .max), ("-1", .max), ("+1", .max), ("1 ", .max),
        ])
    func contentLength(text: String, number: Int) {
        var fields = HeaderFields()
        #expect(fields.contentLength == nil)
        fields.add(.contentLength, text)
        #expect(fields.contentLength == number)
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
