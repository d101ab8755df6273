import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("What is known of servers")
struct KnownServersTests {
    @Test("is counted by namespace, and forgotten with the server")
    func counts() {
        let known = KnownServers()
        known.setComplete(true)
        known.note("a", server(["/", "/chat", "/"]))
        known.note("b", server(["/"], mode: "dynamic"))
        #expect(known.servers(of: "/") == NamespaceServers(known: 2, serving: 2, dynamic: 1))
        #expect(known.servers(of: "/chat") == NamespaceServers(known: 2, serving: 1))
        #expect(known.servers(of: "/nowhere") == NamespaceServers(known: 2))
        #expect(known.servers(of: "/nowhere").lackNamespace && !known.servers(of: "/").lackNamespace)
        // The same again, and something else.
        known.note("a", server(["/", "/chat", "/"]))
        known.note("b", server(["/chat"]))
        #expect(known.servers(of: "/") == NamespaceServers(known: 2, serving: 1))
        #expect(known.servers(of: "/chat") == NamespaceServers(known: 2, serving: 2))
        known.note("a", nil)
        known.note("a", nil)
        known.note("nobody", nil)
        #expect(known.servers(of: "/") == NamespaceServers(known: 1))
        #expect(known.servers(of: "/chat") == NamespaceServers(known: 1, serving: 1))
        known.note("b", nil)
        #expect(known.servers(of: "/chat") == NamespaceServers())
    }

    @Test("tells namespaces apart by their bytes")
    func bytes() {
        let known = KnownServers()
        known.setComplete(true)
        known.note("a", server(["/\u{e9}"]))
        #expect(known.servers(of: "/\u{e9}").serving == 1 && known.servers(of: "/e\u{301}").serving == 0)
        known.note("a", server(["/e\u{301}"]))
        #expect(known.servers(of: "/\u{e9}").serving == 0 && known.servers(of: "/e\u{301}").serving == 1)
    }

    @Test("is nothing as long as somebody may not have been heard yet")
    func incomplete() {
        let known = KnownServers()
        known.note("a", server(["/"]))
        #expect(known.servers(of: "/chat") == NamespaceServers())
        known.setComplete(true)
        #expect(known.servers(of: "/chat") == NamespaceServers(known: 1))
        known.setComplete(false)
        #expect(known.servers(of: "/chat") == NamespaceServers())
    }

    @Test("is who they are, with a version that changes with it alone")
    func names() {
        let known = KnownServers()
        known.note("a", server(["/", "/e\u{301}"]))
        #expect(known.uids(of: "/", most: 2) == [])
        known.setComplete(true)
        let version = known.version
        #expect(known.uids(of: "/", most: 2) == ["a"])
        #expect(known.uids(of: "/e\u{301}", most: 2) == ["a"] && known.uids(of: "/\u{e9}", most: 2) == [])
        known.note("a", server(["/", "/e\u{301}"]))
        #expect(known.version == version)
        known.note("b", server(["/"]))
        #expect(known.version != version)
        #expect(known.uids(of: "/", most: 2).sorted() == ["a", "b"])
        #expect(known.uids(of: "/", most: 1) == [])
        known.note("a", nil)
        #expect(known.uids(of: "/", most: 2) == ["b"])
        known.note("b", server(["/"], awayUntil: MonotonicTime(nanoseconds: 1)))
        #expect(known.uids(of: "/", most: 2) == [] && known.servers(of: "/").serving == 1)
        known.note("b", server(["/"]))
        #expect(known.uids(of: "/", most: 2) == ["b"])
        known.setSearched()
        #expect(known.uids(of: "/", most: 2) == [] && known.servers(of: "/").serving == 1)
        known.setComplete(true)
        #expect(known.uids(of: "/", most: 2) == ["b"])
        known.setComplete(false)
        #expect(known.version == version + 7 && known.uids(of: "/", most: 2) == [])
    }

    private func server(
        _ namespaces: [String], mode: String = "static", awayUntil: MonotonicTime? = nil
    ) -> Presence.Server {
        Presence.Server(
            uid: "", namespaces: namespaces, interval: .seconds(5), subscriptionMode: mode,
            lastSeen: MonotonicTime(nanoseconds: 0), awayUntil: awayUntil)
    }
}
