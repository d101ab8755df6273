internal import AMQP
internal import EventLoop

/// An emit under way, and the one that is told its outcome. Of the emit itself nothing is kept that its messages tell:
/// thousands may wait.
final class EmitRequest: PublishRequest {
    /// One field for all, so that none of them is destroyed by itself: Swift counts the object's references once more
    /// for that.
    private struct Rest {
        let namespace: String
        let id: ULID
        let emitter: LoopEmitter
        /// `nil`: nobody waits for it.
        let receiver: (any EmitReceiver)?
    }

    private let rest: Rest

    init(
        _ publications: consuming Publications, in namespace: String, id: ULID, of emitter: LoopEmitter,
        for receiver: (any EmitReceiver)?
    ) {
        rest = Rest(namespace: namespace, id: id, emitter: emitter, receiver: receiver)
        super.init(publications)
    }

    override func ended(_ result: Result<Routing, PublishError>) {
        let outcome = rest.emitter.outcome(result, rest.id, publications, rest.namespace)
        rest.receiver?.receive(outcome, confirmedBy: .broker)
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
    /// See ``EmitRequest``.
    private struct Rest {
        let index: Int
        let batch: EmitBatch
        let namespace: String
        let id: ULID
        let emitter: LoopEmitter
    }

    private let rest: Rest

    /// - Parameters:
    ///   - index: the place of this one in the batch.
    ///   - came: when the batch came.
    init(
        _ publications: consuming Publications, in namespace: String, as index: Int, of batch: EmitBatch, id: ULID,
        of emitter: LoopEmitter, came: MonotonicTime
    ) {
        rest = Rest(index: index, batch: batch, namespace: namespace, id: id, emitter: emitter)
        super.init(publications)
        self.came = came
    }

    override func ended(_ result: Result<Routing, PublishError>) {
        let outcome = rest.emitter.outcome(result, rest.id, publications, rest.namespace)
        rest.batch.finish(rest.index, outcome, messages: publications.count, bytes: encodedSize)
    }
}
