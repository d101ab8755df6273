internal import AMQPBridge
internal import EventLoop

/// The connections to close when there are too many: those that have been idle longest.
///
/// Nothing is kept in order while there is room, for that would cost each request something. A few that are idle
/// longest are looked for when there is none, and are enough for as many new connections.
struct IdleConnections {
    struct Candidate: Equatable {
        let descriptor: Int32
        let since: MonotonicTime
    }

    /// The number of connections that are found in one search.
    static let batch = 32

    /// The longest idle is the last.
    private var candidates: [Candidate] = []

    /// - Parameters:
    ///   - search: all idle connections, in any order.
    ///   - isStill: whether one is idle and has been so since.
    /// - Returns: the one to close; `nil`: none is idle.
    mutating func next(
        search: () -> some Sequence<Candidate>, isStill: (Candidate) -> Bool
    ) -> Int32? {
        if let candidate = take(isStill) { return candidate.descriptor }
        candidates = Self.longest(search())
        return take(isStill)?.descriptor
    }

    private mutating func take(_ isStill: (Candidate) -> Bool) -> Candidate? {
        while let candidate = candidates.popLast() {
            if isStill(candidate) { return candidate }
        }
        return nil
    }

    private static func longest(_ idle: some Sequence<Candidate>) -> [Candidate] {
        var found: [Candidate] = []
        for candidate in idle {
            if found.count == batch {
                guard candidate.since < found[0].since else { continue }
                found.removeFirst()
            }
            let place = found.firstIndex { $0.since < candidate.since } ?? found.endIndex
            found.insert(candidate, at: place)
        }
        return found
    }
}
