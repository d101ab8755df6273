/// Puts `basic.return`s together: method, then content header, then body frames unless the body is empty
/// (AMQP 0-9-1, section 4.2.6). They come on the publishing channel before the ack of the same message, and carry no
/// delivery tag: the message id tells whose they are.
struct ReturnAssembler {
    private enum State {
        case idle
        case method
        case body(messageID: String, left: UInt64)
    }

    private var state = State.idle

    mutating func receivedReturn() {
        state = .method
    }

    /// Returns the message id when this header completes a return.
    mutating func receivedHeader(messageID: String, bodySize: UInt64) -> String? {
        guard case .method = state else { return nil }
        state = bodySize == 0 ? .idle : .body(messageID: messageID, left: bodySize)
        return bodySize == 0 ? messageID : nil
    }

    /// Returns the message id when this body frame completes a return.
    mutating func receivedBody(count: Int) -> String? {
        guard case .body(let messageID, let left) = state else { return nil }
        guard left > UInt64(count) else {
            state = .idle
            return messageID
        }
        state = .body(messageID: messageID, left: left - UInt64(count))
        return nil
    }
}
