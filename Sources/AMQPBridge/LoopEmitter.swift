public import AMQP
package import EventLoop

/// The receipt that an emit's caller gets when the broker has confirmed it.
public struct Receipt: Sendable, Equatable {
    /// A ULID.
    public var id: String { identifier.text }
    package let identifier: Identifier
    /// Whether the emit had a receiver, as far as the broker can tell; `nil`: this wire format, or not waiting, cannot
    /// tell.
    public let routed: Bool?
    /// The reason why ``routed`` is `false`; `nil` where it is not.
    public let reason: UnroutedReason?

    public init(id: String, routed: Bool?, reason: UnroutedReason? = nil) {
        self.init(.text(id), routed: routed, reason: reason)
    }

    package init(_ identifier: Identifier, routed: Bool?, reason: UnroutedReason? = nil) {
        self.identifier = identifier
        self.routed = routed
        self.reason = reason
    }
}

/// The reason why an emit failed. ``PublishError`` says whether nothing was published.
public enum EmitError: Error, Sendable, Equatable {
    /// The command is wrong under any wire format.
    case invalid([CommandFault])
    /// The configured servers cannot do it.
    case notExpressible(CommandFault)
    case notPublished(PublishError)
    /// The servers had to be asked, and could not be.
    case notAsked(ClusterError)
    /// Not all servers have named the sockets to leave out; nothing was published.
    case exceptionsUnknown(ServerTally)
}

/// The outcome of a change to sockets.
package enum ChangeReceipt: Sendable, Equatable {
    /// The servers have done it, to so many sockets; `nil`: not all of them count.
    case done(ClusterAnswer<Int?>)
    /// It was published, and its outcome stays unknown.
    case published
}

/// The event on which an emit is answered.
package enum Confirmation: String, Sendable, CaseIterable {
    /// The broker's confirm.
    case broker
    /// None: the emit is answered as soon as it is taken, and the outcome stays untold.
    case none
}

/// Is told the outcome of an emit.
package protocol EmitReceiver: AnyObject {
    /// Takes the outcome. Called once, on the loop.
    func receive(_ result: Result<Receipt, EmitError>, confirmedBy confirmation: Confirmation)
}

/// Emits events to the clients of Socket.IO servers.
package protocol EmitService: AnyObject, Sendable {
    typealias Completion = (Result<Receipt, EmitError>) -> Void

    /// Whether servers have to be asked before the emit can be published: for the sockets to leave out. That takes a
    /// task.
    func asksServers(before emit: Emit) -> Bool

    /// Emits what no server has to be asked for. On the event loop only.
    ///
    /// - Parameter receiver: is told perhaps before this returns.
    func emit(_ emit: consuming Emit, confirmation: Confirmation, for receiver: any EmitReceiver)

    /// The same, but waits for the broker's confirm no longer than `wait`: an emit that is not confirmed by then fails
    /// as one whose outcome is unknown.
    ///
    /// - Parameter completion: is called once, on the loop, perhaps before this returns.
    func emit(_ emit: Emit, confirmedWithin wait: Duration, completion: @escaping Completion)

    /// Emits, and asks servers before if need be.
    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt

    /// The same within `wait`, in which servers must have answered, too.
    func emit(_ emit: Emit, confirmedWithin wait: Duration) async throws(EmitError) -> Receipt

    /// Emits, and waits for the clients' acknowledgements.
    ///
    /// - Parameter timeout: the time for the answers; those that have come by then are returned.
    func emit(
        _ emit: Emit, acknowledged mode: AcknowledgementMode, timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt

    /// Emits to the servers themselves, and waits for no answers.
    func emit(toServers command: ServerSideEmit) async throws(EmitError) -> Receipt

    /// Does something to sockets.
    func change(_ command: ChangeSockets, timeout: Duration) async throws(EmitError) -> ChangeReceipt

    /// Publishes the emits in their order, and waits for all of them. The outcome of one does not touch the others.
    ///
    /// - Returns: the outcome of each, in the same order.
    func emit(batch: [Emit]) async -> [Result<Receipt, EmitError>]

    /// Checks emits as if they were sent, looks where they would go, and publishes nothing.
    ///
    /// - Parameter timeout: the time that servers have to answer all questions. Answers that are missing by then stay
    ///   unknown.
    /// - Returns: the outcome that each would have had, in the same order.
    func dryRun(_ requests: [DryRunRequest], timeout: Duration) async -> [Result<DryRun, EmitError>]

    /// Lets the other tasks of the event loop have a turn: for work that takes longer than an emit.
    func pause() async
}

/// Turns commands into publications on one event loop's broker connection.
///
/// `@unchecked Sendable`: used on its loop's thread only, by tasks that prefer the loop as their executor.
package final class LoopEmitter: EmitService, @unchecked Sendable {
    let wireFormat: any WireFormat
    let link: BrokerLink
    let limits: CommandLimits
    let cluster: ClusterClient?
    /// Whether the operator does not want servers to be asked.
    let isClusterOff: Bool
    /// The time that servers have to name the sockets to leave out.
    let questionTimeout: Duration
    /// The counts of emits without a receiver, by the reason.
    package let unroutedEmits = CaseCounters<UnroutedReason>()
    private let unroutedLog: UnroutedLog?
    /// Not watched for overlapping accesses: each is one step.
    @exclusivity(unchecked) private var identifiers = ULIDGenerator()

    /// - Parameters:
    ///   - cluster: asks the servers; without it nothing can be done that needs their answers.
    ///   - isClusterOff: that there is none because the operator does not want it.
    ///   - unroutedLog: is told of emits without a receiver.
    package init(
        wireFormat: any WireFormat, link: BrokerLink, limits: CommandLimits = CommandLimits(),
        cluster: ClusterClient? = nil, isClusterOff: Bool = false, questionTimeout: Duration = .seconds(5),
        unroutedLog: UnroutedLog? = nil
    ) {
        self.wireFormat = wireFormat
        self.link = link
        self.limits = limits
        self.cluster = cluster
        self.isClusterOff = isClusterOff
        self.questionTimeout = questionTimeout
        self.unroutedLog = unroutedLog
    }

    package func emit(_ emit: consuming Emit, confirmation: Confirmation, for receiver: any EmitReceiver) {
        do throws(EmitError) {
            try check(emit)
            try publish(try encoded(emit), emit.namespace, confirmation, receiver)
        } catch {
            receiver.receive(.failure(error), confirmedBy: confirmation)
        }
    }

    package func emit(_ emit: Emit, confirmedWithin wait: Duration, completion: @escaping Completion) {
        do throws(EmitError) {
            try check(emit)
            publish(try encoded(emit), emit.namespace, until: .now() + wait, completion)
        } catch {
            completion(.failure(error))
        }
    }

    package func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        try check(emit)
        let publications = try encoded(try await resolvingExceptions(of: emit))
        return try await receipt { complete throws(EmitError) in
            try publish(publications, emit.namespace, confirmation, CompletionReceiver(complete))
        }
    }

    package func emit(_ emit: Emit, confirmedWithin wait: Duration) async throws(EmitError) -> Receipt {
        let deadline = MonotonicTime.now() + wait
        try check(emit)
        let resolved = try await resolvingExceptions(of: emit, by: deadline)
        // No caller would wait for messages published now, and all would be done twice.
        guard .now() < deadline else { throw .notPublished(.brokerSilent) }
        let publications = try encoded(resolved)
        return try await receipt { publish(publications, emit.namespace, until: deadline, $0) }
    }

    /// Waits for what `publish` completes with.
    private func receipt(
        _ publish: (@escaping Completion) throws(EmitError) -> Void
    ) async throws(EmitError) -> Receipt {
        // Unsafe only in that nothing checks for the one resume: a `PublishRequest` completes exactly once (see its
        // tests).
        let result: Result<Receipt, EmitError> = await withUnsafeContinuation { continuation in
            do throws(EmitError) {
                try publish { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// - Throws: when nothing can be published now, and no caller would wait for it; then `receiver` is told nothing.
    private func publish(
        _ publications: consuming Publications, _ namespace: String, _ confirmation: Confirmation,
        _ receiver: any EmitReceiver
    ) throws(EmitError) {
        let id = identifiers.next()
        switch confirmation {
        case .none:
            // No caller waits for the answer: an emit without a receiver is told by the log and the metrics alone.
            let request = EmitRequest(publications, in: namespace, id: id, of: self, for: nil)
            if let refusal = link.refusal(of: request) { throw .notPublished(refusal) }
            link.publish(request)
            receiver.receive(.success(Receipt(.made(id), routed: nil)), confirmedBy: .none)
        case .broker:
            link.publish(EmitRequest(publications, in: namespace, id: id, of: self, for: receiver))
        }
    }

    private func publish(
        _ publications: Publications, _ namespace: String, until deadline: MonotonicTime,
        _ completion: @escaping Completion
    ) {
        let id = identifiers.next()
        link.publish(publications, until: deadline) { [self] in
            completion(outcome($0, id, publications, namespace))
        }
    }

    func outcome(
        _ result: Result<Routing, PublishError>, _ id: ULID, _ publications: borrowing Publications, _ namespace: String
    ) -> Result<Receipt, EmitError> {
        switch result {
        case .success(.routed): .success(Receipt(.made(id), routed: wireFormat.knowsRecipients ? true : nil))
        case .success(let routing): .success(receipt(id, routing, publications, namespace))
        case .failure(let error): .failure(.notPublished(error))
        }
    }

    package func emit(batch emits: [Emit]) async -> [Result<Receipt, EmitError>] {
        let batch = EmitBatch(count: emits.count)
        let came = MonotonicTime.now()
        for index in emits.indices {
            if index % Self.emitsPerTurn == Self.emitsPerTurn - 1 { await pause() }
            do throws(EmitError) {
                let request = try request(for: emits.span[index], at: index, of: batch, came: came)
                if !batch.hasRoom(for: request) { await batch.room(for: request) }
                // What all share is left half empty for single emits; what this batch has under way makes room again.
                while link.isCrowded(with: request), batch.isUnderWay { await batch.empty() }
                // A broker that has fallen silent would cost a time-out for every window.
                if batch.hasMetSilence { throw .notPublished(.brokerSilent) }
                batch.begin(request)
                link.publish(request)
            } catch {
                batch.settle(index, .failure(error))
            }
        }
        await batch.empty()
        return batch.results
    }

    /// The request for one emit of a batch, which is large to copy.
    private func request(
        for emit: borrowing Emit, at index: Int, of batch: EmitBatch, came: MonotonicTime
    ) throws(EmitError) -> BatchedRequest {
        try check(emit)
        return BatchedRequest(
            try encoded(emit), in: emit.namespace, as: index, of: batch, id: identifiers.next(), of: self, came: came)
    }

    func nextIdentifier() -> ULID { identifiers.next() }

    package func pause() async { await link.loop.nextTurn() }

    /// About a millisecond's work.
    static let emitsPerTurn = 128

    private func receipt(
        _ id: ULID, _ routing: Routing, _ publications: borrowing Publications, _ namespace: String
    ) -> Receipt {
        // A fanout's queue need not have a server behind it; no queue at all has none for certain.
        guard let reason = unroutedReason(routing, publications, namespace) else {
            return Receipt(.made(id), routed: wireFormat.knowsRecipients ? true : nil)
        }
        return Receipt(.made(id), routed: false, reason: reason)
    }

    /// The reason why an emit had no receiver, which is logged; `nil`: it had one.
    func unroutedReason(
        _ routing: Routing, _ publications: borrowing Publications, _ namespace: String
    ) -> UnroutedReason? {
        let reason: UnroutedReason
        switch routing {
        case .routed: return nil
        case .noExchange: reason = .noExchange
        case .unroutable: reason = wireFormat.unroutedReason(of: Array(copy publications), servers(of: namespace))
        }
        return logged(reason, namespace, publications.first.exchange)
    }

    /// - Returns: the reason.
    func logged(_ reason: UnroutedReason, _ namespace: String, _ exchange: String) -> UnroutedReason {
        unroutedEmits.count(reason)
        unroutedLog?.note(reason, exchange: exchange, namespace: namespace, cluster: cluster, now: .now())
        return reason
    }

    /// The servers of the namespace that are known at this moment.
    func servers(of namespace: String) -> NamespaceServers { cluster?.servers(of: namespace) ?? NamespaceServers() }

    /// Whether the emit is what a caller may ask these servers for.
    func check(_ emit: Emit) throws(EmitError) {
        let faults = emit.faults(limits: limits)
        guard faults.isEmpty else { throw .invalid(faults) }
        guard wireFormat.numberRooms == .announced, emit.namesNumbers, let cluster else { return }
        if let server = cluster.serverWithoutNumbers(of: emit.namespace) {
            throw .notAsked(.notSupported(.numbers, server: server))
        }
    }

    /// The messages of a checked emit, in which more names may stand by now than a caller may list.
    func encoded(_ emit: Emit) throws(EmitError) -> Publications {
        // As `assertCurrent`, which is called even where it does nothing: this is for every emit.
        assert(link.loop.isOwnedHere, "not on the event loop that this lives on")
        // Before they are made: a large emit to many rooms would take all of that memory only to be refused.
        let bytes = emit.arguments.bytes.count * wireFormat.messageCount(for: emit)
        guard bytes <= link.largestEmit else {
            throw .notPublished(.tooLarge(bytes: bytes, limit: link.largestEmit))
        }
        do throws(NotExpressible) {
            let publications = try wireFormat.messages(for: emit)
            guard let trace = emit.trace else { return publications }
            return publications.with(trace)
        } catch {
            throw .notExpressible(error.fault)
        }
    }
}
