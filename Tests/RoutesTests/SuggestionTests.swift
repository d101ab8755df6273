import Testing

@testable import Routes

@Suite("A suggestion")
struct SuggestionTests {
    private static let names = ["http", "amqp", "wireFormat", "maxConnections"]

    @Test(
        "is the nearest name, in any letter case",
        arguments: [
            ("htp", "http"), ("htttp", "http"), ("HTTP", "http"), ("amqq", "amqp"), ("wireformat", "wireFormat"),
            ("wire-format", "wireFormat"), ("maxConections", "maxConnections"),
            ("maximumConnections", "maxConnections"),
        ])
    func near(name: String, suggested: String) {
        #expect(Suggestion.of(Self.names, for: name) == "; did you mean '\(suggested)'?")
    }

    @Test("is not made when nothing is near", arguments: ["xyzzy", "shutdown", "connectionsOfAllLoops"])
    func far(name: String) {
        #expect(Suggestion.of(Self.names, for: name) == "")
    }

    @Test(
        "is not made where everything is different, or nobody would write such a name",
        arguments: ["to", "x", "", String(repeating: "x", count: 65)])
    func nothingInCommon(name: String) {
        #expect(Suggestion.of(["op", "in", "y", String(repeating: "x", count: 64)], for: name) == "")
    }

    @Test("stands in other quotes, too")
    func quotes() {
        #expect(Suggestion.of(Self.names, for: "htp", quote: "`") == "; did you mean `http`?")
    }

    @Test("is not made where there are no names")
    func none() {
        #expect(Suggestion.of([String](), for: "a") == "")
    }
}
