internal import Synchronization

/// When something was last used: to the second, over all event loops.
package final class LastUse: Sendable {
    /// Since 1970; 0: never.
    private let second = Atomic<Int>(0)

    package init() {}

    /// `nil`: not since the start.
    package var time: UTCTime? {
        let second = second.load(ordering: .relaxed)
        return second == 0 ? nil : UTCTime(seconds: second)
    }

    /// - Parameter now: seconds since 1970.
    func note(_ now: Int) {
        // All loops read it for every request: it is written once in a second, lest they take it from each other.
        if second.load(ordering: .relaxed) != now { second.store(now, ordering: .relaxed) }
    }
}
