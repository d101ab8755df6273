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
    /// Whether frames came that cannot follow each other. librabbitmq drops frames of a type that it does not know: then one
    /// is missing, perhaps of a return, and what is acknowledged next may have been returned.
    private(set) var isOutOfOrder = false

    mutating func receivedReturn() {
        receivedMethod()
        state = .method
    }

    /// A method is on the channel: no return may be half there.
    mutating func receivedMethod() {
        guard case .idle = state else {
            isOutOfOrder = true
            return
        }
    }

    /// Returns the message id when this header completes a return.
    mutating func receivedHeader(messageID: String, bodySize: UInt64) -> String? {
        guard case .method = state else {
            isOutOfOrder = true
            return nil
        }
        state = bodySize == 0 ? .idle : .body(messageID: messageID, left: bodySize)
        return bodySize == 0 ? messageID : nil
    }

    /// Returns the message id when this body frame completes a return.
    mutating func receivedBody(count: Int) -> String? {
        guard case .body(let messageID, let left) = state else {
            isOutOfOrder = true
            return nil
        }
        guard left > UInt64(count) else {
            state = .idle
            return messageID
        }
        state = .body(messageID: messageID, left: left - UInt64(count))
        return nil
    }
}
