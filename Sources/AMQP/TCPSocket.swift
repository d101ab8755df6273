package import EventLoop
internal import Glibc

/// Connects to a host, and says in plain words why that fails: librabbitmq says "a socket error occurred" of all of it.
package enum TCPSocket {
    /// The reason why there is no connection, such as `connection refused`.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// One address of a host.
    package struct Address: Sendable, CustomStringConvertible {
        fileprivate let family: Int32
        /// A `sockaddr` of that family.
        fileprivate let bytes: [UInt8]
        /// The address in digits, without the port.
        package let description: String
    }

    /// Connects to the first address of the host that answers. Blocks; looking up the name may take longer than
    /// `limit`.
    ///
    /// - Returns: the descriptor of a socket that does not block, which is the caller's to close.
    package static func connect(to host: String, port: Int, within limit: Duration) throws(Failure) -> Int32 {
        let addresses = try addresses(of: host, port: port)
        let deadline = MonotonicTime.now() + limit
        var failure = Failure(description: "no such host")
        for address in addresses {
            do throws(Failure) {
                return try connect(to: address, until: deadline)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// All addresses of a host, in the order in which the system would try them. Blocks, for as long as name servers
    /// take.
    package static func addresses(of host: String, port: Int) throws(Failure) -> [Address] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else { throw Failure(resolving: code) }
        defer { freeaddrinfo(list) }
        var addresses: [Address] = []
        var next = list
        while let entry = next?.pointee {
            addresses.append(Address(entry))
            next = entry.ai_next
        }
        return addresses
    }

    /// - Returns: the descriptor of a socket that does not block, which is the caller's to close.
    package static func connect(to address: Address, until deadline: MonotonicTime) throws(Failure) -> Int32 {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(address.family, Int32(kind), 0)
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        do throws(Failure) {
            let result = address.bytes.withUnsafeBytes { bytes in
                Glibc.connect(
                    descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
            }
            if result != 0 {
                // Interrupted, it goes on all the same (connect(2)).
                guard errno == EINPROGRESS || errno == EINTR else { throw Failure(errno: errno) }
                try waitToConnect(descriptor, until: deadline)
            }
        } catch {
            close(descriptor)
            throw error
        }
        // Small messages leave at once, and a dead peer is noticed in the end, as on librabbitmq's own sockets.
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, size)
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &yes, size)
        return descriptor
    }

    private static func waitToConnect(_ descriptor: Int32, until deadline: MonotonicTime) throws(Failure) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        var count: Int32 = 0
        repeat {
            let left = (deadline.nanoseconds - MonotonicTime.now().nanoseconds) / 1_000_000
            guard left > 0 else { throw Failure(errno: ETIMEDOUT) }
            count = poll(&entry, 1, Int32(clamping: left))
        } while count < 0 && errno == EINTR || count == 0
        guard count > 0 else { throw Failure(errno: errno) }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw Failure(errno: code) }
    }
}

extension TCPSocket.Address {
    fileprivate init(_ entry: addrinfo) {
        family = entry.ai_family
        bytes = [UInt8](UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen)))
        description = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
            let code = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, text.baseAddress, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            return code == 0 ? String(cString: text.baseAddress!) : "an address"
        }
    }
}

extension TCPSocket.Failure {
    /// The system's words for an `errno`, as a part of a sentence.
    package init(errno code: Int32) {
        let text = String(cString: strerror(code))
        description = code == ETIMEDOUT ? "timed out" : text.prefix(1).lowercased() + text.dropFirst()
    }

    /// The words for a code of getaddrinfo(3).
    fileprivate init(resolving code: Int32) {
        switch code {
        // -5: EAI_NODATA, a name that has no address.
        case EAI_NONAME, -5: description = "no such host"
        case EAI_AGAIN: description = "no name server answers"
        default: description = "the host is not found: \(String(cString: gai_strerror(code)))"
        }
    }
}
