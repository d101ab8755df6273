/// One warning a minute of each subject: else messages from others could fill the log.
public struct WarningLimiter<Subject: Hashable> {
    public static var interval: Duration { .seconds(60) }
    /// The most subjects with warnings of their own; further ones share one.
    private let mostSubjects: Int
    /// The time of the last warning by subject; `nil`: further subjects, and warnings without one.
    private var last: [Subject?: MonotonicTime] = [:]

    public init(mostSubjects: Int = 100) {
        self.mostSubjects = mostSubjects
    }

    public mutating func allows(_ subject: Subject?, now: MonotonicTime) -> Bool {
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
