import AMQPBridge
import Synchronization

/// Takes emits down, and answers what it is told to.
final class RecordingEmitter: EmitService {
    struct Call: Equatable {
        let emit: Emit
        let confirmation: Confirmation
    }

    private let result: @Sendable (Emit) -> Result<Receipt, EmitError>
    let pauses = Counter()
    private let recorded = Mutex<[Call]>([])
    private let gate: Gate?

    /// - Parameter gate: keeps every emit waiting until it is opened.
    init(
        _ result: Result<Receipt, EmitError> = .success(Receipt(id: "01J", routed: true)), gate: Gate? = nil
    ) {
        self.result = { _ in result }
        self.gate = gate
    }

    /// - Parameter results: by event; all others succeed.
    init(_ results: [String: Result<Receipt, EmitError>]) {
        result = { results[$0.event] ?? .success(Receipt(id: "01J-\($0.event)", routed: true)) }
        gate = nil
    }

    var calls: [Call] { recorded.withLock { $0 } }

    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        recorded.withLock { $0.append(Call(emit: emit, confirmation: confirmation)) }
        await gate?.wait()
        return try result(emit).get()
    }

    func emit(batch: [Emit]) async -> [Result<Receipt, EmitError>] {
        recorded.withLock { $0 += batch.map { Call(emit: $0, confirmation: .broker) } }
        await gate?.wait()
        return batch.map(result)
    }

    func pause() async { pauses.add(1) }
}

/// Something to wait for, once.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
