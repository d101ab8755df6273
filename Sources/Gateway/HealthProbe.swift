internal import AMQP
internal import AMQPBridge
internal import CHTTPS
internal import EventLoop
internal import Glibc

/// One GET on a connection of its own.
struct HealthProbe {
    /// The reason why there was no answer.
    struct NoAnswer: Error, CustomStringConvertible {
        let description: String
    }

    private let address: ListenAddress
    private let isEncrypted: Bool
    private let timeout: Duration

    /// - Parameter isEncrypted: whether it speaks TLS. The certificate is not checked.
    init(_ address: ListenAddress, isEncrypted: Bool, timeout: Duration) {
        self.address = address
        self.isEncrypted = isEncrypted
        self.timeout = timeout
    }

    /// The status of the answer.
    func status(of path: String) throws(NoAnswer) -> Int {
        let deadline = MonotonicTime.now() + timeout
        let descriptor = try connect()
        defer { close(descriptor) }
        let stream = try Stream(descriptor, isEncrypted: isEncrypted) { () throws(NoAnswer) in
            try wait(for: descriptor, until: deadline)
        }
        // The gateway serves loopback names to those without a key.
        try stream.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        // "HTTP/1.1 200 "
        var answer: [UInt8] = []
        while answer.count < 12 {
            guard let bytes = try stream.receive() else {
                try wait(for: descriptor, until: deadline)
                continue
            }
            guard !bytes.isEmpty else { throw NoAnswer(description: "the connection was closed") }
            answer += bytes
        }
        guard answer.starts(with: "HTTP/1.".utf8), let status = Int(String(decoding: answer[9..<12], as: UTF8.self))
        else { throw NoAnswer(description: "what answers does not speak HTTP") }
        return status
    }

    private func connect() throws(NoAnswer) -> Int32 {
        if let path = address.path { return try connect(toSocket: path) }
        do throws(TCPSocket.Failure) {
            return try TCPSocket.connect(to: address.host, port: Int(address.port), within: timeout)
        } catch {
            throw NoAnswer(description: error.description)
        }
    }

    /// Connects at once, or not at all.
    private func connect(toSocket path: String) throws(NoAnswer) -> Int32 {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_UNIX, Int32(kind), 0)
        guard descriptor >= 0 else { throw NoAnswer(errno: errno) }
        guard SocketAddress(unix: path).withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw NoAnswer(errno: code)
        }
        return descriptor
    }

    private func wait(for descriptor: Int32, until deadline: MonotonicTime) throws(NoAnswer) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let left = (deadline - .now()).nanoseconds / 1_000_000
        guard left > 0, poll(&entry, 1, Int32(clamping: left)) != 0 else { throw NoAnswer(errno: ETIMEDOUT) }
    }
}

extension HealthProbe {
    /// A connection, with TLS or without.
    private final class Stream {
        private let descriptor: Int32
        /// GnuTLS's, freed with this object.
        private var session: UnsafeMutableRawPointer?

        /// - Parameter wait: until something has come.
        init(_ descriptor: Int32, isEncrypted: Bool, wait: () throws(NoAnswer) -> Void) throws(NoAnswer) {
            self.descriptor = descriptor
            guard isEncrypted else { return }
            guard let session = gateway_https_client(descriptor) else { throw NoAnswer(errno: ENOMEM) }
            self.session = session
            while true {
                switch gateway_https_client_shake_hands(session) {
                case 0: return
                case Int32(gateway_https_waits): try wait()
                default: throw NoAnswer(description: "what answers does not speak TLS")
                }
            }
        }

        deinit { if let session { gateway_https_client_free(session) } }

        /// So few bytes always fit into the buffer of a fresh connection.
        func send(_ text: String) throws(NoAnswer) {
            let bytes = Array(text.utf8)
            let sent =
                session.map { gateway_https_send($0, bytes, bytes.count) }
                ?? Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            guard sent == bytes.count else { throw NoAnswer(errno: errno) }
        }

        /// - Returns: nothing, if nothing has come; no bytes at the end.
        func receive() throws(NoAnswer) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: 64)
            if let session {
                let count = gateway_https_client_receive(session, &bytes, bytes.count)
                if count == Int(gateway_https_waits) { return nil }
                guard count >= 0 else { throw NoAnswer(description: "the connection was closed") }
                return Array(bytes[..<count])
            }
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { return nil }
            guard count >= 0 else { throw NoAnswer(errno: errno) }
            return Array(bytes[..<count])
        }
    }
}

extension HealthProbe.NoAnswer {
    init(errno code: Int32) {
        self.init(description: TCPSocket.Failure(errno: code).description)
    }
}
