/// Puts messages that come in together again, channel by channel: method, content header, body frames unless the body
/// is empty (AMQP 0-9-1, section 4.2.6). Between channels their frames may be mixed.
///
/// A returned message comes on the publishing channel before its ack, and carries no delivery tag: the message id tells
/// to which publication it belongs.
package struct ContentAssembler {
    package enum Source: Equatable {
        case delivery(consumerTag: String)
        /// A return: no queue took the message with this id.
        case returned
    }

    package struct Message {
        package let source: Source
        package let messageID: String
        package let correlationID: String
        package let body: [UInt8]
        /// The length of the message, in bytes. If `body` is shorter, the message was too long to be kept.
        package let size: UInt64

        package var isTooLong: Bool { size > body.count && source != .returned }
    }

    private final class Partial {
        let channel: UInt16
        let source: Source
        var hasHeader = false
        var messageID = ""
        var correlationID = ""
        var size: UInt64 = 0
        var left: UInt64 = 0
        var body: [UInt8] = []
        var isKept = true

        init(_ source: Source, on channel: UInt16) {
            self.channel = channel
            self.source = source
        }
    }

    /// The most bytes of a body that is kept; longer ones are dropped.
    private let maximumBytes: Int
    private let maximumBytesOfChannel: [UInt16: Int]
    /// The messages of which a part has come; at most one for each channel, nearly always one at all.
    private var partial: [Partial] = []
    /// Whether frames came that cannot follow each other. librabbitmq drops frames of a type that it does not know:
    /// then one is missing, perhaps of a return, and the message that is acknowledged next may have been returned.
    package private(set) var isOutOfOrder = false

    /// - Parameter channels: where it is another length.
    package init(maximumBytes: Int, on channels: [UInt16: Int] = [:]) {
        self.maximumBytes = maximumBytes
        maximumBytesOfChannel = channels
    }

    /// Takes a frame of a channel, of whatever kind.
    ///
    /// - Returns: the message that it completes.
    package mutating func take(_ frame: InboundFrame, on channel: UInt16) -> Message? {
        switch frame {
        case .delivered(let tag): begin(.delivery(consumerTag: tag), on: channel)
        case .returned: begin(.returned, on: channel)
        case .header(let messageID, let correlationID, let size):
            guard let message = message(on: channel), !message.hasHeader else { return outOfOrder() }
            message.hasHeader = true
            (message.messageID, message.correlationID) = (messageID, correlationID)
            (message.size, message.left) = (size, size)
            // What was returned is known.
            let maximumBytes = maximumBytesOfChannel[channel] ?? maximumBytes
            message.isKept = size <= UInt64(maximumBytes) && message.source != .returned
            if size == 0 { return complete(message) }
        case .content(let bytes): return take(bytes, count: bytes.count, on: channel)
        case .body(let count): return take([], count: count, on: channel)
        // The broker may have had no time for the rest.
        case .channelClosed(let close): partial.removeAll { $0.channel == close.channel }
        default:
            if message(on: channel) != nil { isOutOfOrder = true }
        }
        return nil
    }

    private func message(on channel: UInt16) -> Partial? { partial.first { $0.channel == channel } }

    private mutating func begin(_ source: Source, on channel: UInt16) {
        if let message = message(on: channel) {
            isOutOfOrder = true
            partial.removeAll { $0 === message }
        }
        partial.append(Partial(source, on: channel))
    }

    private mutating func take(_ bytes: [UInt8], count: Int, on channel: UInt16) -> Message? {
        guard let message = message(on: channel), message.hasHeader, message.left >= UInt64(count) else {
            return outOfOrder()
        }
        if message.isKept {
            if message.body.isEmpty, message.left == UInt64(count) {
                message.body = bytes
            } else {
                if message.body.isEmpty { message.body.reserveCapacity(Int(message.size)) }
                message.body += bytes
            }
        }
        message.left -= UInt64(count)
        return message.left == 0 ? complete(message) : nil
    }

    private mutating func outOfOrder() -> Message? {
        isOutOfOrder = true
        return nil
    }

    private mutating func complete(_ message: Partial) -> Message {
        partial.removeAll { $0 === message }
        return Message(
            source: message.source, messageID: message.messageID, correlationID: message.correlationID,
            body: message.body, size: message.size)
    }
}

extension BrokerError {
    /// A frame is missing, and the connection cannot be believed any more.
    package static let framesOutOfOrder = BrokerError("the broker's frames do not follow each other")
}
