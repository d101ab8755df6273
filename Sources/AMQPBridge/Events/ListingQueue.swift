internal import EventLoop

/// The lists of rooms that are to be read: one at a time of each server, whoever has waited longest first. A server that
/// does not answer is asked at longer and longer times, whatever its namespaces, and costs the others nothing.
struct ListingQueue {
    private struct Line {
        var namespaces: [RoomName] = []
        /// The place of the first of them that waits.
        var first = 0
        var waiting: Set<RoomName> = []
        /// The ticket of the list that is being read.
        var ticket: Int?
        var failures = 0
        /// The time of the first of them.
        var failingSince: MonotonicTime?
        var askAgain = MonotonicTime(nanoseconds: 0)
        /// Whether it stands among those that are ready, or pause.
        var isScheduled = false
    }

    /// The pause behind a gap: each list that begins anew may cost a walk through all rooms.
    private static let gapPause: Duration = .milliseconds(200)

    private var lines: [String: Line] = [:]
    private var ready: [String] = []
    private var firstReady = 0
    private var pauses = DeadlineTicks()
    private var tickets = 0
    /// The number of lists that are being read.
    private(set) var asked = 0

    /// The time at which ``next(now:)`` may have one; in the past: it has.
    var deadline: MonotonicTime? { firstReady < ready.count ? MonotonicTime(nanoseconds: 0) : pauses.next }

    /// A server's rooms in this namespace are to be read, or to be read on.
    mutating func add(_ namespace: RoomName, of server: String, now: MonotonicTime, afterGap: Bool = false) {
        var line = lines[server] ?? Line()
        if afterGap { line.askAgain = max(line.askAgain, now + Self.gapPause) }
        if line.waiting.insert(namespace).inserted { line.namespaces.append(namespace) }
        lines[server] = line
        schedule(server, now: now)
    }

    mutating func remove(_ server: String) {
        if lines.removeValue(forKey: server)?.ticket != nil { asked -= 1 }
    }

    /// The next one that is to be read; ``ended(_:ticket:isAnswered:now:)`` has to follow.
    mutating func next(now: MonotonicTime) -> (server: String, namespace: RoomName, ticket: Int)? {
        for server in pauses.due(now: now) { ready.append(server) }
        while firstReady < ready.count {
            let server = ready[firstReady]
            firstReady += 1
            if firstReady == ready.count {
                ready = []
                firstReady = 0
            }
            // One that has left, and perhaps come again, may stand here several times.
            guard var line = lines[server], line.isScheduled, line.ticket == nil else { continue }
            line.isScheduled = false
            let namespace = line.namespaces[line.first]
            line.first += 1
            line.waiting.remove(namespace)
            if line.first == line.namespaces.count {
                line.namespaces = []
                line.first = 0
            }
            tickets += 1
            line.ticket = tickets
            lines[server] = line
            asked += 1
            return (server, namespace, tickets)
        }
        return nil
    }

    /// - Parameter isAnswered: whether the server has answered as it should.
    mutating func ended(_ server: String, ticket: Int, isAnswered: Bool, now: MonotonicTime) {
        guard var line = lines[server], line.ticket == ticket else { return }
        asked -= 1
        line.ticket = nil
        line.failures = isAnswered ? 0 : line.failures + 1
        line.failingSince = isAnswered ? nil : line.failingSince ?? now
        if !isAnswered { line.askAgain = now + min(.milliseconds(200 << min(line.failures, 6)), .seconds(10)) }
        lines[server] = line
        schedule(server, now: now)
    }

    /// The time since which a server has not answered; `nil`: it does.
    func failingSince(of server: String) -> MonotonicTime? { lines[server]?.failingSince }

    private mutating func schedule(_ server: String, now: MonotonicTime) {
        guard let line = lines[server], !line.isScheduled, line.ticket == nil, !line.waiting.isEmpty else { return }
        lines[server]?.isScheduled = true
        if line.askAgain <= now { ready.append(server) } else { pauses.add(server, at: line.askAgain) }
    }
}
