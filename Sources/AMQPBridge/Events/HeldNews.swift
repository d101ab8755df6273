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
    private var subjects: [Int: Subject] = [:]
    /// The numbers of the subjects in the order in which they are due, with those that were taken back.
    private var order: [Int] = []
    /// The place of the first of them that is still to come.
    private var first = 0
    private var numbers = 0
    private let mostAtOnce: Int
    private let pause: Duration
    private var pauseEnds = MonotonicTime(nanoseconds: 0)
    private var subjectBytes = 0

    /// - Parameters:
    ///   - mostAtOnce: the most that is taken out at once; the rest has to wait for `pause`.
    init(mostAtOnce: Int = 1_000, pause: Duration = .milliseconds(20)) {
        self.mostAtOnce = mostAtOnce
        self.pause = pause
    }

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// What it takes in memory, about.
    var bytes: Int { subjectBytes + 8 * (order.count - first) }

    /// The time at which some may be due.
    var deadline: MonotonicTime? {
        guard first < order.count, let subject = subjects[order[first]] else { return nil }
        return entries[subject].map { max($0.due, pauseEnds) }
    }

    /// - Parameter size: what the subject takes in memory, in bytes.
    mutating func hold(_ news: News, of subject: Subject, size: Int, until due: MonotonicTime) {
        takeBack(subject)
        numbers += 1
        subjectBytes += size
        entries[subject] = Entry(due: due, number: numbers, size: size, news: news)
        subjects[numbers] = subject
        order.append(numbers)
    }

    /// - Returns: the news of it, if there was any.
    @discardableResult
    mutating func takeBack(_ subject: Subject) -> News? {
        guard let entry = entries.removeValue(forKey: subject) else { return nil }
        subjects[entry.number] = nil
        subjectBytes -= entry.size
        while first < order.count, subjects[order[first]] == nil { first += 1 }
        // What has been passed is given back now and then.
        if first > order.count / 2 {
            order.removeFirst(first)
            first = 0
        }
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
        while due.count < most, first < order.count, let subject = subjects[order[first]],
            let entry = entries[subject], entry.due <= now
        {
            due.append((subject, entry.news))
            takeBack(subject)
        }
        return due
    }
}
