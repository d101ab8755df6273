import AMQPBridge
import Synchronization

/// Takes emits down, and answers what it is told to.
final class RecordingEmitter: EmitService {
    struct Call: Equatable {
        let emit: Emit
        let confirmation: Confirmation
    }

    private let result: Result<Receipt, EmitError>
    let pauses = Counter()
    private let recorded = Mutex<[Call]>([])

    init(_ result: Result<Receipt, EmitError> = .success(Receipt(id: "01J", routed: true))) {
        self.result = result
    }

    var calls: [Call] { recorded.withLock { $0 } }

    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        recorded.withLock { $0.append(Call(emit: emit, confirmation: confirmation)) }
        return try result.get()
    }

    func emit(batch: [Emit]) async -> [Result<Receipt, EmitError>] {
        recorded.withLock { $0 += batch.map { Call(emit: $0, confirmation: .broker) } }
        return batch.map { _ in result }
    }

    func pause() async { pauses.add(1) }
}
