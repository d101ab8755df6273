import Testing

@testable import Gateway

@Suite("An IP address")
struct IPAddressTests {
    @Test(
        "is written in the usual way",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("::", "::"),
            ("2001:DB8:0:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::FFFF:C000:201", "192.0.2.1"),
        ])
    func texts(text: String, shown: String) throws {
        #expect(try #require(IPAddress(text)).description == shown)
    }

    @Test(
        "is written in no other way",
        arguments: [
            "", "192.0.2", "192.0.2.256", "192.0.2.01", "0x7f.1", "1", " 192.0.2.1", "192.0.2.1 ", "192.0.2.1:80",
            "[::1]", ":::", "1::2::3", "fe80::1%eth0", "unknown", "_hidden", "192.0.2.1\0x", "g::",
        ])
    func others(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("is the same in IPv4 and mapped into IPv6")
    func mapped() {
        #expect(IPAddress("192.0.2.1") == IPAddress("::ffff:192.0.2.1"))
        #expect(IPAddress("192.0.2.1") != IPAddress("::192.0.2.1"))
    }

    @Test("belongs to the same subscriber as others of its /64, or of IPv4 only as itself")
    func subscribers() throws {
        func prefix(_ text: String) throws -> UInt64 { try #require(IPAddress(text)).subscriberPrefix }
        #expect(try prefix("2001:db8:1:2::1") == prefix("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try prefix("2001:db8:1:2::1") != prefix("2001:db8:1:3::1"))
        #expect(try prefix("192.0.2.1") != prefix("192.0.2.2"))
        #expect(try prefix("::ffff:192.0.2.1") != prefix("::ffff:192.0.2.2"))
    }

    @Test(
        "is in a network if it begins with its bits",
        arguments: [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["9.255.255.255", "11.0.0.0", "::1"]),
            ("10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.2", "10.1.2.4", "::10.1.2.3"]),
            ("10.1.2.3/32", ["10.1.2.3"], ["10.1.2.2"]),
            ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.0"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::", "::1", "2001:db8::1"]),
            ("::/0", ["::", "::1", "ffff::"], ["0.0.0.0", "1.2.3.4", "::ffff:1.2.3.4"]),
            ("::1", ["::1"], ["::", "::2", "127.0.0.1"]),
            ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "2001:db7:ffff::", "32.1.13.184"]),
            ("2001:db8::/65", ["2001:db8::7fff:ffff:ffff:ffff"], ["2001:db8:0:0:8000::", "2001:db8:0:1::"]),
            ("2001:db8::/64", ["2001:db8::ffff:ffff:ffff:ffff"], ["2001:db8:0:1::", "2001:db8:ffff::"]),
            ("2001:db8::8/127", ["2001:db8::8", "2001:db8::9"], ["2001:db8::7", "2001:db8::a"]),
            ("::ffff:10.0.0.0/104", ["10.1.2.3"], ["11.1.2.3"]),
        ])
    func networks(network: String, inside: [String], outside: [String]) throws {
        let network = try #require(IPNetwork(network))
        for text in inside { #expect(network.contains(try #require(IPAddress(text))), "\(text)") }
        for text in outside { #expect(!network.contains(try #require(IPAddress(text))), "\(text)") }
    }

    @Test(
        "is in no network that is not one",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8",
            "::/129", "2001:db8::1/64", "2001:db8:0:0:1::/64", "10.0.0.0/8 ", "host", "10.0.0.0/x", "10.0.0.0/000008",
        ])
    func badNetworks(text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
