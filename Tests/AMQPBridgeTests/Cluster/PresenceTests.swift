import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("Presence")
struct PresenceTests {
    private let now = MonotonicTime.seconds(100)

    @Test("knows a server from its heartbeat, with what it says of itself")
    func hears() throws {
        var presence = Presence()
        #expect(presence.isEmpty)
        let text = "\"namespaces\":[\"/\",\"/chat\"],\"intervalMs\":2000,\"mode\":\"dynamic\",\"pid\":1,\"agent\":\"x\""
        #expect(presence.hear(try heartbeat("a", text), now: now) == nil)
        #expect(
            presence.all == [
                Presence.Server(
                    uid: "a", namespaces: ["/", "/chat"], interval: .seconds(2), subscriptionMode: "dynamic",
                    lastSeen: now)
            ])
        #expect(!presence.isEmpty)
    }

    @Test("takes what a server does not say, or says wrongly, for the usual")
    func defaults() throws {
        for members in ["\"pid\":1", "\"namespaces\":[\"/\",1],\"intervalMs\":\"5\",\"mode\":7"] {
            var presence = Presence()
            _ = presence.hear(try heartbeat("a", members), now: now)
            #expect(
                presence.all == [
                    Presence.Server(
                        uid: "a", namespaces: ["/"], interval: .seconds(5), subscriptionMode: "static", lastSeen: now)
                ])
        }
    }

    @Test(
        "believes no absurd interval",
        arguments: [(0, 100), (-5, 100), (99, 100), (100, 100), (600_000, 600_000), (.max, 600_000), (.min, 100)])
    func intervals(said: Int, taken: Int) throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("a", "\"intervalMs\":\(said)"), now: now)
        #expect(presence.all.map(\.interval) == [.milliseconds(taken)])
    }

    @Test("knows which servers have a namespace, byte by byte")
    func namespaces() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("a", "\"namespaces\":[\"/\",\"/é\"]"), now: now)
        _ = presence.hear(try heartbeat("b", "\"namespaces\":[\"/e\u{301}\"]"), now: now)
        _ = presence.hear(try heartbeat("c"), now: now)
        #expect(presence.servers(of: "/") == ["a", "c"])
        #expect(presence.servers(of: "/\u{E9}") == ["a"])
        #expect(presence.servers(of: "/e\u{301}") == ["b"])
        #expect(presence.servers(of: "/chat") == [])
    }

    @Test("knows what a server can do; an early one acknowledgements, and nothing else")
    func features() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("a", "\"features\":[\"acks\",\"numbers\",\"later\"]"), now: now)
        #expect(presence.server(without: .numbers, of: "/") == nil && presence.server(without: .acks, of: "/") == nil)
        _ = presence.hear(try heartbeat("c"), now: now)
        _ = presence.hear(try heartbeat("b", "\"features\":[\"acks\"]"), now: now)
        _ = presence.hear(try heartbeat("d", "\"namespaces\":[\"/d\"],\"features\":[]"), now: now)
        #expect(presence.server(without: .numbers, of: "/") == "b" && presence.server(without: .acks, of: "/") == nil)
        #expect(presence.server(without: .acks, of: "/d") == "d")
        #expect(presence.server(without: .acks, of: "/nowhere") == nil)
    }

    @Test("follows a server's namespaces")
    func changes() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("a"), now: now)
        _ = presence.hear(try heartbeat("a", "\"namespaces\":[\"/chat\"]"), now: now + .seconds(1))
        #expect(presence.servers(of: "/").isEmpty)
        #expect(presence.servers(of: "/chat") == ["a"])
        #expect(presence.all.map(\.lastSeen) == [now + .seconds(1)])
    }

    @Test("forgets a server that says goodbye, once")
    func goodbyes() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("a"), now: now)
        #expect(presence.hear(try serverMessage("b", .adapterClose, "{}"), now: now) == nil)
        #expect(presence.hear(try serverMessage("a", .adapterClose, "{}"), now: now) == "a")
        #expect(presence.isEmpty)
        #expect(presence.hear(try serverMessage("a", .adapterClose, "{}"), now: now) == nil)
    }

    @Test("forgets a server after three of its own intervals without a word")
    func expires() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("slow"), now: now)
        _ = presence.hear(try heartbeat("fast", "\"intervalMs\":1000"), now: now)
        #expect(presence.expire(now: now + .milliseconds(2_999)) == [])
        #expect(presence.expire(now: now + .seconds(3)) == ["fast"])
        _ = presence.hear(try heartbeat("slow"), now: now + .seconds(14))
        #expect(presence.expire(now: now + .milliseconds(28_999)) == [])
        #expect(presence.all.map(\.uid) == ["slow"])
        #expect(presence.expire(now: now + .seconds(29)) == ["slow"])
        #expect(presence.expire(now: now + .seconds(60)) == [])
    }

    @Test("takes no other message for a sign of life")
    func otherMessages() throws {
        var presence = Presence()
        for kind in [ClusterMessage.Kind.broadcast, .fetchSocketsResponse, .serverSideEmit, .broadcastAck] {
            #expect(presence.hear(try serverMessage("a", kind, "{}"), now: now) == nil)
        }
        #expect(presence.isEmpty)
        _ = presence.hear(try serverMessage("a", .initialHeartbeat, "{}"), now: now)
        #expect(presence.all.map(\.uid) == ["a"])
    }

    @Test("has its servers in order, and a limit of them")
    func limit() throws {
        var presence = Presence()
        for number in (0..<10_001).reversed() { _ = presence.hear(try heartbeat("\(100_000 + number)"), now: now) }
        let uids = presence.all.map(\.uid)
        #expect(uids.count == 10_000)
        #expect(uids == uids.sorted())
        #expect(uids.first == "100001")
        // Those that are known are heard all the same.
        _ = presence.hear(try heartbeat("100001"), now: now + .seconds(1))
        #expect(presence.all.first?.lastSeen == now + .seconds(1))
    }

    @Test("remembers for a while who has fallen silent, and forgets who has said goodbye")
    func lost() throws {
        var presence = Presence()
        let start = MonotonicTime.seconds(100)
        for uid in ["a", "b"] { _ = presence.hear(try heartbeat(uid), now: start) }
        #expect(presence.expire(now: start + .seconds(15)).sorted() == ["a", "b"])
        #expect(presence.servers(of: "/").isEmpty)
        #expect(presence.servers(of: "/", includingLost: true) == ["a", "b"])
        #expect(presence.servers(of: "/chat", includingLost: true).isEmpty)
        _ = presence.hear(try heartbeat("a"), now: start + .seconds(20))
        #expect(presence.servers(of: "/") == ["a"])
        #expect(presence.servers(of: "/", includingLost: true) == ["a", "b"])
        _ = presence.expire(now: start + .seconds(75))
        #expect(presence.servers(of: "/", includingLost: true) == ["a"])
        _ = presence.hear(try #require(ServerMessage(Array("{\"uid\":\"a\",\"type\":13}".utf8))), now: start)
        #expect(presence.servers(of: "/", includingLost: true).isEmpty)
    }

    @Test("begins everybody's time anew when nothing could be heard")
    func forgives() throws {
        var presence = Presence()
        let start = MonotonicTime.seconds(100)
        _ = presence.hear(try heartbeat("a"), now: start)
        presence.forgive(now: start + .seconds(60))
        #expect(presence.expire(now: start + .seconds(74)).isEmpty)
        #expect(presence.expire(now: start + .seconds(75)) == ["a"])
    }

    @Test("keeps no more of what servers say of themselves than it may, and hears those that it knows")
    func bytes() throws {
        var presence = Presence()
        let many = (0..<10_000).map { "\"/\($0)\"" }.joined(separator: ",")
        for number in 0..<1_000 { _ = presence.hear(try heartbeat("\(1_000 + number)"), now: now) }
        for number in 0..<200 {
            _ = presence.hear(try heartbeat("\(3_000 + number)", "\"namespaces\":[\(many)]"), now: now)
        }
        let known = presence.all.count
        #expect((1_050..<1_150).contains(known))
        // No room for that, but it is there.
        _ = presence.hear(try heartbeat("1000", "\"namespaces\":[\(many),\"/x\"]"), now: now + .seconds(14))
        #expect(presence.servers(of: "/").contains("1000"))
        _ = presence.expire(now: now + .seconds(15))
        #expect(presence.all.map(\.uid) == ["1000"])
    }

    @Test("forgets nobody who has fallen silent for those that somebody makes up, and gives their places back")
    func lostAndMadeUp() throws {
        var presence = Presence()
        _ = presence.hear(try heartbeat("real"), now: now)
        for round in 0..<5 {
            let then = now + .seconds(15 * (round + 1))
            _ = presence.expire(now: then)
            for number in 0..<9_999 {
                _ = presence.hear(try heartbeat("\(round)-\(number)", "\"intervalMs\":100"), now: then)
            }
            #expect(presence.servers(of: "/", includingLost: true).count == 10_000)
            #expect(presence.servers(of: "/", includingLost: true).contains("real") == (round < 4))
        }
        _ = presence.expire(now: now + .seconds(1_000))
        _ = presence.expire(now: now + .seconds(2_000))
        #expect(presence.servers(of: "/", includingLost: true).isEmpty)
        for number in 0..<10_001 { _ = presence.hear(try heartbeat("\(number)"), now: now + .seconds(2_000)) }
        #expect(presence.all.count == 10_000)
    }
}
