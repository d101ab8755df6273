internal import EventLoop

/// The failures of brokers that the log has had. The same of one broker again and again is one line; while another
/// broker answers, there is one line a minute of those that do not.
struct BrokerFailures {
    private static let interval: Duration = .seconds(60)

    private var last: [String: (reason: String, at: MonotonicTime)] = [:]

    /// Whether this failure belongs into the log.
    ///
    /// - Parameter isReplaced: whether another broker has let us in instead.
    mutating func isNews(_ failure: BrokerRound.Failure, isReplaced: Bool, now: MonotonicTime) -> Bool {
        let (key, reason) = (failure.endpoint.description, failure.error.description)
        if let last = last[key] {
            guard isReplaced ? last.at + Self.interval <= now : last.reason != reason else { return false }
        }
        last[key] = (reason, now)
        return true
    }

    /// A broker has let us in: whatever it does next is news.
    mutating func forget(_ endpoint: BrokerEndpoint) { last[endpoint.description] = nil }
}
