internal import Synchronization

/// From an emitter's first emit to the end of its thread: the loop may end only when no task is left on it, since a
/// task that no thread runs would never return.
final class EmitterLifetime: Sendable {
    private struct State {
        var underWay = 0
        var isClosing = false
        var isEnding = false
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let end: @Sendable () -> Void

    /// - Parameter end: ends the thread, which says ``hasEnded()``; called once.
    init(end: @escaping @Sendable () -> Void) {
        self.end = end
    }

    /// Whether an emit may begin; if so, ``finish()`` has to follow.
    func begin() -> Bool {
        state.withLock { state in
            guard !state.isClosing else { return false }
            state.underWay += 1
            return true
        }
    }

    func finish() {
        state.withLock { $0.underWay -= 1 }
        endIfIdle()
    }

    /// Lets no emit begin, and waits until the last has finished and the thread has ended.
    func close() async {
        letGo()
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// The same without waiting.
    func letGo() {
        state.withLock { $0.isClosing = true }
        endIfIdle()
    }

    func hasEnded() {
        let waiting = state.withLock { state in
            (state.isClosing, state.isEnding, state.hasEnded) = (true, true, true)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func endIfIdle() {
        let isDue = state.withLock { state in
            guard state.isClosing, !state.isEnding, state.underWay == 0 else { return false }
            state.isEnding = true
            return true
        }
        if isDue { end() }
    }
}
