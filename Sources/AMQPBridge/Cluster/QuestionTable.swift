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
        /// The servers that are to answer.
        var expected: Set<String>
        /// Those that have given all of their answer.
        var done: Set<String> = []
        var hasAnswers = false
        /// What the servers take that have answered without being expected.
        var serverBytes = 0
        /// What is held of the answers, and of who has given them.
        var bytes = 0
        /// By the number of who waits.
        var waiting: [Int: Completion]
        let deadline: MonotonicTime

        init(
            _ question: Question, id: String, expected: Set<String>, waiting: [Int: Completion], deadline: MonotonicTime
        ) {
            self.question = question
            self.id = id
            self.expected = expected
            self.waiting = waiting
            self.deadline = deadline
        }
    }

    /// How many bytes of answers are held, for one question and for all. What comes beyond is not taken: its server is missing.
    struct Limits: Sendable, Equatable {
        /// Room for the longest value that a server can send.
        var bytesPerQuestion = 17 << 20
        var bytes = 48 << 20
    }

    /// What a server takes that nobody has expected to answer, beside its uid and what it has said.
    static let bytesPerServer = 256

    private let limits: Limits
    private var entries: [String: Entry] = [:]
    private var reads: [Question.Key: String] = [:]
    private var questionOfWaiter: [Int: String] = [:]
    private var deadlines = DeadlineTicks()
    private var bytes = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many callers wait.
    var waiting: Int { questionOfWaiter.count }
    var count: Int { entries.count }
    /// When ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? { deadlines.next }

    /// Joins a read that is under way already. Returns `false` if there is none.
    mutating func join(_ question: Question, waiter: Int, _ completion: @escaping Completion) -> Bool {
        guard let key = question.key, let id = reads[key], let entry = entries[id] else { return false }
        entry.waiting[waiter] = completion
        questionOfWaiter[waiter] = id
        return true
    }

    /// A question has been asked.
    mutating func begin(
        _ question: Question, id: String, expected: Set<String>, waiter: Int, deadline: MonotonicTime,
        _ completion: @escaping Completion
    ) {
        let entry = Entry(question, id: id, expected: expected, waiting: [waiter: completion], deadline: deadline)
        entries[id] = entry
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
        let growth = entry.question.gathering.isBounded ? 0 : size
        guard entry.bytes + growth <= limits.bytesPerQuestion, bytes + growth <= limits.bytes else { return }
        let progress = entry.question.gathering.take(answer)
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
        case .finished: finish(entry)
        }
    }

    private mutating func hold(_ count: Int, for entry: Entry) {
        bytes += count - entry.bytes
        entry.bytes = count
    }

    /// A server has gone: nobody waits for it any more.
    mutating func left(_ uid: String) {
        for entry in entries.values where entry.expected.contains(uid) && !entry.done.contains(uid) {
            entry.expected.remove(uid)
            finishIfComplete(entry)
        }
    }

    /// The broker had nobody to give the question to: whoever was expected cannot answer.
    mutating func returned(_ id: String) {
        if let entry = entries[id] { finish(entry, isRouted: false) }
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
        if entry.expected.isSubset(of: entry.done) { finish(entry) }
    }

    private mutating func finish(_ entry: Entry, isRouted: Bool = true) {
        let tally = ServerTally(
            expected: entry.expected.count, responded: entry.done.count,
            missing: entry.expected.subtracting(entry.done).sorted())
        end(entry, .success(Outcome(gathering: entry.question.gathering, servers: tally, isRouted: isRouted)))
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
