internal import CRabbitMQ
internal import Glibc

/// A connection to RabbitMQ that has logged in; afterwards its bytes go in and out without blocking.
///
/// `@unchecked Sendable`: one connection belongs to one thread at a time. The thread that opened it hands it over to the
/// event loop whole and keeps nothing; from then on it is touched on the loop only.
final class AMQPConnection: @unchecked Sendable {
    let frameMax: Int
    /// The agreed heartbeat interval; `nil`: none.
    let heartbeat: Duration?
    let descriptor: Int32

    private let keepsContent: Bool
    private let state: amqp_connection_state_t
    private let input: UnsafeMutableRawBufferPointer

    private static let inputBytes = 64 * 1_024
    /// The type of a frame with a part of a message's body (AMQP 0-9-1, section 4.2.3).
    private static let bodyFrame: UInt8 = 3
    /// librabbitmq's default; RabbitMQ's own default, too.
    private static let wantedFrameMax: Int32 = 131_072

    /// Connects and logs in. Blocks, name resolution included, so call it on a thread that may wait.
    ///
    /// - Parameter keepsContent: whether ``receive(_:)`` hands over the bytes of messages, or only their number.
    init(
        to endpoint: BrokerEndpoint, name: String, keepsContent: Bool, heartbeat: Duration, timeout: Duration
    ) throws(BrokerError) {
        guard let state = amqp_new_connection() else { throw BrokerError("no memory for a connection") }
        do throws(BrokerError) {
            try Self.open(state, endpoint, timeout)
            try Self.logIn(state, endpoint, name, heartbeat)
        } catch {
            amqp_destroy_connection(state)
            throw error
        }
        self.state = state
        self.keepsContent = keepsContent
        descriptor = amqp_get_sockfd(state)
        frameMax = Int(amqp_get_frame_max(state))
        let agreed = amqp_get_heartbeat(state)
        self.heartbeat = agreed > 0 ? .seconds(Int(agreed)) : nil
        input = .allocate(byteCount: Self.inputBytes, alignment: 16)
    }

    /// Closes the socket, and frees the connection with all its frames' memory.
    deinit {
        amqp_destroy_connection(state)
        input.deallocate()
    }

    private static func open(
        _ state: amqp_connection_state_t, _ endpoint: BrokerEndpoint, _ timeout: Duration
    ) throws(BrokerError) {
        // Owned by the connection from here on; destroyed with it.
        guard let socket = amqp_tcp_socket_new(state) else { throw BrokerError("no memory for a socket") }
        var limit = timeval(timeout)
        amqp_set_handshake_timeout(state, &limit)
        amqp_set_rpc_timeout(state, &limit)
        do throws(TCPSocket.Failure) {
            amqp_tcp_socket_set_sockfd(
                socket, try TCPSocket.connect(to: endpoint.host, port: endpoint.port, within: timeout))
        } catch {
            throw BrokerError(error.description)
        }
    }

    private static func logIn(
        _ state: amqp_connection_state_t, _ endpoint: BrokerEndpoint, _ name: String, _ heartbeat: Duration
    ) throws(BrokerError) {
        let reply = gateway_amqp_login_plain(
            state, endpoint.virtualHost, wantedFrameMax, Int32(heartbeat.components.seconds),
            name, endpoint.user, endpoint.password)
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return
        case AMQP_RESPONSE_SERVER_EXCEPTION: throw BrokerError(loginRefused: closeText(reply.reply), endpoint)
        default: throw BrokerError(loginFailed: reply.library_error)
        }
    }

    /// The code and the words of `connection.close`.
    private static func closeText(_ method: amqp_method_t) -> String {
        guard method.id == connectionCloseMethod, let decoded = method.decoded else { return "no reason given" }
        let close = decoded.load(as: amqp_connection_close_t.self)
        return "\(close.reply_code) \(String(close.reply_text))"
    }

    /// Offers bytes to the socket. Returns how many it took, 0 if it is full.
    func send(_ bytes: UnsafeRawBufferPointer) throws(BrokerError) -> Int {
        let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return 0 }
        throw BrokerError("the connection broke: \(String(cString: strerror(errno)))")
    }

    /// Reads what has arrived and hands over each frame.
    ///
    /// - Throws: when the connection has ended or the bytes are not AMQP; the frames before have been handed over.
    func receive(_ handle: (InboundFrame, _ channel: UInt16) throws(BrokerError) -> Void) throws(BrokerError) {
        var count = 0
        repeat {
            count = recv(descriptor, input.baseAddress, input.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count != 0 else { throw BrokerError("the broker closed the connection") }
            guard count > 0 else { throw BrokerError("the connection broke: \(String(cString: strerror(errno)))") }
            try decode(count, handle)
        } while count == input.count  // a short read has emptied the socket
    }

    private func decode(
        _ count: Int, _ handle: (InboundFrame, _ channel: UInt16) throws(BrokerError) -> Void
    ) throws(BrokerError) {
        var offset = 0
        while offset < count {
            var frame = amqp_frame_t()
            let bytes = amqp_bytes_t(len: count - offset, bytes: input.baseAddress! + offset)
            let consumed = amqp_handle_input(state, bytes, &frame)
            guard consumed >= 0 else {
                throw BrokerError("bad AMQP: \(String(cString: amqp_error_string2(consumed)))")
            }
            offset += Int(consumed)
            // Type 0: not a whole frame yet.
            if frame.frame_type != 0 { try handle(InboundFrame(&frame, keepsContent: keepsContent), frame.channel) }
            // Between two frames only can their memory be released, and in a stream of large ones no read ends there.
            if frame.frame_type == Self.bodyFrame { amqp_maybe_release_buffers(state) }
        }
        // "Frames' memory" lives in the connection's pools until here; InboundFrame has copied what it needs.
        amqp_maybe_release_buffers(state)
    }

    /// Waits until the connection is ready for `events` (`poll(2)`).
    ///
    /// - Returns: whether it is.
    func wait(for events: Int32, until deadline: MonotonicTime) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let left = (deadline.nanoseconds - MonotonicTime.now().nanoseconds) / 1_000_000
        return poll(&entry, 1, Int32(clamping: max(0, left))) > 0
    }
}

/// `AMQP_CONNECTION_CLOSE_METHOD` is a macro with a cast, which Swift does not import.
private let connectionCloseMethod: amqp_method_number_t = 0x000A_0032

extension BrokerError {
    /// - Parameter text: RabbitMQ's code and words (observed, 3.10.8: `403 ACCESS_REFUSED - Login was refused using
    ///   authentication mechanism PLAIN. …`, `530 NOT_ALLOWED - vhost nowhere not found`, `530 NOT_ALLOWED - access to vhost
    ///   '/' refused for user 'u'`, and the same with a reason behind it when there are too many connections).
    init(loginRefused text: String, _ endpoint: BrokerEndpoint) {
        if text.hasPrefix("403 ") {
            let hint = endpoint.isGuestFromElsewhere ? ", or RabbitMQ lets 'guest' in from its own machine only" : ""
            self.init("login refused: wrong user or password\(hint) (ACCESS_REFUSED)", cause: .credentials)
        } else if text.contains("vhost"), text.hasSuffix("not found") {
            self.init("there is no virtual host '\(endpoint.virtualHost)' (NOT_ALLOWED)", cause: .noVirtualHost)
        } else if text.contains("access to vhost"), text.hasSuffix("refused for user '\(endpoint.user)'") {
            self.init(
                "the user '\(endpoint.user)' has no permission for the virtual host '\(endpoint.virtualHost)' (NOT_ALLOWED)",
                cause: .noPermission)
        } else {
            self.init("login refused: \(text)")
        }
    }

    /// - Parameter status: librabbitmq's.
    fileprivate init(loginFailed status: Int32) {
        switch status {
        case AMQP_STATUS_TIMEOUT.rawValue:
            self.init("timed out: the port is open, and nothing answers: is this RabbitMQ's port for AMQP?")
        case AMQP_STATUS_CONNECTION_CLOSED.rawValue, AMQP_STATUS_SOCKET_CLOSED.rawValue,
            AMQP_STATUS_SOCKET_ERROR.rawValue:
            self.init("the connection was closed before the login: is this RabbitMQ's port for AMQP without TLS?")
        case AMQP_STATUS_BAD_AMQP_DATA.rawValue, AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION.rawValue:
            self.init("what answers does not speak AMQP 0-9-1: is this RabbitMQ's port for AMQP?")
        default: self.init("the login failed: \(String(cString: amqp_error_string2(status)))")
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
