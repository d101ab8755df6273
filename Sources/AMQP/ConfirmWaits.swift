internal import EventLoop

/// Callers that wait for a confirm for less time than publications may take: a caller that has waited long enough is
/// told that the outcome is unknown, and its publication goes on without it.
final class ConfirmWaits {
    typealias Completion = (Result<Routing, PublishError>) -> Void

    // Not watched for overlapping accesses: waiting callers are told when they are over.
    @exclusivity(unchecked) private var completions: [String: (deadline: MonotonicTime, completion: Completion)] = [:]
    @exclusivity(unchecked) private var deadlines = DeadlineTicks()
    private var number = 0

    /// The time at which ``expired(now:)`` has completions to return; 20 ms late at most.
    var deadline: MonotonicTime? { completions.isEmpty ? nil : deadlines.next }

    /// Begins the wait of one caller.
    ///
    /// - Returns: the id with which to end it.
    func begin(until deadline: MonotonicTime, _ completion: @escaping Completion) -> String {
        number += 1
        let id = String(number)
        completions[id] = (deadline, completion)
        deadlines.add(id, at: deadline)
        return id
    }

    /// Ends a wait. The completion of its caller, to be called once; `nil` if that was told already.
    func end(_ id: String) -> Completion? {
        guard let waiting = completions.removeValue(forKey: id) else { return nil }
        deadlines.remove(id, at: waiting.deadline)
        return waiting.completion
    }

    /// The completions of callers whose time is over, to be told.
    func expired(now: MonotonicTime) -> [Completion] {
        deadlines.due(now: now).compactMap { completions.removeValue(forKey: $0)?.completion }
    }
}
