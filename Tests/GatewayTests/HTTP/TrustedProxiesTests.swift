import Testing

@testable import Gateway

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    private static let list = "10.0.0.0/8, 2001:db8::1 ,192.0.2.7"

    @Test("are addresses and networks")
    func contains() throws {
        let proxies = try #require(TrustedProxies(Self.list))
        for text in ["10.0.0.1", "::ffff:10.9.9.9", "2001:db8::1", "192.0.2.7"] {
            #expect(proxies.contains(try #require(IPAddress(text))))
        }
        for text in ["11.0.0.1", "2001:db8::2", "192.0.2.8"] {
            #expect(!proxies.contains(try #require(IPAddress(text))))
        }
        #expect(!TrustedProxies().contains(try #require(IPAddress("127.0.0.1"))))
        #expect(TrustedProxies("") == TrustedProxies())
    }

    @Test("are written in no other way", arguments: [",", "10.0.0.0/8,", "a", "10.0.0.1/8", "10.0.0.0/8;::1", " "])
    func others(text: String) {
        #expect(TrustedProxies(text) == nil)
    }

    @Test(
        "say who the client is: the last of the addresses that is not one of theirs",
        arguments: [
            ("203.0.113.9", "203.0.113.9"), ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("203.0.113.9,10.0.0.2,2001:db8::1", "203.0.113.9"), ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
            // What stands before the first that is not trusted, that one may have made up.
            ("10.0.0.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"), ("garbage, 203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"), ("2001:db8::9", "2001:db8::9"), ("[2001:db8::9]", "2001:db8::9"),
            ("[2001:db8::9]:443", "2001:db8::9"), ("\t203.0.113.9 \t", "203.0.113.9"),
            // With what Unicode joins to the comma, and to what is behind it.
            ("9.9.9.9\u{600}, 203.0.113.9", "203.0.113.9"), ("9.9.9.9,\u{301}, 203.0.113.9", "203.0.113.9"),
            (",203.0.113.9, ,", "203.0.113.9"), ("203.0.113.9, 10.0.0.2:1, [2001:db8::1]:2", "203.0.113.9"),
            // All of them trusted: the first proxy's caller is one itself.
            ("10.0.0.3", "10.0.0.3"), ("10.0.0.3,10.0.0.2", "10.0.0.3"), ("::ffff:203.0.113.9", "203.0.113.9"),
        ])
    func client(forwardedFor: String, client: String) throws {
        #expect(try self.client(of: "10.0.0.1", forwardedFor) == client)
        #expect(try self.client(of: "::ffff:10.0.0.1", forwardedFor) == client)
    }

    @Test(
        "are the client themselves where they note nothing that is an address",
        arguments: [
            (nil, "10.0.0.1"), ("", "10.0.0.1"), (" , ", "10.0.0.1"), ("unknown", "10.0.0.1"), ("_x", "10.0.0.1"),
            ("203.0.113.9, unknown", "10.0.0.1"), ("203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
            ("203.0.113.9:", "10.0.0.1"), ("203.0.113.9:65536", "10.0.0.1"), ("203.0.113.9:http", "10.0.0.1"),
            ("203.0.113.9:1:2", "10.0.0.1"), ("[203.0.113.9]", "10.0.0.1"), ("[203.0.113.9]:1", "10.0.0.1"),
            ("[2001:db8::9", "10.0.0.1"), ("[2001:db8::9]x", "10.0.0.1"), ("[2001:db8::9]:", "10.0.0.1"),
            ("\"203.0.113.9\"", "10.0.0.1"), ("for=203.0.113.9", "10.0.0.1"), ("203.0.113.9 10.0.0.2", "10.0.0.1"),
            ("fe80::1%eth0", "10.0.0.1"), ("203.0.113.999", "10.0.0.1"), ("203.0.113.9é", "10.0.0.1"),
            ("203.0.113.9\u{301}", "10.0.0.1"), ("203.0.113.9\u{600}", "10.0.0.1"),
        ])
    func garbage(forwardedFor: String?, client: String) throws {
        #expect(try self.client(of: "10.0.0.1", forwardedFor) == client)
    }

    @Test("are not just anybody", arguments: ["203.0.113.1", "2001:db8::2", "::1"])
    func strangers(peer: String) throws {
        #expect(try client(of: peer, "198.51.100.1") == peer)
        #expect(try client(of: peer, nil) == peer)
    }

    private func client(of peer: String, _ forwardedFor: String?) throws -> String {
        let proxies = try #require(TrustedProxies(Self.list))
        return proxies.client(of: try #require(IPAddress(peer)), forwardedFor: forwardedFor).description
    }
}
