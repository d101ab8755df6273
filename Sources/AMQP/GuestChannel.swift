package import EventLoop

/// A channel for something else than publishing on an event loop's connection, ``FrameWriter/guestChannel``: the
/// publisher opens nothing on it, and passes on what comes of it.
///
/// Lives on the loop.
package protocol GuestChannel: AnyObject {
    /// The time at which ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? { get }

    /// The connection is gone, and the channel with it.
    func disconnected()
    /// Takes a message that has come on the channel: delivered or returned.
    func receive(_ message: ContentAssembler.Message, now: MonotonicTime)
    /// Takes a method.
    func handle(_ frame: InboundFrame, now: MonotonicTime)
    func expire(now: MonotonicTime)
}

/// Of which messages a connection hands over the bytes, and not only their number.
package enum ContentKeeping: Sendable {
    case none, ofGuest, all

    func keeps(_ channel: UInt16) -> Bool {
        switch self {
        case .none: false
        case .ofGuest: channel == FrameWriter.guestChannel
        case .all: true
        }
    }
}
