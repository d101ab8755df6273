internal import CRabbitMQ
internal import EventLoop
internal import Glibc

/// A connection to RabbitMQ, plain or TLS, that has logged in; its bytes go in and out without blocking.
///
/// `@unchecked Sendable`: one connection belongs to one thread at a time. The thread that opened it hands it over to
/// the event loop whole and keeps nothing; from then on it is touched on the loop only.
final class AMQPConnection: @unchecked Sendable {
    /// The broker at the other end.
    let endpoint: BrokerEndpoint
    private(set) var frameMax = 0
    /// The agreed heartbeat interval; `nil`: none.
    private(set) var heartbeat: Duration?

    // Owned; closed with this object.
    let descriptor: Int32
    /// The session of TLS; `nil`: the connection is plain.
    private let tls: TLSSession?
    private let decoder: FrameDecoder
    /// The events that reading and writing wait for (`poll(2)`): with TLS each may wait for the other.
    private var readable = Int16(POLLIN)
    private var writable = Int16(POLLOUT)
    /// Whether there may be something to read of which the socket says nothing.
    private(set) var hasMore = false

    /// A megabyte at the most is read before others get their turn, in reads of the decoder's buffer; TLS has a quarter
    /// of it in a read.
    private static let mostReads = 16

    /// Shakes hands, if it is TLS, and logs in. Blocks, so call it on a thread that may wait.
    ///
    /// - Parameters:
    ///   - descriptor: a connected socket, which is this object's from now on, also when this throws.
    ///   - keeping: the messages whose bytes ``receive(_:)`` hands over; of others only their number.
    ///   - deadline: for all of it.
    init(
        on descriptor: Int32, to endpoint: BrokerEndpoint, name: String, keeping: ContentKeeping, heartbeat: Duration,
        until deadline: MonotonicTime
    ) throws(BrokerError) {
        self.endpoint = endpoint
        self.descriptor = descriptor
        do throws(BrokerError) {
            decoder = try FrameDecoder(keeping)
            tls = try endpoint.tls.map { settings throws(BrokerError) in
                try TLSSession(settings, host: endpoint.host, descriptor: descriptor)
            }
        } catch {
            close(descriptor)
            throw error
        }
        // From here on `deinit` closes it.
        try shakeHands(until: deadline)
        try logIn(BrokerLogIn(endpoint, name: name, heartbeat: heartbeat), until: deadline)
    }

    deinit { close(descriptor) }

    // MARK: Opening

    private func shakeHands(until deadline: MonotonicTime) throws(BrokerError) {
        guard let tls else { return }
        while true {
            let events: Int16
            switch try tls.shakeHands() {
            case .moved: return
            case .wantsRead: events = Int16(POLLIN)
            case .wantsWrite: events = Int16(POLLOUT)
            case .ended: throw BrokerError(TLSFailure.cutHandshake)
            }
            guard wait(for: events, until: deadline) else {
                throw BrokerError(
                    "timed out: the port is open, and nobody answers TLS: is this RabbitMQ's port for amqps?")
            }
        }
    }

    private func logIn(_ logIn: consuming BrokerLogIn, until deadline: MonotonicTime) throws(BrokerError) {
        var (logIn, outbound) = (logIn, OutboundBuffer())
        logIn.begin(into: &outbound.bytes)
        while logIn.result == nil {
            do throws(BrokerError) {
                try outbound.drain { bytes throws(BrokerError) in try send(bytes) }
                guard .now() < deadline, hasMore || wait(hasOutput: outbound.pending > 0, until: deadline) else {
                    throw BrokerError(
                        "timed out: the port is open, and nothing answers: is this RabbitMQ's port for AMQP?")
                }
                try receive { frame, _ throws(BrokerError) in
                    try logIn.handle(frame, into: &outbound.bytes)
                    if let agreement = logIn.agreement, frameMax == 0 { take(agreement) }
                }
            } catch {
                throw decoder.hasSpokenTLS && tls == nil
                    ? BrokerError(Self.speaksTLS) : error.beforeLogIn(isTLS: tls != nil)
            }
        }
    }

    private static let speaksTLS = "the port speaks TLS: the broker's URL must begin with amqps://"

    private func take(_ agreement: BrokerLogIn.Agreement) {
        frameMax = agreement.frameMax
        heartbeat = agreement.heartbeat > 0 ? .seconds(agreement.heartbeat) : nil
        decoder.tune(agreement)
    }

    // MARK: Bytes

    var isTLS: Bool { tls != nil }

    /// The descriptor, and the events to wait for (`poll(2)`).
    ///
    /// - Parameter hasOutput: whether there is something to send.
    func interest(hasOutput: Bool) -> (descriptor: Int32, events: Int16) {
        (descriptor, hasOutput ? readable | writable : readable)
    }

    /// Whether there may be something to read after these events (`poll(2)`).
    func mayRead(after events: Int16) -> Bool {
        if hasMore { return true }
        return events & ~(readable & Int16(POLLOUT) == 0 ? Int16(POLLOUT) : 0) != 0
    }

    /// Offers bytes to the socket. Returns the number that it took, 0 if it is full. Bytes that TLS took count as sent,
    /// as those that the system took do: they may have reached the broker.
    func send(_ bytes: UnsafeRawBufferPointer) throws(BrokerError) -> Int {
        if let tls { return try send(bytes, by: tls) }
        let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return 0 }
        throw BrokerError("the connection broke: \(String(cString: strerror(errno)))")
    }

    private func send(_ bytes: UnsafeRawBufferPointer, by tls: TLSSession) throws(BrokerError) -> Int {
        var taken = 0
        while taken < bytes.count {
            do throws(BrokerError) {
                switch try tls.write(UnsafeRawBufferPointer(rebasing: bytes[taken...])) {
                case .moved(let count): taken += count
                case .wantsWrite:
                    writable = Int16(POLLOUT)
                    return taken
                case .wantsRead:
                    writable = Int16(POLLIN)
                    return taken
                case .ended: throw BrokerError.closed
                }
            } catch {
                // It fails the next time again; what was taken must not be forgotten over it.
                guard taken == 0 else { return taken }
                throw error
            }
        }
        writable = Int16(POLLOUT)
        return taken
    }

    /// Reads what has arrived and hands over each frame.
    ///
    /// - Throws: when the connection has ended or the bytes are not AMQP; the frames before have been handed over.
    func receive(_ handle: (InboundFrame, _ channel: UInt16) throws(BrokerError) -> Void) throws(BrokerError) {
        if let tls { return try receive(by: tls, handle) }
        let input = decoder.input
        var count = 0
        for _ in 0..<Self.mostReads {
            count = recv(descriptor, input.baseAddress, input.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count != 0 else { throw .closed }
            guard count > 0 else { throw BrokerError("the connection broke: \(String(cString: strerror(errno)))") }
            try decoder.decode(count, handle)
            // A short read has emptied the socket.
            if count < input.count { return }
        }
    }

    /// Reads until nothing is left: a short read says nothing of what OpenSSL holds, and the socket tells nothing of
    /// that.
    private func receive(
        by tls: TLSSession, _ handle: (InboundFrame, _ channel: UInt16) throws(BrokerError) -> Void
    ) throws(BrokerError) {
        hasMore = false
        for _ in 0..<Self.mostReads * 4 {
            switch try tls.read(into: decoder.input) {
            case .moved(let count): try decoder.decode(count, handle)
            case .wantsRead:
                readable = Int16(POLLIN)
                return
            case .wantsWrite:
                readable = Int16(POLLIN) | Int16(POLLOUT)
                return
            case .ended: throw .closed
            }
        }
        hasMore = true
    }

    /// Waits until there may be something to read, or room for output.
    ///
    /// - Returns: whether there is.
    func wait(hasOutput: Bool, until deadline: MonotonicTime) -> Bool {
        wait(for: interest(hasOutput: hasOutput).events, until: deadline)
    }

    private func wait(for events: Int16, until deadline: MonotonicTime) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        var count: Int32 = 0
        repeat {
            let left = (deadline.nanoseconds - MonotonicTime.now().nanoseconds + 999_999) / 1_000_000
            guard left > 0 else { return false }
            count = poll(&entry, 1, Int32(clamping: left))
        } while count < 0 && errno == EINTR
        return count > 0
    }

    /// Says that nothing more comes, behind `connection.close-ok`.
    func sayGoodbye() { tls?.sayGoodbye() }
}

extension BrokerError {
    fileprivate static let closed = BrokerError("the broker closed the connection")

    /// The same error before the login is done, with a hint. With TLS 1.3 a server says after the handshake that it
    /// wants a certificate, and this message can get lost when it hangs up.
    fileprivate func beforeLogIn(isTLS: Bool) -> BrokerError {
        let isCut = self == .closed || description == TLSFailure.cut || description.hasPrefix("the connection broke")
        if description.hasPrefix("bad AMQP") {
            return BrokerError("what answers does not speak AMQP 0-9-1: is this RabbitMQ's port for AMQP?")
        }
        guard isCut else { return self }
        let hint =
            isTLS ? "does the broker want a client certificate, or another one?" : "is this RabbitMQ's port for AMQP?"
        return BrokerError("the connection was closed before the login: \(hint)")
    }
}

extension BrokerError {
    init(loginRefused close: ConnectionClose, _ endpoint: BrokerEndpoint) {
        if close.isAccessRefused, endpoint.mechanism == .external {
            self.init(
                "login refused: the broker knows no user for our client certificate, or saw none (ACCESS_REFUSED)",
                cause: .credentials)
        } else if close.isAccessRefused {
            let hint = endpoint.isGuestFromElsewhere ? ", or RabbitMQ lets 'guest' in from its own machine only" : ""
            self.init("login refused: wrong user or password\(hint) (ACCESS_REFUSED)", cause: .credentials)
        } else if close.isOverMissingVirtualHost {
            self.init("there is no virtual host '\(endpoint.virtualHost)' (NOT_ALLOWED)", cause: .noVirtualHost)
        } else if close.isOverPermission(of: endpoint.user) {
            self.init(
                "the user '\(endpoint.user)' has no permission for the virtual host '\(endpoint.virtualHost)' (NOT_ALLOWED)",
                cause: .noPermission)
        } else {
            self.init("login refused: \(close)", cause: .refused)
        }
    }
}

extension BrokerEndpoint {
    fileprivate var isGuestFromElsewhere: Bool {
        user == "guest" && host != "localhost" && host != "::1" && !host.hasPrefix("127.")
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}

extension [UInt8] {
    /// A copy: frames' memory does not last.
    init(_ bytes: amqp_bytes_t) {
        self.init(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len))
    }
}

extension String {
    /// A copy: frames' memory does not last.
    init(_ bytes: amqp_bytes_t) {
        self.init(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}
