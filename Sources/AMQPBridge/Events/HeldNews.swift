internal import EventLoop

/// News that is held back for a while, all for the same time, and dropped together with what takes it back.
struct HeldNews<Subject: Hashable, News> {
    private struct Entry {
        let due: MonotonicTime
        let number: Int
        let size: Int
        let news: News
    }

    private var entries: [Subject: Entry] = [:]
    /// In the order in which they are due, with those that were taken back.
    private var order: [(subject: Subject, number: Int)] = []
    /// The first of them that is still to come.
    private var first = 0
    private var numbers = 0
    private let mostAtOnce: Int
    private let pause: Duration
    private var pauseEnds = MonotonicTime(nanoseconds: 0)

    /// - Parameters:
    ///   - mostAtOnce: the most that is taken out at once; the rest has to wait for `pause`.
    init(mostAtOnce: Int = 1_000, pause: Duration = .milliseconds(20)) {
        self.mostAtOnce = mostAtOnce
        self.pause = pause
    }

    private var subjectBytes = 0

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// What it takes in memory, about.
    var bytes: Int { subjectBytes + 32 * (order.count - first) }

    /// The time at which some may be due.
    var deadline: MonotonicTime? {
        order[first...].lazy.compactMap { self.entry($0.subject, $0.number)?.due }.first.map { max($0, pauseEnds) }
    }

    private func entry(_ subject: Subject, _ number: Int) -> Entry? {
        entries[subject].flatMap { $0.number == number ? $0 : nil }
    }

    /// - Parameter size: what the subject takes in memory, in bytes.
    mutating func hold(_ news: News, of subject: Subject, size: Int, until due: MonotonicTime) {
        takeBack(subject)
        numbers += 1
        subjectBytes += size
        entries[subject] = Entry(due: due, number: numbers, size: size, news: news)
        order.append((subject, numbers))
    }

    /// - Returns: the news of it, if there was any.
    @discardableResult
    mutating func takeBack(_ subject: Subject) -> News? {
        guard let entry = entries.removeValue(forKey: subject) else { return nil }
        subjectBytes -= entry.size
        return entry.news
    }

    /// Takes out what is due, but not more at once than readers can follow.
    mutating func due(now: MonotonicTime) -> [(subject: Subject, news: News)] {
        guard pauseEnds <= now else { return [] }
        let due = take(atMost: mostAtOnce, until: now)
        if due.count == mostAtOnce { pauseEnds = now + pause }
        return due
    }

    /// Takes out everything.
    mutating func all() -> [(subject: Subject, news: News)] { take(atMost: .max, until: .never) }

    private mutating func take(atMost most: Int, until now: MonotonicTime) -> [(subject: Subject, news: News)] {
        var due: [(subject: Subject, news: News)] = []
        while first < order.count, due.count < most {
            let (subject, number) = order[first]
            if let entry = entry(subject, number) {
                guard entry.due <= now else { break }
                takeBack(subject)
                due.append((subject, entry.news))
            }
            first += 1
        }
        // What has been passed is given back now and then.
        if first > order.count / 2 {
            order.removeFirst(first)
            first = 0
        }
        return due
    }
}
