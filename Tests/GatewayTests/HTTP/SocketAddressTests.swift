import Glibc
import Testing

@testable import Gateway

@Suite("A socket address")
struct SocketAddressTests {
    @Test(
        "of IPv4 is this machine's own in 127.0.0.0/8",
        arguments: [
            ("127.0.0.1", true), ("127.255.255.255", true), ("126.255.255.255", false), ("128.0.0.1", false),
            ("0.0.0.0", false),
            ("10.0.0.127", false),
        ])
    func ipv4(text: String, isLoopback: Bool) {
        let address = SocketAddress(ipv4: text)
        #expect(address.family == AF_INET)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(
        "of IPv6 is this machine's own if it is ::1",
        arguments: [
            ("::1", true), ("::", false), ("::2", false), ("1::1", false), ("::1:1", false), ("fe80::1", false),
            ("::ffff:127.0.0.1", false),
        ])
    func ipv6(text: String, isLoopback: Bool) {
        let address = SocketAddress(ipv6: text)
        #expect(address.family == AF_INET6)
        #expect(address.isLoopback == isLoopback)
    }

    @Test("has a port in the same place in both families")
    func ports() {
        for var address in [SocketAddress(ipv4: "127.0.0.1"), SocketAddress(ipv6: "::1")] {
            #expect(address.port == 80)
            address.setPort(0x1234)
            #expect(address.port == 0x1234)
            #expect(address.isLoopback)
        }
    }

    @Test("has an IP address, the same whether IPv4 is mapped into IPv6 or not")
    func ip() {
        #expect(SocketAddress(ipv4: "192.0.2.1").ip == IPAddress("192.0.2.1"))
        #expect(SocketAddress(ipv6: "::ffff:192.0.2.1").ip == IPAddress("192.0.2.1"))
        #expect(SocketAddress(ipv6: "2001:db8:1:2:3:4:5:6").ip == IPAddress("2001:db8:1:2:3:4:5:6"))
    }

    @Test("is found by its name")
    func resolves() throws {
        let address = try SocketAddress.resolve("127.0.0.1", port: 80)
        #expect(address.family == AF_INET && address.port == 80 && address.isLoopback)
        #expect(try SocketAddress.resolve("::1", port: 1).family == AF_INET6)
        let everyone = try SocketAddress.resolve("", port: 2)
        #expect(everyone.family == AF_INET && everyone.port == 2 && !everyone.isLoopback)
    }

    @Test("is nobody's own before it is filled")
    func empty() {
        #expect(!SocketAddress().isLoopback)
    }
}

extension SocketAddress {
    /// Port 80 of an address.
    init(ipv4 text: String) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(80).bigEndian
        precondition(inet_pton(AF_INET, text, &address.sin_addr) == 1)
        self.init(copyingBytesOf: address)
    }

    init(ipv6 text: String) {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = in_port_t(80).bigEndian
        precondition(inet_pton(AF_INET6, text, &address.sin6_addr) == 1)
        self.init(copyingBytesOf: address)
    }

    private init<Address>(copyingBytesOf address: Address) {
        self = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                SocketAddress(copying: $0, count: socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
