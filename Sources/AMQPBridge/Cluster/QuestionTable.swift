internal import EventLoop

/// The questions under way, each with the servers that are still to answer, and its deadline. Late answers find no
/// question, and are dropped.
struct QuestionTable {
    /// What is known of a question's way to the servers.
    private enum Arrival {
        case unknown
        /// A queue has not taken it; others may have.
        case refused
        /// The broker has taken it, or a server has answered.
        case certain
    }

    private final class Entry {
        let id: String
        /// The key under which callers can join the question; `nil`: it is no read, and cannot be joined.
        let key: ReadKey?
        let includesLost: Bool
        /// Whether it is done when the broker has taken it, as an emit is, and the answers are more than that.
        let isEmit: Bool
        let waits: any QuestionWaits
        /// The size of the message, in bytes.
        let size: Int
        /// The servers that are to answer.
        var expected: Set<String>
        /// The servers that have given all of their answer.
        var done: Set<String> = []
        /// The servers of whose answer at least a part was too large to be sent.
        var tooLarge: Set<String> = []
        /// The servers that are not on the broker: they are not waited for, but they count.
        var away: Set<String>
        var hasAnswers = false
        var arrival = Arrival.unknown
        /// Whether a server that nobody knows is still waited for, where none is that is known.
        var isPatient = false
        /// The bytes that servers take that have answered without being expected.
        var serverBytes = 0
        /// The bytes that are held of answers and of the servers that have given them.
        var bytes = 0
        let deadline: MonotonicTime
        /// The time at which the broker is asked about servers that have not answered; `nil`: it cannot be asked about
        /// any.
        var impatientAt: MonotonicTime?

        init<Answer>(
            _ question: Question<Answer>, id: String, size: Int, expected: Set<String>, away: Set<String>,
            waits: Waits<Answer>, deadline: MonotonicTime
        ) {
            self.id = id
            key = question.key
            includesLost = question.includesLost
            isEmit = question.kind == .broadcast
            self.waits = waits
            self.size = size
            self.expected = expected
            self.away = away
            self.deadline = deadline
        }

        var isRead: Bool { key != nil }

        /// The servers that are waited for.
        var pending: Set<String> { expected.filter(isAwaited) }

        func isAwaited(_ uid: String) -> Bool {
            expected.contains(uid) && !done.contains(uid) && !away.contains(uid)
        }

        /// Whether no server is waited for any more.
        var isSettled: Bool { !expected.contains(where: isAwaited) }

        var tally: ServerTally {
            ServerTally(
                expected: expected.count, responded: done.subtracting(tooLarge).count,
                missing: expected.subtracting(done).subtracting(tooLarge).sorted(), tooLarge: tooLarge.sorted())
        }
    }

    /// The most bytes of answers that are held, for one question and for all. An answer beyond that is not taken: its
    /// server is missing.
    struct Limits: Sendable, Equatable {
        /// Room for the longest value that a server can send.
        var bytesPerQuestion = 17 << 20
        var bytes = 48 << 20
    }

    /// The time that a server has to answer before the broker is asked whether it is there.
    static let patience: Duration = .milliseconds(100)
    /// The time until the broker is asked again, while the server does not answer.
    static let patienceAfterwards: Duration = .seconds(1)
    /// The bytes that a server takes that was not expected to answer, beside its uid and its answer.
    static let bytesPerServer = 256

    private let limits: Limits
    private var entries: [String: Entry] = [:]
    private var reads: [ReadKey: String] = [:]
    private var questionOfWaiter: [Int: String] = [:]
    private var deadlines = DeadlineTicks()
    private var impatience = DeadlineTicks()
    private var bytes = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The number of callers that wait.
    var waiting: Int { questionOfWaiter.count }
    var count: Int { entries.count }
    /// The time at which ``expire(now:)`` or ``overdue(now:)`` has something to do.
    var deadline: MonotonicTime? {
        guard let first = deadlines.next, let second = impatience.next else { return deadlines.next ?? impatience.next }
        return min(first, second)
    }

    /// Joins a read that is under way already. Returns `false` if there is none.
    mutating func join<Answer>(
        _ question: Question<Answer>, waiter: Int, _ completion: @escaping Waits<Answer>.Completion
    ) -> Bool {
        guard let key = question.key, let id = reads[key], let waits = entries[id]?.waits as? Waits<Answer> else {
            return false
        }
        waits.add(waiter, completion)
        questionOfWaiter[waiter] = id
        return true
    }

    /// A question has been asked.
    ///
    /// - Parameters:
    ///   - size: the size of its message, in bytes.
    ///   - away: the expected servers that are not on the broker.
    ///   - asked: the time of the question, if there are servers that the broker can be asked about.
    mutating func begin<Answer>(
        _ question: Question<Answer>, id: String, size: Int = 0, expected: Set<String>, away: Set<String> = [],
        waiter: Int, asked: MonotonicTime? = nil, deadline: MonotonicTime,
        _ completion: @escaping Waits<Answer>.Completion
    ) {
        let waits = Waits(question.gathering)
        waits.add(waiter, completion)
        let entry = Entry(
            question, id: id, size: size, expected: expected, away: away, waits: waits, deadline: deadline)
        entries[id] = entry
        if let asked {
            setImpatience(of: entry, at: asked + Self.patience)
            entry.isPatient = entry.isSettled
        }
        if let key = entry.key { reads[key] = id }
        questionOfWaiter[waiter] = id
        deadlines.add(id, at: entry.deadline)
    }

    func isUnderWay(_ id: String) -> Bool { entries[id] != nil }

    /// The broker has taken a question, or a queue has not. An answer is better proof than either.
    mutating func confirm(_ id: String, isTaken: Bool) {
        guard let entry = entries[id], entry.arrival == .unknown else { return }
        entry.arrival = isTaken ? .certain : .refused
        if !entry.isPatient { finishIfComplete(entry) }
    }

    /// The connection has broken before the question left.
    mutating func neverLeft(_ id: String) {
        if let entry = entries[id] { fail(entry, .brokerUnavailable) }
    }

    /// Takes an answer.
    ///
    /// - Parameter size: the size of all of it, in bytes. Less of it may be held.
    mutating func receive(_ answer: ServerMessage, for id: String, size: Int) {
        guard let entry = entries[id], !entry.done.contains(answer.uid) else { return }
        entry.arrival = .certain
        // A gathering that bounds itself does not grow with each answer.
        let gathering = entry.waits.gathering
        let growth = gathering.isBounded ? 0 : size
        guard entry.bytes + growth <= limits.bytesPerQuestion, bytes + growth <= limits.bytes else { return }
        let progress = answer.isTooLarge ? gathering.takeTooLarge(answer) : gathering.take(answer)
        if case .ignored = progress { return }
        // A server may have changed since it gave this answer: callers that ask from now on ask anew.
        if let key = entry.key, reads[key] == entry.id { reads[key] = nil }
        entry.hasAnswers = true
        // One that has come since, or of which nothing was heard yet.
        if entry.expected.insert(answer.uid).inserted {
            entry.serverBytes += Self.bytesPerServer + answer.uid.utf8.count
        }
        hold(entry.serverBytes + gathering.heldBytes, for: entry)
        switch progress {
        case .ignored, .partial: break
        case .done:
            entry.done.insert(answer.uid)
            finishIfComplete(entry)
        case .tooLarge(let isLast):
            entry.tooLarge.insert(answer.uid)
            guard isLast else { break }
            entry.done.insert(answer.uid)
            finishIfComplete(entry)
        case .finished: finish(entry)
        }
    }

    private mutating func hold(_ count: Int, for entry: Entry) {
        bytes += count - entry.bytes
        entry.bytes = count
    }

    /// Takes out a server that has gone: it is not waited for any more.
    ///
    /// - Parameter mayReturn: the server has said no goodbye; questions that include lost servers go on waiting for it.
    mutating func left(_ uid: String, mayReturn: Bool = false) {
        for entry in entries.values where entry.expected.contains(uid) && !entry.done.contains(uid) {
            if mayReturn, entry.includesLost { continue }
            // What it could not send is missed all the same.
            if entry.tooLarge.contains(uid) { entry.done.insert(uid) } else { entry.expected.remove(uid) }
            finishIfComplete(entry)
        }
    }

    /// Notes that a server is not on the broker: it is not waited for any more, but it is missing.
    mutating func away(_ uid: String) {
        for entry in entries.values where entry.isAwaited(uid) {
            entry.away.insert(uid)
            finishIfComplete(entry)
        }
    }

    /// Whether a question waits for this server.
    func isAwaited(_ uid: String) -> Bool { entries.values.contains { $0.isAwaited(uid) } }

    /// The servers that have been waited for so long that the broker is to be asked about them, each with the moment at
    /// or behind which it must have been.
    mutating func overdue(now: MonotonicTime) -> [String: MonotonicTime] {
        var overdue: [String: MonotonicTime] = [:]
        for id in impatience.due(now: now) {
            guard let entry = entries[id], let due = entry.impatientAt else { continue }
            entry.impatientAt = nil
            entry.isPatient = false
            guard !entry.isSettled else {
                // None of the expected servers is there; until now there might have been one that was not known.
                finishIfComplete(entry)
                continue
            }
            // The time of the question; for later probes, an answer that another question has got shortly before will
            // do.
            let since = due.advanced(byNanoseconds: -Self.patience.nanoseconds)
            for uid in entry.pending { overdue[uid] = max(overdue[uid] ?? since, since) }
            setImpatience(of: entry, at: now + Self.patienceAfterwards)
        }
        return overdue
    }

    private mutating func setImpatience(of entry: Entry, at time: MonotonicTime) {
        entry.impatientAt = time
        impatience.add(entry.id, at: time)
    }

    /// Ends a question that the broker has returned: no queue took it, so the expected servers cannot answer.
    ///
    /// - Returns: the servers that were expected to answer.
    mutating func returned(_ id: String) -> Set<String> {
        guard let entry = entries[id] else { return [] }
        finish(entry, isRouted: false)
        return entry.expected
    }

    /// Ends the wait of a caller that has given up. A question that is to change something may do so all the same.
    mutating func abandon(waiter: Int) {
        guard let id = questionOfWaiter.removeValue(forKey: waiter), let entry = entries[id] else { return }
        entry.waits.fail(waiter, entry.isRead ? .abandoned : .unknown)
        if entry.waits.isEmpty { remove(entry) }
    }

    /// Ends the questions whose time is over, with what has come.
    mutating func expire(now: MonotonicTime) {
        for id in deadlines.due(now: now) {
            if let entry = entries[id] { end(entry) }
        }
    }

    /// Fails the questions that are longer than the broker takes: no server has received them.
    mutating func fail(longerThan limit: Int, _ error: ClusterError) {
        for entry in entries.values where entry.size > limit { fail(entry, error) }
    }

    /// The connection is gone, and with it every answer that has not come.
    mutating func disconnected() {
        for entry in entries.values {
            switch entry.arrival {
            case .certain where entry.hasAnswers || entry.isEmit: finish(entry)
            case _ where entry.isRead: fail(entry, .brokerUnavailable)
            case .refused: fail(entry, .brokerNack)
            case .certain, .unknown: fail(entry, .unknown)
            }
        }
    }

    private mutating func finishIfComplete(_ entry: Entry) {
        if entry.isSettled, entry.arrival != .unknown { end(entry) }
    }

    /// Ends a question with what has come, or with the reason why it may not have arrived.
    private mutating func end(_ entry: Entry) {
        switch entry.arrival {
        case .certain: finish(entry)
        // Whoever has not received it is missing, and nothing else was to be done.
        case .refused where entry.isRead: finish(entry)
        case .refused: fail(entry, .brokerNack)
        case .unknown: fail(entry, entry.isRead ? .brokerSilent : .unconfirmed)
        }
    }

    private mutating func finish(_ entry: Entry, isRouted: Bool = true) {
        remove(entry)
        entry.waits.succeed(servers: entry.tally, isRouted: isRouted)
    }

    private mutating func fail(_ entry: Entry, _ error: ClusterError) {
        remove(entry)
        entry.waits.fail(error)
    }

    private mutating func remove(_ entry: Entry) {
        entries[entry.id] = nil
        for waiter in entry.waits.waiters { questionOfWaiter[waiter] = nil }
        if let key = entry.key, reads[key] == entry.id { reads[key] = nil }
        deadlines.remove(entry.id, at: entry.deadline)
        if let time = entry.impatientAt { impatience.remove(entry.id, at: time) }
        bytes -= entry.bytes
    }
}
