/// What an emit's caller learns when the broker has confirmed it.
public struct Receipt: Sendable, Equatable {
    /// A ULID.
    public let id: String
    /// Whether the broker had anybody to give it to; `nil`: this wire format, or not waiting, cannot tell.
    public let routed: Bool?
    /// Why ``routed`` is `false`; `nil` where it is not.
    public let reason: UnroutedReason?

    public init(id: String, routed: Bool?, reason: UnroutedReason? = nil) {
        self.id = id
        self.routed = routed
        self.reason = reason
    }
}

/// Why an emit failed. Whether nothing was published, ``PublishError`` says.
public enum EmitError: Error, Sendable, Equatable {
    /// The command is wrong under any wire format.
    case invalid([CommandFault])
    /// The configured servers cannot do it.
    case notExpressible(CommandFault)
    case notPublished(PublishError)
    /// The servers had to be asked, and could not be.
    case notAsked(ClusterError)
    /// Not all servers have said whom to leave out; nothing was published.
    case exceptionsUnknown(ServerTally)
}

/// What became of something that was to be done to sockets.
public enum ChangeReceipt: Sendable, Equatable {
    /// The servers have done it, to so many sockets; `nil`: not all of them count.
    case done(ClusterAnswer<Int?>)
    /// It was published, and nobody says what became of it.
    case published
}

/// When an emit is answered.
public enum Confirmation: String, Sendable, CaseIterable {
    /// When the broker has confirmed it.
    case broker
    /// As soon as it is taken; the outcome stays untold.
    case none
}

/// Emits events to the clients of Socket.IO servers.
public protocol EmitService: AnyObject, Sendable {
    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt

    /// Emits, and waits for the broker's confirm, but no longer than `wait`: an emit that is not confirmed by then fails as
    /// one whose outcome is unknown.
    func emit(_ emit: Emit, confirmedWithin wait: Duration) async throws(EmitError) -> Receipt

    /// Emits, and waits for the clients' acknowledgements.
    ///
    /// - Parameter timeout: how long; what has come by then is returned.
    func emit(
        _ emit: Emit, acknowledged mode: AcknowledgementMode, timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt

    /// Emits to the servers themselves, and waits for no answers.
    func emit(toServers command: ServerSideEmit) async throws(EmitError) -> Receipt

    /// Does something to sockets.
    func change(_ command: ChangeSockets, timeout: Duration) async throws(EmitError) -> ChangeReceipt

    /// Publishes the emits in their order, and waits for all of them. What becomes of one is nothing to the others.
    ///
    /// - Returns: what became of each, in the same order.
    func emit(batch: [Emit]) async -> [Result<Receipt, EmitError>]

    /// Checks emits as if they were sent, looks where they would go, and publishes nothing.
    ///
    /// - Parameter timeout: how long servers have to answer all questions. What is not known by then stays unknown.
    /// - Returns: what would have become of each, in the same order.
    func dryRun(_ requests: [DryRunRequest], timeout: Duration) async -> [Result<DryRun, EmitError>]

    /// Lets everybody else on the event loop have a turn: for work that takes longer than an emit.
    func pause() async
}

/// Turns commands into publications on one event loop's broker connection.
///
/// `@unchecked Sendable`: used on its loop's thread only, by tasks that prefer the loop as their executor.
public final class LoopEmitter: EmitService, @unchecked Sendable {
    let wireFormat: any WireFormat
    let link: BrokerLink
    let limits: CommandLimits
    let cluster: ClusterClient?
    /// Whether the operator does not want servers to be asked.
    let isClusterOff: Bool
    /// How long servers have to say whom to leave out.
    let questionTimeout: Duration
    private let unroutedLog: UnroutedLog?
    private var identifiers = ULIDGenerator()

    /// - Parameters:
    ///   - cluster: asks the servers; without it nothing can be done that needs their answers.
    ///   - isClusterOff: that there is none because the operator does not want it.
    ///   - unroutedLog: is told of emits that nobody was there for.
    public init(
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

    public func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        try check(emit)
        let publications = try encoded(emit.except.isEmpty ? emit : try await resolvingExceptions(of: emit))
        let id = identifiers.next()
        do throws(PublishError) {
            switch confirmation {
            case .none:
                try publishUnconfirmed(publications, of: emit)
                return Receipt(id: id, routed: nil)
            case .broker:
                return receipt(id, try await link.publish(publications), emit, publications[0].exchange)
            }
        } catch {
            throw .notPublished(error)
        }
    }

    public func emit(_ emit: Emit, confirmedWithin wait: Duration) async throws(EmitError) -> Receipt {
        let deadline = MonotonicTime.now() + wait
        try check(emit)
        let resolved = emit.except.isEmpty ? emit : try await resolvingExceptions(of: emit, by: deadline)
        // Nobody would wait for what is published now, and all would be done twice.
        guard .now() < deadline else { throw .notPublished(.brokerSilent) }
        let publications = try encoded(resolved)
        let id = identifiers.next()
        do throws(PublishError) {
            let exchange = publications[0].exchange
            return receipt(id, try await link.publish(publications, until: deadline), emit, exchange)
        } catch {
            throw .notPublished(error)
        }
    }

    public func emit(batch emits: [Emit]) async -> [Result<Receipt, EmitError>] {
        let batch = EmitBatch(count: emits.count)
        let came = MonotonicTime.now()
        for (index, emit) in emits.enumerated() {
            if index % Self.emitsPerTurn == Self.emitsPerTurn - 1 { await pause() }
            let publications: [Publication]
            do throws(EmitError) {
                publications = try self.publications(for: emit)
            } catch {
                batch.settle(index, .failure(error))
                continue
            }
            let bytes = publications.reduce(0) { $0 + $1.encodedSize }
            await batch.room(messages: publications.count, bytes: bytes)
            // What all share is left half empty for single emits; what this batch has under way makes room again.
            while link.isCrowded(with: publications), batch.isUnderWay { await batch.empty() }
            publish(publications, bytes: bytes, as: index, of: batch, emits, came: came)
        }
        await batch.empty()
        return batch.results
    }

    /// Nobody waits for the answer: that nobody was there is told by the log and the metrics alone.
    private func publishUnconfirmed(_ publications: [Publication], of emit: Emit) throws(PublishError) {
        let exchange = publications[0].exchange
        try link.publishUnconfirmed(publications) { [self] result in
            if case .success(let routing) = result { _ = unroutedReason(routing, emit, exchange) }
        }
    }

    func nextIdentifier() -> String { identifiers.next() }

    public func pause() async { await link.loop.nextTurn() }

    /// About a millisecond's work.
    static let emitsPerTurn = 64

    private func publish(
        _ publications: [Publication], bytes: Int, as index: Int, of batch: EmitBatch, _ emits: [Emit],
        came: MonotonicTime
    ) {
        // A broker that has fallen silent would cost a time-out for every window.
        guard !batch.hasMetSilence else {
            batch.settle(index, .failure(.notPublished(.brokerSilent)))
            return
        }
        let id = identifiers.next()
        batch.begin(messages: publications.count, bytes: bytes)
        let exchange = publications[0].exchange
        link.publish(publications, came: came) { [self] result in
            let outcome = result.map { receipt(id, $0, emits[index], exchange) }.mapError { EmitError.notPublished($0) }
            batch.finish(index, outcome, messages: publications.count, bytes: bytes)
        }
    }

    private func receipt(_ id: String, _ routing: Routing, _ emit: Emit, _ exchange: String) -> Receipt {
        // A fanout's queue need not have a server behind it; no queue at all has none for certain.
        guard let reason = unroutedReason(routing, emit, exchange) else {
            return Receipt(id: id, routed: wireFormat.knowsRecipients ? true : nil)
        }
        return Receipt(id: id, routed: false, reason: reason)
    }

    /// Why nobody was there, which is logged; `nil`: somebody was.
    func unroutedReason(_ routing: Routing, _ emit: Emit, _ exchange: String) -> UnroutedReason? {
        switch routing {
        case .routed: nil
        case .noExchange: logged(.noExchange, emit.namespace, exchange)
        case .unroutable:
            logged(wireFormat.unroutedReason(of: emit, servers(of: emit.namespace)), emit.namespace, exchange)
        }
    }

    /// - Returns: the reason.
    func logged(_ reason: UnroutedReason, _ namespace: String, _ exchange: String) -> UnroutedReason {
        link.counters.unroutedEmits.count(reason)
        unroutedLog?.note(reason, exchange: exchange, namespace: namespace, cluster: cluster, now: .now())
        return reason
    }

    /// What is known of the servers at this moment.
    func servers(of namespace: String) -> NamespaceServers { cluster?.servers(of: namespace) ?? NamespaceServers() }

    private func publications(for emit: Emit) throws(EmitError) -> [Publication] {
        try check(emit)
        return try encoded(emit)
    }

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
    func encoded(_ emit: Emit) throws(EmitError) -> [Publication] {
        // Before they are made: a large emit to many rooms would take all of that memory only to be refused.
        let bytes = emit.arguments.bytes.count * wireFormat.messageCount(for: emit)
        guard bytes <= link.largestEmit else {
            throw .notPublished(.tooLarge(bytes: bytes, limit: link.largestEmit))
        }
        do throws(NotExpressible) {
            let publications = try wireFormat.publications(for: emit)
            return emit.trace.map { publications.with($0) } ?? publications
        } catch {
            throw .notExpressible(error.fault)
        }
    }
}

extension [Publication] {
    /// The same messages, in this trace. Wire formats know nothing of it: it is beside what they write.
    func with(_ trace: TraceContext) -> [Publication] {
        map { publication in
            var publication = publication
            publication.trace = trace
            return publication
        }
    }
}
