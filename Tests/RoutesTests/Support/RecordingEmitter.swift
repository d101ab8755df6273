import AMQPBridge
import EventLoop
import Synchronization

/// Takes emits down, and answers what it is told to.
final class RecordingEmitter: EmitService {
    struct Call: Equatable {
        let emit: Emit
        let confirmation: Confirmation
        /// How long the broker had, if that was said.
        var wait: Duration?
    }

    private let result: @Sendable (Emit) -> Result<Receipt, EmitError>
    let pauses = Counter()
    /// What is answered to everything but emits, unless it is told otherwise: that no server is there.
    let answers = Mutex(Answers())
    private let asked = Mutex<[Question]>([])
    private let recorded = Mutex<[Call]>([])
    private let gate: Gate?
    /// Whether servers have to be asked before every emit.
    private let asks: Bool

    enum Question: Equatable {
        case acknowledged(Emit, mode: AcknowledgementMode, timeout: Duration)
        case toServers(ServerSideEmit)
        case change(ChangeSockets, timeout: Duration)
        case dryRun([DryRunRequest], timeout: Duration)
    }

    struct Answers {
        var acknowledged = Result<AcknowledgedReceipt, EmitError>.failure(.notAsked(.noServers(exchange: "x")))
        var toServers = Result<Receipt, EmitError>.success(Receipt(id: "01J", routed: true))
        /// By event; all others would go nowhere.
        var dryRun: [String: Result<DryRun, EmitError>] = [:]
        var change = Result<ChangeReceipt, EmitError>.failure(.notAsked(.noServers(exchange: "x")))
    }

    /// - Parameter gate: keeps every emit waiting until it is opened.
    init(
        _ result: Result<Receipt, EmitError> = .success(Receipt(id: "01J", routed: true)), gate: Gate? = nil,
        asks: Bool = false
    ) {
        self.result = { _ in result }
        self.gate = gate
        self.asks = asks
    }

    /// - Parameter results: by event; all others succeed.
    init(_ results: [String: Result<Receipt, EmitError>]) {
        result = { results[$0.event] ?? .success(Receipt(id: "01J-\($0.event)", routed: true)) }
        gate = nil
        asks = false
    }

    var calls: [Call] { recorded.withLock { $0 } }
    var questions: [Question] { asked.withLock { $0 } }

    func asksServers(before emit: Emit) -> Bool { asks }

    func emit(_ emit: consuming Emit, confirmation: Confirmation, for receiver: any EmitReceiver) {
        let emit = emit
        recorded.withLock { $0.append(Call(emit: emit, confirmation: confirmation)) }
        complete(emit) { receiver.receive($0, confirmedBy: confirmation) }
    }

    func emit(_ emit: Emit, confirmedWithin wait: Duration, completion: @escaping Completion) {
        recorded.withLock { $0.append(Call(emit: emit, confirmation: .broker, wait: wait)) }
        complete(emit, completion)
    }

    /// At once, or when the gate is open.
    private func complete(_ emit: Emit, _ completion: @escaping Completion) {
        let result = result(emit)
        guard let gate else { return completion(result) }
        nonisolated(unsafe) let completion = completion
        Task {
            await gate.wait()
            servingLoop.execute { completion(result) }
        }
    }

    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        recorded.withLock { $0.append(Call(emit: emit, confirmation: confirmation)) }
        await gate?.wait()
        return try result(emit).get()
    }

    func emit(_ emit: Emit, confirmedWithin wait: Duration) async throws(EmitError) -> Receipt {
        recorded.withLock { $0.append(Call(emit: emit, confirmation: .broker, wait: wait)) }
        await gate?.wait()
        return try result(emit).get()
    }

    func emit(batch: [Emit]) async -> [Result<Receipt, EmitError>] {
        recorded.withLock { $0 += batch.map { Call(emit: $0, confirmation: .broker) } }
        await gate?.wait()
        return batch.map(result)
    }

    func emit(
        _ emit: Emit, acknowledged mode: AcknowledgementMode, timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt {
        asked.withLock { $0.append(.acknowledged(emit, mode: mode, timeout: timeout)) }
        return try answers.withLock { $0.acknowledged }.get()
    }

    func emit(toServers command: ServerSideEmit) async throws(EmitError) -> Receipt {
        asked.withLock { $0.append(.toServers(command)) }
        return try answers.withLock { $0.toServers }.get()
    }

    func change(_ command: ChangeSockets, timeout: Duration) async throws(EmitError) -> ChangeReceipt {
        asked.withLock { $0.append(.change(command, timeout: timeout)) }
        return try answers.withLock { $0.change }.get()
    }

    func dryRun(_ requests: [DryRunRequest], timeout: Duration) async -> [Result<DryRun, EmitError>] {
        asked.withLock { $0.append(.dryRun(requests, timeout: timeout)) }
        let nowhere = DryRun(exchange: "x", exists: false, routingKeys: ["k"], recipients: nil, servers: nil)
        return answers.withLock { answers in requests.map { answers.dryRun[$0.emit.event] ?? .success(nowhere) } }
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
