internal import Glibc

/// Tells systemd the state of this process, if it wants to know (`Type=notify`): a datagram of lines `NAME=value` to
/// the socket that NOTIFY_SOCKET names, as sd_notify(3) describes. Without that socket nothing is sent.
struct ServiceManager {
    let address: sockaddr_un?

    /// - Parameter name: an absolute path, or a name behind `@` that is in no file system (unix(7), "abstract"). For
    ///   any other, nothing is sent.
    init(socket name: String?) { address = name.flatMap { sockaddr_un(name: $0) } }

    /// The manager that has started this process.
    init() { self.init(socket: getenv("NOTIFY_SOCKET").map { String(cString: $0) }) }

    /// Tells that the gateway serves.
    ///
    /// - Parameter status: the text that `systemctl status` shows.
    func isReady(_ status: String) { send("READY=1\nSTATUS=\(status)") }

    /// Tells that the gateway reads its configuration again, until ``isReady(_:)``.
    func isReloading() { send("RELOADING=1\nMONOTONIC_USEC=\(Self.microseconds)") }

    func isStopping() { send("STOPPING=1\nSTATUS=stopping") }

    /// The time by the clock that systemd wants, in microseconds (CLOCK_MONOTONIC).
    private static var microseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
    }

    private func send(_ text: String) {
        guard let address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // A manager that does not read must not hold up the end of the gateway.
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = text.withCString {
                    sendto(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), pointer, address.length)
                }
            }
        }
    }
}

extension sockaddr_un {
    /// Up to the end of the name: an abstract one would have the zeros behind it, too.
    fileprivate var length: socklen_t {
        withUnsafeBytes(of: sun_path) { path in
            let end = path.dropFirst().firstIndex(of: 0) ?? path.endIndex
            return socklen_t(MemoryLayout<sa_family_t>.size + end)
        }
    }

    fileprivate init?(name: String) {
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(name.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
            bytes.count < MemoryLayout.size(ofValue: sun_path)
        else { return nil }
        withUnsafeMutableBytes(of: &sun_path) {
            $0.copyBytes(from: bytes)
            if first == UInt8(ascii: "@") { $0[0] = 0 }
        }
    }
}
