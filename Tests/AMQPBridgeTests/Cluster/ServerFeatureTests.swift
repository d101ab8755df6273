import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("What a server says of itself")
struct ServerFeatureTests {
    private func traits(_ members: String) throws -> ServerTraits { ServerTraits(try heartbeat("a", members).members) }

    @Test("are its features, its adapter, and a key to ask the broker by")
    func told() throws {
        let traits = try traits("\"features\":[\"acks\",\"x\"],\"adapter\":\"RedisAdapter\",\"probe\":\"#server#a\"")
        #expect(traits == ServerTraits(features: ["acks", "x"], probe: "#server#a", adapter: "RedisAdapter"))
        #expect(traits.has(.acks) && !traits.has(.numbers))
    }

    @Test("may be nothing: an early companion can do acknowledgements, and nothing else")
    func early() throws {
        for members in ["\"pid\":1", "\"features\":null,\"adapter\":1,\"probe\":{}", "\"features\":\"acks\""] {
            let traits = try traits(members)
            #expect(traits == ServerTraits())
            #expect(traits.has(.acks) && !traits.has(.numbers))
        }
        let none = try traits("\"features\":[]")
        #expect(none.features == [])
        #expect(!none.has(.acks))
    }

    @Test("is bounded, in number and in bytes")
    func bounds() throws {
        let many = (0..<1_000).map { "\"f\($0)\"" }.joined(separator: ",")
        #expect(try traits("\"features\":[\(many)]").features?.count == ServerTraits.mostFeatures)
        let odd = "\"features\":[1,\"\(String(repeating: "f", count: 65))\",\"numbers\",\"numbers\"]"
        #expect(try traits(odd).features == ["numbers"])
        #expect(try traits("\"adapter\":\"\(String(repeating: "a", count: 129))\"").adapter == nil)
    }

    @Test(
        "names no key that could be another's, or none at all",
        arguments: ["/", "/#static", "#discover", "#presence", "", "#server", "#serve"])
    func foreignKeys(key: String) throws {
        #expect(try traits("\"probe\":\"\(key)\"").probe == nil)
    }

    @Test("names no key that is too long for one", arguments: [(255, true), (256, false)])
    func longKeys(length: Int, isTaken: Bool) throws {
        let key = "#server#" + String(repeating: "a", count: length - 8)
        #expect(try traits("\"probe\":\"\(key)\"").probe == (isTaken ? key : nil))
    }
}

@Suite("Namespaces of amqp0 servers that are not configured")
struct UnconfiguredNamespacesTests {
    private func server(_ adapter: String?, _ namespaces: String...) -> Presence.Server {
        Presence.Server(
            uid: "a", namespaces: namespaces, interval: .seconds(5), subscriptionMode: "static",
            traits: ServerTraits(adapter: adapter), lastSeen: .seconds(1))
    }

    @Test("are told once")
    func once() {
        var namespaces = UnconfiguredNamespaces(configured: ["/", "/\u{E9}"])
        let known = server("AmqpAdapterWrapper", "/", "/\u{E9}")
        #expect(namespaces.news(of: [known]) == nil)
        let servers = [known, server("AmqpAdapter", "/", "/e\u{301}", "/b"), server("AmqpAdapterWrapper", "/b", "/a")]
        #expect(
            namespaces.news(of: servers).map { $0.map { Array($0.utf8) } }
                == ["/a", "/b", "/e\u{301}"].map { Array($0.utf8) })
        #expect(namespaces.news(of: servers) == nil)
        #expect(namespaces.news(of: [server("AmqpAdapter", "/c")]) == nil)
    }

    @Test("are not those of others", arguments: [nil, "RedisAdapter", "Adapter", ""])
    func others(adapter: String?) {
        var namespaces = UnconfiguredNamespaces(configured: ["/"])
        #expect(namespaces.news(of: [server(adapter, "/", "/chat")]) == nil)
    }

    @Test("are not too many for a line")
    func bound() {
        var namespaces = UnconfiguredNamespaces(configured: ["/"])
        let servers = (0..<100).map { server("AmqpAdapter", "/\($0)") }
        #expect(namespaces.news(of: servers)?.count == 20)
    }
}
