internal import AMQP
internal import EventLoop

/// An emit under way, and the one that is told its outcome. Of the emit itself nothing is kept that its messages tell:
/// thousands may wait.
final class EmitRequest: PublishRequest {
    private let namespace: String
    private let id: ULID
    private let emitter: LoopEmitter
    /// `nil`: nobody waits for it.
    private let receiver: (any EmitReceiver)?

    init(
        _ publications: consuming [Publication], in namespace: String, id: ULID, of emitter: LoopEmitter,
        for receiver: (any EmitReceiver)?
    ) {
        self.namespace = namespace
        self.id = id
        self.emitter = emitter
        self.receiver = receiver
        super.init(publications)
    }

    override func ended(_ result: Result<Routing, PublishError>) {
        let outcome = emitter.outcome(result, id, publications, namespace)
        receiver?.receive(outcome, confirmedBy: .broker)
    }
}

/// Tells a closure.
final class CompletionReceiver: EmitReceiver {
    private let completion: EmitService.Completion

    init(_ completion: @escaping EmitService.Completion) { self.completion = completion }

    func receive(_ result: Result<Receipt, EmitError>, confirmedBy confirmation: Confirmation) { completion(result) }
}

/// An emit of a batch under way.
final class BatchedRequest: PublishRequest {
    private let index: Int
    private let batch: EmitBatch
    private let namespace: String
    private let id: ULID
    private let emitter: LoopEmitter

    /// - Parameters:
    ///   - index: the place of this one in the batch.
    ///   - came: when the batch came.
    init(
        _ publications: consuming [Publication], in namespace: String, as index: Int, of batch: EmitBatch, id: ULID,
        of emitter: LoopEmitter, came: MonotonicTime
    ) {
        self.index = index
        self.batch = batch
        self.namespace = namespace
        self.id = id
        self.emitter = emitter
        super.init(publications)
        self.came = came
    }

    override func ended(_ result: Result<Routing, PublishError>) {
        batch.finish(
            index, emitter.outcome(result, id, publications, namespace), messages: publications.count,
            bytes: encodedSize)
    }
}
