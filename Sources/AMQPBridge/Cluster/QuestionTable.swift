/// The questions under way: who is still to answer which, and until when. Late answers find no question, and are dropped.
struct QuestionTable {
    /// How a question ended: what was gathered, and from whom.
    struct Outcome {
        let gathering: any Gathering
        let servers: ServerTally
        /// Whether the broker had anybody to give the question to.
        let isRouted: Bool
    }

    typealias Completion = (Result<Outcome, ClusterError>) -> Void

    private final class Entry {
        let question: Question
        let id: String
        /// Of the message, in bytes.
        let size: Int
        /// The servers that are to answer.
        var expected: Set<String>
        /// Those that have given all of their answer.
        var done: Set<String> = []
        /// Those of whose answer at least a part was too large to be sent.
        var tooLarge: Set<String> = []
        /// Those that are not on the broker: nobody waits for them, but they count.
        var away: Set<String>
        var hasAnswers = false
        /// What the servers take that have answered without being expected.
        var serverBytes = 0
        /// What is held of the answers, and of who has given them.
        var bytes = 0
        /// By the number of who waits.
        var waiting: [Int: Completion]
        let deadline: MonotonicTime
        /// When servers that have not answered are asked about; `nil`: none of them can be.
        var impatientAt: MonotonicTime?

        init(
            _ question: Question, id: String, size: Int, expected: Set<String>, away: Set<String>,
            waiting: [Int: Completion], deadline: MonotonicTime
        ) {
            self.question = question
            self.id = id
            self.size = size
            self.expected = expected
            self.away = away
            self.waiting = waiting
            self.deadline = deadline
        }

        /// The servers that are waited for.
        var pending: Set<String> { expected.filter(isAwaited) }

        func isAwaited(_ uid: String) -> Bool {
            expected.contains(uid) && !done.contains(uid) && !away.contains(uid)
        }

        /// Whether nobody is waited for any more.
        var isSettled: Bool { !expected.contains(where: isAwaited) }

        var tally: ServerTally {
            ServerTally(
                expected: expected.count, responded: done.subtracting(tooLarge).count,
                missing: expected.subtracting(done).subtracting(tooLarge).sorted(), tooLarge: tooLarge.sorted())
        }
    }

    /// How many bytes of answers are held, for one question and for all. What comes beyond is not taken: its server is missing.
    struct Limits: Sendable, Equatable {
        /// Room for the longest value that a server can send.
        var bytesPerQuestion = 17 << 20
        var bytes = 48 << 20
    }

    /// How long a server has to answer before the broker is asked whether it is there.
    static let patience: Duration = .milliseconds(100)
    /// How often it is asked again, while the server does not answer.
    static let patienceAfterwards: Duration = .seconds(1)
    /// What a server takes that nobody has expected to answer, beside its uid and what it has said.
    static let bytesPerServer = 256

    private let limits: Limits
    private var entries: [String: Entry] = [:]
    private var reads: [Question.Key: String] = [:]
    private var questionOfWaiter: [Int: String] = [:]
    private var deadlines = DeadlineTicks()
    private var impatience = DeadlineTicks()
    private var bytes = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many callers wait.
    var waiting: Int { questionOfWaiter.count }
    var count: Int { entries.count }
    /// When ``expire(now:)`` or ``overdue(now:)`` has something to do.
    var deadline: MonotonicTime? {
        guard let first = deadlines.next, let second = impatience.next else { return deadlines.next ?? impatience.next }
        return min(first, second)
    }

    /// Joins a read that is under way already. Returns `false` if there is none.
    mutating func join(_ question: Question, waiter: Int, _ completion: @escaping Completion) -> Bool {
        guard let key = question.key, let id = reads[key], let entry = entries[id] else { return false }
        entry.waiting[waiter] = completion
        questionOfWaiter[waiter] = id
        return true
    }

    /// A question has been asked.
    ///
    /// - Parameters:
    ///   - size: of its message, in bytes.
    ///   - away: those of the expected that are not on the broker.
    ///   - asked: when, if there are servers that the broker can be asked about.
    mutating func begin(
        _ question: Question, id: String, size: Int = 0, expected: Set<String>, away: Set<String> = [], waiter: Int,
        asked: MonotonicTime? = nil, deadline: MonotonicTime, _ completion: @escaping Completion
    ) {
        let entry = Entry(
            question, id: id, size: size, expected: expected, away: away, waiting: [waiter: completion],
            deadline: deadline)
        entries[id] = entry
        if let asked { setImpatience(of: entry, at: asked + Self.patience) }
        if let key = question.key { reads[key] = id }
        questionOfWaiter[waiter] = id
        deadlines.add(id, at: entry.deadline)
    }

    func isUnderWay(_ id: String) -> Bool { entries[id] != nil }

    /// Takes an answer.
    ///
    /// - Parameter size: what all of it takes, in bytes. What is held of it may be less.
    mutating func receive(_ answer: ServerMessage, for id: String, size: Int) {
        guard let entry = entries[id], !entry.done.contains(answer.uid) else { return }
        // What bounds itself does not grow by what comes.
        let gathering = entry.question.gathering
        let growth = gathering.isBounded ? 0 : size
        guard entry.bytes + growth <= limits.bytesPerQuestion, bytes + growth <= limits.bytes else { return }
        let progress = answer.isTooLarge ? gathering.takeTooLarge(answer) : gathering.take(answer)
        if case .ignored = progress { return }
        // Something may have been changed behind what this answer says: whoever asks from now on asks anew.
        if let key = entry.question.key, reads[key] == entry.id { reads[key] = nil }
        entry.hasAnswers = true
        // One that has come since, or of which nothing was heard yet.
        if entry.expected.insert(answer.uid).inserted {
            entry.serverBytes += Self.bytesPerServer + answer.uid.utf8.count
        }
        hold(entry.serverBytes + entry.question.gathering.heldBytes, for: entry)
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

    /// A server has gone: nobody waits for it any more.
    ///
    /// - Parameter mayReturn: it has said nothing of it; those who want to be certain of all go on waiting.
    mutating func left(_ uid: String, mayReturn: Bool = false) {
        for entry in entries.values where entry.expected.contains(uid) && !entry.done.contains(uid) {
            if mayReturn, entry.question.includesLost { continue }
            // What it could not send is missed all the same.
            if entry.tooLarge.contains(uid) { entry.done.insert(uid) } else { entry.expected.remove(uid) }
            finishIfComplete(entry)
        }
    }

    /// A server is not on the broker: nobody waits for it any more, but it is missing.
    mutating func away(_ uid: String) {
        for entry in entries.values where entry.isAwaited(uid) {
            entry.away.insert(uid)
            finishIfComplete(entry)
        }
    }

    /// Whether anybody waits for this server.
    func isAwaited(_ uid: String) -> Bool { entries.values.contains { $0.isAwaited(uid) } }

    /// The servers that have been waited for so long that the broker is to be asked about them, each with the moment at or
    /// behind which it must have been.
    mutating func overdue(now: MonotonicTime) -> [String: MonotonicTime] {
        var overdue: [String: MonotonicTime] = [:]
        for id in impatience.due(now: now) {
            guard let entry = entries[id], let due = entry.impatientAt else { continue }
            entry.impatientAt = nil
            guard !entry.isSettled else {
                // Of those that are expected none is there; until now there might have been one that nobody knew.
                finish(entry)
                continue
            }
            // When the question was asked; later, what somebody else has learnt shortly before will do.
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

    /// The broker had nobody to give the question to: whoever was expected cannot answer.
    ///
    /// - Returns: who was expected.
    mutating func returned(_ id: String) -> Set<String> {
        guard let entry = entries[id] else { return [] }
        finish(entry, isRouted: false)
        return entry.expected
    }

    /// Nobody waits for this any more. What is to change something may do so all the same.
    mutating func abandon(waiter: Int) {
        guard let id = questionOfWaiter.removeValue(forKey: waiter), let entry = entries[id] else { return }
        entry.waiting.removeValue(forKey: waiter)?(.failure(entry.question.isRead ? .abandoned : .unknown))
        if entry.waiting.isEmpty { remove(entry) }
    }

    /// Ends the questions whose time is over, with what has come.
    mutating func expire(now: MonotonicTime) {
        for id in deadlines.due(now: now) {
            if let entry = entries[id] { finish(entry) }
        }
    }

    /// The broker takes no message that is so long: nobody has received these questions.
    mutating func fail(longerThan limit: Int, _ error: ClusterError) {
        for entry in entries.values where entry.size > limit { end(entry, .failure(error)) }
    }

    /// The connection is gone, and with it every answer that has not come.
    mutating func disconnected() {
        for entry in entries.values {
            if entry.hasAnswers {
                finish(entry)
            } else {
                end(entry, .failure(entry.question.isRead ? .brokerUnavailable : .unknown))
            }
        }
    }

    private mutating func finishIfComplete(_ entry: Entry) {
        if entry.isSettled { finish(entry) }
    }

    private mutating func finish(_ entry: Entry, isRouted: Bool = true) {
        end(entry, .success(Outcome(gathering: entry.question.gathering, servers: entry.tally, isRouted: isRouted)))
    }

    private mutating func end(_ entry: Entry, _ result: Result<Outcome, ClusterError>) {
        remove(entry)
        for (waiter, completion) in entry.waiting {
            questionOfWaiter[waiter] = nil
            completion(result)
        }
    }

    private mutating func remove(_ entry: Entry) {
        entries[entry.id] = nil
        if let key = entry.question.key, reads[key] == entry.id { reads[key] = nil }
        deadlines.remove(entry.id, at: entry.deadline)
        if let time = entry.impatientAt { impatience.remove(entry.id, at: time) }
        bytes -= entry.bytes
    }
}

/// Deadlines, a tick of 20 ms late at most: adding and removing costs the same however many there are.
struct DeadlineTicks {
    private static let tick: Int64 = 20_000_000

    private var ids: [Int64: Set<String>] = [:]
    /// No tick before this one has ids.
    private var earliest: Int64 = .max

    /// When something may be due.
    var next: MonotonicTime? {
        ids.isEmpty ? nil : MonotonicTime(nanoseconds: (earliest + 1) * Self.tick)
    }

    mutating func add(_ id: String, at deadline: MonotonicTime) {
        let tick = deadline.nanoseconds / Self.tick
        ids[tick, default: []].insert(id)
        earliest = min(earliest, tick)
    }

    mutating func remove(_ id: String, at deadline: MonotonicTime) {
        let tick = deadline.nanoseconds / Self.tick
        ids[tick]?.remove(id)
        if ids[tick]?.isEmpty == true { ids[tick] = nil }
        if ids.isEmpty { earliest = .max }
    }

    /// Takes out what is due.
    mutating func due(now: MonotonicTime) -> [String] {
        let current = now.nanoseconds / Self.tick
        guard !ids.isEmpty, earliest < current else { return [] }
        // Far apart, as after a long silence, the ticks that there are are fewer than those in between.
        let ticks = current - earliest > Int64(ids.count) ? ids.keys.filter { $0 < current } : Array(earliest..<current)
        let due = ticks.flatMap { ids.removeValue(forKey: $0) ?? [] }
        earliest = ids.keys.min() ?? .max
        return due
    }
}
