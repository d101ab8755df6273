/// One warning a minute of each subject: what comes from others would fill the log.
package struct WarningLimiter<Subject: Hashable> {
    package static var interval: Duration { .seconds(60) }
    /// With so many subjects that are warned of, the others share theirs.
    private let mostSubjects: Int
    /// By subject; `nil`: the others, and what has none.
    private var last: [Subject?: MonotonicTime] = [:]

    package init(mostSubjects: Int = 100) {
        self.mostSubjects = mostSubjects
    }

    package mutating func allows(_ subject: Subject?, now: MonotonicTime) -> Bool {
        var subject = subject
        if last.count >= mostSubjects, last[subject] == nil {
            last = last.filter { $0.value + Self.interval > now }
            if last.count >= mostSubjects { subject = nil }
        }
        if let last = last[subject], now < last + Self.interval { return false }
        last[subject] = now
        return true
    }
}
