internal import AMQPBridge
internal import EventLoop

/// The rest of a listener, in which it takes no connections: for a moment, whenever something that accepting takes has
/// run out.
///
/// A listener that is readable and cannot be served would keep its loop busy for nothing.
struct ListenerRest {
    static let length: Duration = .milliseconds(50)
    /// The least time between two lines in the log about the same shortage.
    static let lineInterval: Duration = .seconds(60)

    /// The end of the rest; `nil`: the listener does not rest.
    private(set) var end: MonotonicTime?
    private var nextLines: [String: MonotonicTime] = [:]

    /// Begins a rest, because something has run out.
    ///
    /// - Returns: whether that is a line in the log.
    mutating func begin(_ shortage: String, now: MonotonicTime) -> Bool {
        end = now + Self.length
        if let next = nextLines[shortage], now < next { return false }
        nextLines[shortage] = now + Self.lineInterval
        return true
    }

    /// Ends a rest whose time is over.
    ///
    /// - Returns: whether it has just ended.
    mutating func isOver(now: MonotonicTime) -> Bool {
        guard let end, end <= now else { return false }
        self.end = nil
        return true
    }
}
