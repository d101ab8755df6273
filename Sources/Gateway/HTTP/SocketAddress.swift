internal import Glibc

/// A `sockaddr` of any family.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var count = socklen_t(MemoryLayout<sockaddr_storage>.size)

    init() {}

    init(copying address: UnsafePointer<sockaddr>, count: socklen_t) {
        self.count = count
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(count)))
        }
    }

    /// 127.0.0.1, without a port.
    static var loopback: SocketAddress {
        var address = SocketAddress()
        withUnsafeMutableBytes(of: &address.storage) { bytes in
            bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
            bytes[4] = 127
            bytes[7] = 1
        }
        address.count = socklen_t(MemoryLayout<sockaddr_in>.size)
        return address
    }

    /// - Parameter path: as long as ``longestPath`` at most.
    init(unix path: String) {
        precondition(path.utf8.count <= Self.longestPath, "the path of a Unix socket is too long")
        withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
            // Behind the path there is a NUL.
            bytes[2...].copyBytes(from: path.utf8)
        }
        count = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count + 1)
    }

    /// The longest path of a Unix socket, in bytes (unix(7)); ``UnixListener`` appends a number to it.
    static let longestPath = 107

    struct Unresolvable: Error, CustomStringConvertible {
        let description: String
    }

    /// The first address of a name; of the empty name, every IPv4 address.
    static func resolve(_ host: String, port: UInt16) throws(Unresolvable) -> SocketAddress {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_family = host.isEmpty ? AF_INET : AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
        guard code == 0, let first = list else { throw Unresolvable(description: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        return SocketAddress(copying: first.pointee.ai_addr, count: first.pointee.ai_addrlen)
    }

    var family: Int32 { Int32(storage.ss_family) }

    /// The port has the same place in both families.
    var port: UInt16 {
        withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }

    mutating func setPort(_ port: UInt16) {
        withUnsafeMutableBytes(of: &storage) {
            $0[2] = UInt8(port >> 8)
            $0[3] = UInt8(port & 0xFF)
        }
    }

    /// 127.0.0.0/8, or ::1.
    var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET: bytes[4] == 127
            case AF_INET6: bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
            default: false
            }
        }
    }

    /// Without the port. All that come over a Unix socket have the same.
    var ip: IPAddress {
        if family == AF_UNIX { return .unixSocket }
        return withUnsafeBytes(of: storage) { bytes in
            func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
            return family == AF_INET6
                ? IPAddress(high: number(8..<16), low: number(16..<24)) : IPAddress(ipv4: UInt32(number(4..<8)))
        }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, count) }
        }
    }

    mutating func fill(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> Int32 {
        withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &count) }
        }
    }
}
