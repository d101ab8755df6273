package import EventLoop

/// Whoever waits until a deadline.
package protocol Waiting {
    var deadline: MonotonicTime { get }
}

/// Those that wait for the same thing, in the order in which they came, each until a deadline of its own. Whoever is
/// taken out is to be told, by the caller.
package struct Waitlist<Waiter: Waiting> {
    /// Those that wait, in order.
    private(set) var waiters: [Waiter] = []
    /// The earliest deadline; `nil`: nobody waits. It is kept, for it is asked for in every turn of the loop.
    package private(set) var deadline: MonotonicTime?

    package init() {}

    package var isEmpty: Bool { waiters.isEmpty }
    package var count: Int { waiters.count }

    package mutating func append(_ waiter: Waiter) {
        waiters.append(waiter)
        deadline = min(deadline ?? waiter.deadline, waiter.deadline)
    }

    /// Lets them wait again, all before those whose time ends with that of the first of them, or later.
    mutating func putBack(_ earlier: [Waiter]) {
        guard let first = earlier.first?.deadline else { return }
        let place = waiters.firstIndex { $0.deadline >= first } ?? waiters.endIndex
        waiters.insert(contentsOf: earlier, at: place)
        deadline = earliest
    }

    package mutating func takeAll() -> [Waiter] {
        defer { self = Waitlist() }
        return waiters
    }

    /// Takes out those of which this holds.
    package mutating func take(where isTaken: (Waiter) -> Bool) -> [Waiter] {
        guard !waiters.isEmpty else { return [] }
        let taken = waiters.filter(isTaken)
        guard !taken.isEmpty else { return [] }
        waiters.removeAll(where: isTaken)
        deadline = earliest
        return taken
    }

    /// Takes out those that have waited too long.
    package mutating func expired(now: MonotonicTime) -> [Waiter] {
        guard let deadline, deadline <= now else { return [] }
        return take { $0.deadline <= now }
    }

    private var earliest: MonotonicTime? { waiters.lazy.map(\.deadline).min() }
}
