internal import AMQP

/// What a publisher has written, read back: the frames of one message together.
package enum WrittenFrame: Equatable {
    case channelOpen(UInt16)
    case confirmSelect
    case transactionSelect
    /// A message on the channel for look-ups, and its rollback.
    case lookUp(String)
    case publish(exchange: String, key: String, messageID: String, body: String)
    /// A message that wants an answer. Its correlation id is its message id.
    case question(exchange: String, key: String, id: String, replyTo: String, expiration: String?, body: String)
    case passiveDeclare(String)
    case exchangeDeclare(String, channel: UInt16)
    case queueDeclare(channel: UInt16)
    case queueBind(exchange: String, key: String, channel: UInt16)
    case consume(queue: String, tag: String, channel: UInt16)
    case channelClose(UInt16)
    case channelCloseOK(UInt16)
    case heartbeat
    /// A message to nobody on the control channel.
    case probe
    case other(type: UInt8, channel: UInt16)

    package static func read(_ bytes: [UInt8]) -> [WrittenFrame] {
        var reader = Reader(bytes: bytes[...])
        var frames: [WrittenFrame] = []
        while !reader.bytes.isEmpty { frames.append(reader.next()) }
        return frames
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func next() -> WrittenFrame {
            var (type, channel, payload) = frame()
            guard type == 1 else { return type == 8 ? .heartbeat : .other(type: type, channel: channel) }
            switch payload.integer(bytes: 4) {
            case 0x0014_000A: return .channelOpen(channel)
            case 0x0014_0029: return .channelCloseOK(channel)
            case 0x0055_000A: return .confirmSelect
            case 0x005A_000A: return .transactionSelect
            case 0x0028_000A:
                _ = payload.integer(bytes: 2)
                let (exchange, _) = (payload.shortString(), payload.shortString())
                return payload.integer(bytes: 1) & 1 != 0
                    ? .passiveDeclare(exchange) : .exchangeDeclare(exchange, channel: channel)
            case 0x0014_0028: return .channelClose(channel)
            case 0x0032_000A: return .queueDeclare(channel: channel)
            case 0x0032_0014:
                _ = payload.integer(bytes: 2)
                let (_, exchange, key) = (payload.shortString(), payload.shortString(), payload.shortString())
                return .queueBind(exchange: exchange, key: key, channel: channel)
            case 0x003C_0014:
                _ = payload.integer(bytes: 2)
                return .consume(queue: payload.shortString(), tag: payload.shortString(), channel: channel)
            case 0x003C_0028:
                _ = payload.integer(bytes: 2)
                let message = message(exchange: payload.shortString(), key: payload.shortString())
                switch (channel, message) {
                case (FrameWriter.controlChannel, _): return .probe
                case (FrameWriter.lookUpChannel, .publish(let exchange, _, _, _)):
                    var (_, _, rollback) = frame()
                    precondition(rollback.integer(bytes: 4) == 0x005A_001E, "a look-up that is not rolled back")
                    return .lookUp(exchange)
                default: return message
                }
            default: return .other(type: type, channel: channel)
            }
        }

        private mutating func message(exchange: String, key: String) -> WrittenFrame {
            var (_, _, header) = frame()
            _ = header.integer(bytes: 4)
            let size = header.integer(bytes: 8)
            let flags = header.integer(bytes: 2)
            if flags & 1 << 13 != 0 {
                let table = header.integer(bytes: 4)
                header.bytes = header.bytes.dropFirst(table)
            }
            let isQuestion = flags & 1 << 10 != 0
            let id = isQuestion ? header.shortString() : ""
            let replyTo = flags & 1 << 9 != 0 ? header.shortString() : ""
            let expiration = flags & 1 << 8 != 0 ? header.shortString() : nil
            let messageID = flags & 1 << 7 != 0 ? header.shortString() : ""
            var body: [UInt8] = []
            while body.count < size { body += frame().payload.bytes }
            let text = String(decoding: body, as: UTF8.self)
            guard isQuestion else { return .publish(exchange: exchange, key: key, messageID: messageID, body: text) }
            precondition(id == messageID, "a question with two ids")
            return .question(
                exchange: exchange, key: key, id: id, replyTo: replyTo, expiration: expiration, body: text)
        }

        private mutating func frame() -> (type: UInt8, channel: UInt16, payload: Reader) {
            let (type, channel, size) = (integer(bytes: 1), integer(bytes: 2), integer(bytes: 4))
            let payload = Reader(bytes: bytes.prefix(size))
            bytes = bytes.dropFirst(size)
            precondition(integer(bytes: 1) == 0xCE, "a frame does not end where it should")
            return (UInt8(type), UInt16(channel), payload)
        }

        private mutating func integer(bytes count: Int) -> Int {
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
        }

        private mutating func shortString() -> String {
            let count = integer(bytes: 1)
            defer { bytes = bytes.dropFirst(count) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }
}
