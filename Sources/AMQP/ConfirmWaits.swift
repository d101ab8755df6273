internal import EventLoop

/// Callers that wait for a confirm for less time than publications may take: who has waited long enough is told that the
/// outcome is unknown, and what it has published goes on without it.
struct ConfirmWaits {
    typealias Completion = (Result<Routing, PublishError>) -> Void

    private var completions: [String: (deadline: MonotonicTime, completion: Completion)] = [:]
    private var deadlines = DeadlineTicks()
    private var number = 0

    /// When ``expired(now:)`` has somebody to return; 20 ms late at most.
    var deadline: MonotonicTime? { deadlines.next }

    /// Somebody begins to wait.
    ///
    /// - Returns: what to end it with.
    mutating func begin(until deadline: MonotonicTime, _ completion: @escaping Completion) -> String {
        number += 1
        let id = String(number)
        completions[id] = (deadline, completion)
        deadlines.add(id, at: deadline)
        return id
    }

    /// Who waits for this; `nil` if it was told already. Call it once.
    mutating func end(_ id: String) -> Completion? {
        guard let waiting = completions.removeValue(forKey: id) else { return nil }
        deadlines.remove(id, at: waiting.deadline)
        return waiting.completion
    }

    /// Those whose time is over, to be told.
    mutating func expired(now: MonotonicTime) -> [Completion] {
        deadlines.due(now: now).compactMap { completions.removeValue(forKey: $0)?.completion }
    }
}
