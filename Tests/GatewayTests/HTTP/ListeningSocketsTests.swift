import Glibc
import Testing

@testable import Gateway

@Suite("An address to listen on")
struct ListenAddressTests {
    @Test(
        "is a host and a port",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:0", "localhost", 0), ("[::1]:80", "::1", 80),
            ("[::]:65535", "::", 65_535), (":8080", "", 8080), ("0.0.0.0:1", "0.0.0.0", 1),
        ] as [(String, String, UInt16)])
    func addresses(text: String, host: String, port: UInt16) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test("is the path of a Unix socket", arguments: ["unix:/run/gateway.sock", "unix:/a b:80"])
    func paths(text: String) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.path == String(text.dropFirst(5)) && address.description == text)
        #expect(ListenAddress("unix:/" + String(repeating: "x", count: 95)) != nil)
    }

    @Test(
        "is every address of a family, and so each of them",
        arguments: [
            (":80", "127.0.0.1:80", true), ("0.0.0.0:80", ":80", true), ("0.0.0.0:80", "10.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true), ("[::]:80", "[::1]:80", true), ("[::]:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:81", false), ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:80", "127.0.0.2:80", false), (":80", "localhost:80", false), (":80", "unix:/a", false),
        ] as [(String, String, Bool)])
    func wildcards(text: String, other: String, includes: Bool) throws {
        #expect(try #require(ListenAddress(text)).includes(try #require(ListenAddress(other))) == includes)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "8080", "host", "host:", "host:x", "host:65536", "host:-1", "::1:80", "::1", "[::1]", "[::1:80",
            "::1]:80", "a:b:1", "unix:", "unix:relative", "unix:/folder/", "unix:@abstract", "unix:/\0",
            "unix:/" + String(repeating: "x", count: 96),
        ])
    func others(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}

@Suite("Listening sockets")
struct ListeningSocketsTests {
    private let anyPort = ListenAddress(host: "127.0.0.1", port: 0)

    @Test("are as many as wanted, on one port that the system chose")
    func chooseAPort() throws {
        let sockets = try ListeningSockets(anyPort, count: 3, sharesPort: false)
        #expect(sockets.address.host == "127.0.0.1")
        #expect(sockets.address.port != 0)
        #expect(!connects(to: sockets.address.port))
        let descriptors = try sockets.listen()
        defer { close(descriptors) }
        #expect(Set(descriptors).count == 3)
        #expect(descriptors.map(port) == Array(repeating: sockets.address.port, count: 3))
        #expect(connects(to: sockets.address.port))
    }

    @Test("do not take a port that somebody has, unless they share it")
    func busyPorts() throws {
        let first = try ListeningSockets(anyPort, count: 2, sharesPort: false)
        let descriptors = try first.listen()
        defer { close(descriptors) }
        let error = #expect(throws: ListeningSockets.Failure.self) {
            try ListeningSockets(first.address, count: 2, sharesPort: false)
        }
        #expect(error?.description == "cannot listen on \(first.address): Address already in use")
        let second = try ListeningSockets(first.address, count: 2, sharesPort: true)
        #expect(second.address == first.address)
        close(try second.listen())
    }

    @Test("do not listen on a port that somebody has taken meanwhile")
    func races() throws {
        let first = try ListeningSockets(anyPort, count: 2, sharesPort: false)
        let second = try ListeningSockets(first.address, count: 2, sharesPort: false)
        let descriptors = try second.listen()
        defer { close(descriptors) }
        let error = #expect(throws: ListeningSockets.Failure.self) { try first.listen() }
        #expect(error?.description == "cannot listen on \(first.address): Address already in use")
    }

    @Test("take a port again when nobody has it any more")
    func freePorts() throws {
        let first = try ListeningSockets(anyPort, count: 1, sharesPort: false)
        close(try first.listen())
        let second = try ListeningSockets(first.address, count: 1, sharesPort: false)
        close(try second.listen())
        #expect(second.address == first.address)
    }

    @Test(
        "know whether others can reach them",
        arguments: [("127.0.0.1", true), ("127.8.8.8", true), ("localhost", true), ("0.0.0.0", false), ("", false)])
    func loopback(host: String, isLoopback: Bool) throws {
        let sockets = try ListeningSockets(ListenAddress(host: host, port: 0), count: 1, sharesPort: false)
        close(try sockets.listen())
        #expect(sockets.isLoopback == isLoopback)
        if host.isEmpty { #expect(sockets.address.host == "0.0.0.0") }
    }

    @Test("are not made on an address of another machine")
    func foreignAddresses() {
        // RFC 5737: an address for documentation, nobody's.
        let address = ListenAddress(host: "192.0.2.1", port: 0)
        let error = #expect(throws: ListeningSockets.Failure.self) {
            try ListeningSockets(address, count: 1, sharesPort: false)
        }
        #expect(error?.description.hasPrefix("cannot listen on 192.0.2.1:0: ") == true)
    }

    private func close(_ descriptors: [Int32]) {
        for descriptor in descriptors { Glibc.close(descriptor) }
    }

    private func port(of descriptor: Int32) -> UInt16 {
        var address = SocketAddress()
        return address.fill { getsockname(descriptor, $0, $1) } == 0 ? address.port : 0
    }

    private func connects(to port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(descriptor) }
        var address = SocketAddress(ipv4: "127.0.0.1")
        address.setPort(port)
        return address.withPointer { connect(descriptor, $0, $1) } == 0
    }
}
