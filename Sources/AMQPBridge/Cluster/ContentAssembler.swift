/// Puts messages that come in together again, channel by channel: method, content header, body frames
/// (AMQP 0-9-1, section 4.2.6). Between channels their frames may be mixed.
struct ContentAssembler {
    enum Source: Equatable {
        case delivery(consumerTag: String)
        /// Nobody wanted the message with this id.
        case returned
    }

    struct Message {
        let source: Source
        let messageID: String
        let correlationID: String
        let body: [UInt8]
        /// How long it is, in bytes. Longer than `body`: it is too long to be kept.
        let size: UInt64

        var isTooLong: Bool { size > body.count && source != .returned }
    }

    private struct Partial {
        let source: Source
        var messageID = ""
        var correlationID = ""
        var size: UInt64 = 0
        var left: UInt64 = 0
        var body: [UInt8] = []
        var isKept = true
    }

    /// What longer messages say is dropped.
    private let maximumBytes: Int
    private let maximumBytesOfChannel: [UInt16: Int]
    private var partial: [UInt16: Partial] = [:]

    /// - Parameter channels: where it is another length.
    init(maximumBytes: Int, on channels: [UInt16: Int] = [:]) {
        self.maximumBytes = maximumBytes
        maximumBytesOfChannel = channels
    }

    /// Takes a frame of a channel.
    ///
    /// - Returns: the message that it completes.
    mutating func take(_ frame: InboundFrame, on channel: UInt16) -> Message? {
        switch frame {
        case .delivered(let tag): partial[channel] = Partial(source: .delivery(consumerTag: tag))
        case .returned: partial[channel] = Partial(source: .returned)
        case .header(let messageID, let correlationID, let size):
            guard var message = partial[channel] else { return nil }
            (message.messageID, message.correlationID) = (messageID, correlationID)
            (message.size, message.left) = (size, size)
            // What was returned is known.
            let maximumBytes = maximumBytesOfChannel[channel] ?? maximumBytes
            message.isKept = size <= UInt64(maximumBytes) && message.source != .returned
            if message.isKept { message.body.reserveCapacity(Int(size)) }
            partial[channel] = message
            if size == 0 { return complete(channel) }
        case .content(let bytes):
            guard let left = partial[channel]?.left else { return nil }
            if partial[channel]!.isKept { partial[channel]!.body += bytes }
            partial[channel]!.left = left - min(left, UInt64(bytes.count))
            if partial[channel]!.left == 0 { return complete(channel) }
        default: break
        }
        return nil
    }

    private mutating func complete(_ channel: UInt16) -> Message? {
        guard let message = partial.removeValue(forKey: channel) else { return nil }
        return Message(
            source: message.source, messageID: message.messageID, correlationID: message.correlationID,
            body: message.body, size: message.size)
    }
}
