/// The broker's alarm, during which it takes no messages, as those hear of it that publish on a connection
/// (`connection.blocked`, `connection.unblocked`).
package struct BrokerAlarm {
    /// The reason, in the broker's words; `nil`: the broker takes messages, or there is no connection.
    package private(set) var reason: String?
    private var mayProbe = true

    package init() {}

    package mutating func raised(_ reason: String) { self.reason = reason }

    /// The broker takes messages again, or the connection is gone.
    package mutating func ended() { reason = nil }

    /// Asks the broker to say whether it is blocked, which it does not say by itself to a connection that is idle.
    package func probe(into buffer: inout [UInt8]) {
        if mayProbe, reason == nil { FrameWriter.probe(into: &buffer) }
    }

    /// Takes the close of the channel on which the broker was asked: a user who may not publish to the default exchange
    /// does not ask again.
    package mutating func probeRefused(by close: ChannelClose) {
        if close.isOverDefaultExchange { mayProbe = false }
    }
}
