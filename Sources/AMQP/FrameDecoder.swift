internal import CRabbitMQ

/// Finds the frames in the bytes of a connection, with librabbitmq's codec and nothing else of it.
final class FrameDecoder {
    /// The memory for the bytes that ``decode(_:_:)`` is to read.
    let input: UnsafeMutableRawBufferPointer
    /// Whether the first bytes of all were an alert of TLS, with which a port for TLS answers AMQP (RFC 8446, section
    /// 5.1).
    private(set) var hasSpokenTLS = false

    private let keeping: ContentKeeping
    // Owned; freed with this object, with all its frames' memory.
    private let state: amqp_connection_state_t
    private var isAtStart = true
    private var frames = 0

    private static let inputBytes = 64 * 1_024

    /// - Parameter keeping: the messages whose bytes are handed over; of others only their number is.
    init(_ keeping: ContentKeeping) throws(BrokerError) {
        guard let state = amqp_new_connection() else { throw BrokerError("no memory for a connection") }
        self.state = state
        self.keeping = keeping
        input = .allocate(byteCount: Self.inputBytes, alignment: 16)
    }

    deinit {
        amqp_destroy_connection(state)
        input.deallocate()
    }

    /// Takes frames of the agreed length from now on.
    func tune(_ agreement: BrokerLogIn.Agreement) {
        // Heartbeats are the connector's business.
        amqp_tune_connection(state, Int32(agreement.channelMax), Int32(agreement.frameMax), 0)
    }

    /// Hands over the frames that are complete with the first `count` bytes of ``input``.
    func decode(
        _ count: Int, _ handle: (InboundFrame, _ channel: UInt16) throws(BrokerError) -> Void
    ) throws(BrokerError) {
        if isAtStart {
            isAtStart = false
            hasSpokenTLS = count >= 2 && input[0] == 0x15 && input[1] == 0x03
        }
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
            if frame.frame_type != 0 {
                try handle(InboundFrame(&frame, keepsContent: keeping.keeps(frame.channel)), frame.channel)
            }
            // Between two frames only can their memory be released, and in a stream without an end no read may ever end
            // there.
            frames &+= 1
            if frame.frame_type == FrameType.body.rawValue || frames & 0xFF == 0 { amqp_maybe_release_buffers(state) }
        }
        // "Frames' memory" lives in the connection's pools until here; InboundFrame has copied what it needs.
        amqp_maybe_release_buffers(state)
    }
}
