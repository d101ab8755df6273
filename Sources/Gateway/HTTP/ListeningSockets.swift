internal import Glibc

/// An address to listen at: `host:port`, `[v6]:port` or `:port` for every address, or `unix:/path`.
struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    let host: String
    let port: UInt16
    /// The path of a Unix socket; `nil`: it is none, and host and port count.
    let path: String?

    init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst("unix:".count)
            guard path.hasPrefix("/"), !path.hasSuffix("/"), path.utf8.count <= Self.longestPath, !path.utf8.contains(0)
            else { return nil }
            (host, port, self.path) = ("", 0, String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.host = String(host)
        self.port = port
        path = nil
    }

    /// The longest path of a Unix socket, in bytes, with room for the number of a process behind it.
    static let longestPath = SocketAddress.longestPath - 11

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
        path = nil
    }

    /// Whether it is every address of a family, and that one of them, with the same port. Names are not looked up.
    func includes(_ other: ListenAddress) -> Bool {
        guard path == nil, other.path == nil, port == other.port else { return false }
        let isIPv4 = other.host.isEmpty || IPAddress(other.host)?.isIPv4 == true
        return switch host {
        // As IPv6 comes, it takes IPv4, too.
        case "::": isIPv4 || other.host.contains(":")
        case "", "0.0.0.0": isIPv4
        default: false
        }
    }

    var description: String {
        if let path { return "unix:\(path)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// One listening socket per event loop, all on one address: the kernel spreads connections over them. Of a Unix socket
/// there is one for all loops.
///
/// Taking the address and listening are two steps: a client that connects in between is refused, or served by another
/// process that shares the port, instead of waiting for one that cannot serve yet.
struct ListeningSockets {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The address with the port that the system chose, if it was to choose.
    let address: ListenAddress
    let isLoopback: Bool
    private let count: Int
    private let sharesPort: Bool
    private let socketAddress: SocketAddress
    private let first: Int32
    private let unix: UnixListener?

    /// Takes the address.
    ///
    /// - Parameters:
    ///   - sharesPort: whether another process may serve the same port at the same time (`SO_REUSEPORT`).
    ///   - mode: the permissions of a Unix socket.
    init(_ wanted: ListenAddress, count: Int, sharesPort: Bool, mode: UInt32 = 0o660) throws(Failure) {
        if let path = wanted.path {
            unix = try UnixListener(path, mode: mode)
            (address, isLoopback, self.count, self.sharesPort) = (wanted, true, count, sharesPort)
            (socketAddress, first) = (SocketAddress(), -1)
            return
        }
        unix = nil
        var address: SocketAddress
        do throws(SocketAddress.Unresolvable) {
            address = try SocketAddress.resolve(wanted.host, port: wanted.port)
        } catch {
            throw Failure(description: "cannot listen on \(wanted): \(error)")
        }
        isLoopback = address.isLoopback
        first = try Self.bound(address, wanted, reusePort: sharesPort)
        let port = Self.port(of: first)
        address.setPort(port)
        socketAddress = address
        (self.count, self.sharesPort) = (count, sharesPort)
        self.address = ListenAddress(host: wanted.host.isEmpty ? "0.0.0.0" : wanted.host, port: port)
    }

    /// Listens, once.
    ///
    /// - Returns: the sockets, which do not block, one for each loop.
    func listen() throws(Failure) -> [Int32] {
        if let unix { return try unix.listen(count: count) }
        var descriptors = [first]
        do throws(Failure) {
            try Self.listen(on: first, address)
            // SO_REUSEPORT would let us share the port of another gateway without a word. So the first socket takes the
            // port for itself, and shares it only when it listens.
            if !sharesPort { Self.set(SO_REUSEPORT, on: first) }
            for _ in 1..<count {
                descriptors.append(try Self.bound(socketAddress, address, reusePort: true))
                try Self.listen(on: descriptors.last!, address)
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            throw error
        }
        return descriptors
    }

    /// Removes the file of a Unix socket, so that clients do not find the way here any more.
    func remove() { unix?.remove() }

    private static func listen(on descriptor: Int32, _ wanted: ListenAddress) throws(Failure) {
        guard Glibc.listen(descriptor, SOMAXCONN) == 0 else { throw failure("cannot listen on", wanted) }
    }

    private static func bound(_ address: SocketAddress, _ wanted: ListenAddress, reusePort: Bool) throws(Failure)
        -> Int32
    {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(address.family, Int32(kind), 0)
        guard descriptor >= 0 else { throw failure("cannot make a socket for", wanted) }
        // Without it a restart would have to wait for old connections' TIME_WAIT.
        set(SO_REUSEADDR, on: descriptor)
        if reusePort { set(SO_REUSEPORT, on: descriptor) }
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let error = failure("cannot listen on", wanted)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func set(_ option: Int32, on descriptor: Int32) {
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, option, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func failure(_ what: String, _ address: ListenAddress) -> Failure {
        Failure(description: "\(what) \(address): \(String(cString: strerror(errno)))")
    }

    private static func port(of descriptor: Int32) -> UInt16 {
        var address = SocketAddress()
        return address.fill { getsockname(descriptor, $0, $1) } == 0 ? address.port : 0
    }
}
