package import EventLoop
package import Logging

/// Counts the channels that the broker closes, and writes a line about each. Lives on one event loop.
package final class ChannelCloseLog {
    private let logger: Logger
    private let counters: ChannelCloseCounters
    private var budget = LineBudget()

    package init(_ logger: Logger, _ counters: ChannelCloseCounters) {
        (self.logger, self.counters) = (logger, counters)
    }

    package func note(_ close: ChannelClose, now: MonotonicTime) {
        counters.count(code: close.code)
        var metadata: Logger.Metadata = ["code": "\(close.code)", "reason": "\(close.text)"]
        // That there is no exchange is what look-ups are there to find out.
        if close.channel == FrameWriter.lookUpChannel, close.isNotFound {
            logger.debug("broker closed a channel", metadata: metadata)
            return
        }
        guard let omitted = budget.take(now: now) else { return }
        if omitted > 0 { metadata["omitted"] = "\(omitted)" }
        logger.warning("broker closed a channel", metadata: metadata)
    }
}

/// The number of lines that may be written: a few at once, then one a second.
struct LineBudget {
    static let burst = 10
    static let interval: Duration = .seconds(1)

    private var left = LineBudget.burst
    private var refilled: MonotonicTime?
    private var omitted = 0

    /// Takes one line.
    ///
    /// - Returns: the number of lines that were left out before it; `nil`: it is left out as well.
    mutating func take(now: MonotonicTime) -> Int? {
        let since = now - (refilled ?? now)
        let earned = Int(since.nanoseconds / Self.interval.nanoseconds)
        left = min(Self.burst, left + earned)
        refilled = left == Self.burst || refilled == nil ? now : refilled! + Self.interval * earned
        guard left > 0 else {
            omitted += 1
            return nil
        }
        left -= 1
        defer { omitted = 0 }
        return omitted
    }
}
