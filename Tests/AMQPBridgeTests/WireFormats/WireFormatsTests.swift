import Testing

@testable import AMQPBridge

@Suite("The wire formats")
struct WireFormatsTests {
    @Test("are found by their names")
    func names() {
        #expect(WireFormats.all.keys.sorted() == ["amqp0", "cluster", "python-socketio"])
        for (name, make) in WireFormats.all {
            #expect(type(of: make(WireFormatOptions())).name == name)
        }
    }

    @Test("take their options")
    func options() throws {
        var options = WireFormatOptions()
        options.amqp0Exchange = "a{namespace}"
        options.amqp0Namespaces = ["/n"]
        options.pythonSocketIOExchange = "p"
        options.pythonSocketIOExpiration = 7
        let emit = Emit(namespace: "/n", event: "e", rooms: ["r", "s"])
        let amqp0 = try #require(try WireFormats.all["amqp0"]?(options).publications(for: emit))
        #expect(amqp0.map(\.exchange) == ["a/n", "a/n"])
        let python = try #require(try WireFormats.all["python-socketio"]?(options).publications(for: emit))
        #expect(python.map(\.exchange) == ["p"])
        #expect(python.map(\.expiration) == [7])
        options.clusterExchange = "c"
        #expect(try WireFormats.all["cluster"]?(options).publications(for: emit).map(\.exchange) == ["c"])
    }

    @Test("name the exchanges of their servers as these declare them")
    func exchanges() throws {
        var options = WireFormatOptions()
        func exchanges(_ name: String) throws -> [ServerExchange] {
            try #require(WireFormats.all[name]?(options).exchanges)
        }
        #expect(try exchanges("amqp0") == [ServerExchange(name: "socket.io", kind: .direct)])
        #expect(try exchanges("python-socketio") == [ServerExchange(name: "socketio", kind: .fanout)])
        #expect(try exchanges("cluster") == [ServerExchange(name: "socket.io.cluster", kind: .direct)])
        options.amqp0Exchange = "a{namespace}"
        options.amqp0Namespaces = ["/", "/chat"]
        #expect(try exchanges("amqp0").map(\.name) == ["a/", "a/chat"])
        options.amqp0Exchange = "a"
        #expect(try exchanges("amqp0").map(\.name) == ["a"])
    }

    @Test(
        "replace every placeholder",
        arguments: [("", ""), ("x", "x"), ("{n}", "1"), ("a{n}b{n}", "a1b1"), ("{n}{n}", "11"), ("{n", "{n")])
    func replacesPlaceholders(text: String, replaced: String) {
        #expect(text.replacingPlaceholder("{n}", with: "1") == replaced)
    }
}
