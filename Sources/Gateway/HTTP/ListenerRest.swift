internal import AMQPBridge
internal import EventLoop

/// When a listener takes no connections: for a moment, whenever something that accepting takes has run out.
///
/// A listener that is readable and cannot be served would keep its loop busy for nothing.
struct ListenerRest {
    static let length: Duration = .milliseconds(50)
    /// The same shortage is a line in the log so often at most.
    static let lineInterval: Duration = .seconds(60)

    /// Until when it rests; `nil`: it does not.
    private(set) var end: MonotonicTime?
    private var nextLines: [String: MonotonicTime] = [:]

    /// Something has run out.
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
