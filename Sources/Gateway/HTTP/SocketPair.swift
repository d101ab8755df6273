internal import Glibc

/// Two connected sockets, one of which is given away and the other one spoken through.
struct SocketPair: ~Copyable {
    let given: Int32
    private let own: Int32

    init?() {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            return nil
        }
        (given, own) = (pair[0], pair[1])
    }

    deinit { close(own) }

    func send(_ text: StaticString) {
        _ = Glibc.send(own, text.utf8Start, text.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
    }

    func endSending() { shutdown(own, Int32(SHUT_WR)) }

    /// The bytes that have come, at most 4 KiB.
    func received() -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(own, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}
