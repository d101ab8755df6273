internal import AMQP
internal import EventLoop
internal import JSON

/// The commands that need the servers' answers.
extension LoopEmitter {
    package func emit(
        _ emit: Emit, acknowledged mode: AcknowledgementMode, timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt {
        try check(emit)
        try checkNumbers(["rooms": emit.rooms, "except": emit.except])
        let start = MonotonicTime.now()
        let cluster = try knownCluster()
        let hasServers = try await !servers(timeout: timeout).isEmpty
        let left = max(timeout - (MonotonicTime.now() - start), .milliseconds(1))
        if hasServers { return try await ask(cluster, emit, mode, left) }
        return try await awaitCallbacks(try manager(cluster), cluster, emit, mode, left)
    }

    /// The message of an emit that clients are to acknowledge. It is refused if servers would refuse it, without asking
    /// any.
    func question(_ emit: Emit, by deadline: MonotonicTime) async throws(EmitError) -> Publication {
        try checkNumbers(["rooms": emit.rooms, "except": emit.except])
        let cluster = try knownCluster()
        let known = try await servers(timeout: questionTimeout(by: deadline))
        guard !known.isEmpty else { return try callbackPublication(try manager(cluster), emit, 0) }
        let question = AcknowledgedEmit(emit, .all).question(timeout: questionTimeout)
        for feature in question.features {
            let lacking = known.first { server in
                server.namespaces.contains { $0.hasBytes(of: emit.namespace) } && !feature.isAmong(server.features)
            }
            if let lacking { throw .notAsked(.notSupported(feature, server: lacking.uid)) }
        }
        return Publication(
            exchange: cluster.exchange, routingKey: emit.namespace, body: question.body(id: RequestID.next()))
    }

    package func emit(toServers command: ServerSideEmit) async throws(EmitError) -> Receipt {
        let cluster = try knownCluster()
        if let fault = CommandFault(namespace: command.namespace) ?? command.eventFault { throw .invalid([fault]) }
        let body = ClusterMessage.write(.serverSideEmit, namespace: command.namespace) { $0.packet(of: command) }
        var publication = Publication(exchange: cluster.exchange, routingKey: command.namespace, body: body)
        publication.trace = command.trace
        let reason: UnroutedReason? =
            switch try await publish([publication]) {
            case .routed: nil
            case .unroutable: nobody(of: command.namespace, cluster)
            case .noExchange: logged(.noExchange, command.namespace, cluster.exchange)
            }
        return Receipt(.made(nextIdentifier()), routed: reason == nil, reason: reason)
    }

    package func change(_ command: ChangeSockets, timeout: Duration) async throws(EmitError) -> ChangeReceipt {
        switch command.change {
        case .join(let rooms), .leave(let rooms): try checkNumbers(["rooms": rooms])
        case .disconnect: break
        }
        try checkNumbers(["in": command.selection.rooms, "except": command.selection.except])
        if isClusterOff { return try await publish(command, .turnedOff) }
        let cluster = try knownCluster()
        let answer: ClusterAnswer<ChangedSockets>
        do throws(ClusterError) {
            answer = try await cluster.ask(command, timeout: timeout)
        } catch .noServers(let exchange) {
            return try await publish(command, .noServers(exchange: exchange))
        } catch {
            throw .notAsked(error)
        }
        guard !answer.value.isRefused else { throw .notExpressible(.roomIsSocket) }
        return .done(ClusterAnswer(answer.value.matched, servers: answer.servers))
    }

    /// Publishes the change for servers that cannot be asked.
    private func publish(_ command: ChangeSockets, _ nobody: ClusterError) async throws(EmitError) -> ChangeReceipt {
        let publications = try expressing { () throws(NotExpressible) in
            try wireFormat.asManager?.publications(for: command)
        }
        guard let publications, !publications.isEmpty else { throw .notAsked(nobody) }
        // Without a queue there is no server of any kind.
        guard try await publish(command.trace.map { publications.with($0) } ?? publications) == .routed else {
            throw .notAsked(.noServers(exchange: publications[0].exchange))
        }
        return .published
    }

    package func asksServers(before emit: Emit) -> Bool {
        !emit.except.isEmpty && wireFormat.asManager?.exceptsRooms == false && (cluster != nil || isClusterOff)
    }

    /// The emit with the ids of the sockets in place of the rooms that are to be left out, where servers can leave out
    /// nothing else. No excluded socket may receive it: all servers must have named theirs.
    ///
    /// - Parameter deadline: when they must have named them at the latest; `nil`: each question has its usual time.
    func resolvingExceptions(of emit: Emit, by deadline: MonotonicTime? = nil) async throws(EmitError) -> Emit {
        guard asksServers(before: emit) else { return emit }
        // Without any server that answers, the wire format says that it cannot.
        guard try await !servers(timeout: questionTimeout(by: deadline)).isEmpty else { return emit }
        let selection = SocketSelection(namespace: emit.namespace, rooms: emit.except)
        var resolved = emit
        // The names, too: one may be the id of a socket on a server that cannot be asked.
        resolved.exceptSockets +=
            try await emit.except.compactMap(\.name) + allIDs(of: selection, by: deadline ?? .now() + questionTimeout)
        resolved.except = []
        return resolved
    }

    /// The ids of all sockets that are selected, page by page: servers end a page early for its size.
    ///
    /// - Throws: if anything may be missing, or if they are more than ``mostExceptions``.
    private func allIDs(of selection: SocketSelection, by deadline: MonotonicTime) async throws(EmitError) -> [String] {
        let cluster = try knownCluster()
        var ids: [String] = []
        var hasMore = true
        while hasMore {
            var fetch = FetchSockets(selection, fields: [], after: ids.last, limit: Self.mostExceptions - ids.count)
            fetch.includesLost = true
            let command = fetch
            let answer = try await asking { () async throws(ClusterError) in
                try await cluster.ask(command, timeout: questionTimeout(by: deadline))
            }
            guard answer.servers.isComplete else { throw .exceptionsUnknown(answer.servers) }
            ids += answer.value.sockets.map(\.id)
            hasMore = answer.value.hasMore
            guard !hasMore || ids.count < Self.mostExceptions else {
                throw .notExpressible(
                    CommandFault(
                        CommandField("except"), "more than \(Self.mostExceptions) sockets would have to be left out"))
            }
        }
        return ids
    }

    private func questionTimeout(by deadline: MonotonicTime?) -> Duration {
        guard let deadline else { return questionTimeout }
        return min(questionTimeout, max(deadline - .now(), .milliseconds(1)))
    }

    /// The most sockets that are named in one message.
    private static let mostExceptions = 10_000

    private func knownCluster() throws(EmitError) -> ClusterClient {
        guard let cluster else { throw .notAsked(isClusterOff ? .turnedOff : .brokerUnavailable) }
        return cluster
    }

    /// The wire format, if its servers return acknowledgements without being asked over the cluster.
    private func manager(_ cluster: ClusterClient) throws(EmitError) -> any ManagerFormat {
        guard let format = wireFormat.asManager else { throw .notAsked(.noServers(exchange: cluster.exchange)) }
        return format
    }

    private func servers(timeout: Duration) async throws(EmitError) -> [ServerDescription] {
        let cluster = try knownCluster()
        return try await asking { () async throws(ClusterError) in try await cluster.servers(timeout: timeout) }
    }

    private func asking<Value>(
        _ ask: () async throws(ClusterError) -> Value
    ) async throws(EmitError) -> Value {
        do throws(ClusterError) {
            return try await ask()
        } catch {
            throw .notAsked(error)
        }
    }

    private func publish(_ publications: [Publication]) async throws(EmitError) -> Routing {
        do throws(PublishError) {
            return try await link.publish(publications)
        } catch {
            throw .notPublished(error)
        }
    }

    /// The servers send the event to their own sockets, and their clients' answers to us.
    private func ask(
        _ cluster: ClusterClient, _ emit: Emit, _ mode: AcknowledgementMode, _ timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt {
        let id = nextIdentifier().text
        let outcome = try await asking { () async throws(ClusterError) in
            try await cluster.outcome(of: AcknowledgedEmit(emit, mode), timeout: timeout)
        }
        let (responses, servers) = (outcome.answer.responses, outcome.servers)
        // A queue that took it although no server is known says nothing of clients.
        let hasNobody = servers.isComplete && (servers.expected > 0 || !outcome.isRouted)
        let recipients = outcome.answer.recipients ?? (hasNobody ? 0 : nil)
        // Servers that have not said how many there are may have more.
        let isComplete =
            mode == .first && !responses.isEmpty || servers.isComplete && responses.count == recipients
        let reason = outcome.isRouted ? nil : nobody(of: emit.namespace, cluster)
        return AcknowledgedReceipt(
            id: id, routed: reason == nil, reason: reason, recipients: recipients, responses: responses,
            isComplete: isComplete, servers: servers)
    }

    /// The reason why no server took a message that every server of the namespace takes from the cluster's exchange.
    private func nobody(of namespace: String, _ cluster: ClusterClient) -> UnroutedReason {
        let reason = cluster.servers(of: namespace).lackNamespace ? UnroutedReason.noNamespace : .noServer
        return logged(reason, namespace, cluster.exchange)
    }

    /// Waits for the answers of python-socketio's servers, which return each by itself, without telling their number.
    private func awaitCallbacks(
        _ format: any ManagerFormat, _ cluster: ClusterClient, _ emit: Emit, _ mode: AcknowledgementMode,
        _ timeout: Duration
    ) async throws(EmitError) -> AcknowledgedReceipt {
        let id = nextIdentifier().text
        // Checked before anything is opened.
        let publications = Publications(try callbackPublication(format, emit, 0))
        let answered = try await asking { () async throws(ClusterError) in
            try await cluster.callbacks(mode: mode, timeout: timeout) { number in
                let result = await publish(format, emit, callback: number)
                return (result, waits: result.mayBeAnswered)
            }
        }
        let (published, responses) = answered ?? (.success(.noExchange), [])
        // An answer proves what the broker has not confirmed.
        let routing = responses.isEmpty ? try published.get() : .routed
        return .init(id: id, unroutedReason(routing, publications, emit.namespace), mode, responses: responses)
    }

    private func publish(
        _ format: any ManagerFormat, _ emit: Emit, callback number: Int
    ) async -> Result<Routing, EmitError> {
        do throws(EmitError) {
            return .success(try await publish([try callbackPublication(format, emit, number)]))
        } catch {
            return .failure(error)
        }
    }

    private func callbackPublication(
        _ format: any ManagerFormat, _ emit: Emit, _ number: Int
    ) throws(EmitError) -> Publication {
        var publication = try expressing { () throws(NotExpressible) in
            try format.publication(for: emit, callback: number)
        }
        publication.trace = emit.trace
        return publication
    }

    private func expressing<Value>(_ express: () throws(NotExpressible) -> Value) throws(EmitError) -> Value {
        do throws(NotExpressible) {
            return try express()
        } catch {
            throw .notExpressible(error.fault)
        }
    }

    /// Refuses rooms that are numbers where servers have none: whatever they answer, their sockets cannot be in one.
    private func checkNumbers(_ lists: KeyValuePairs<String, [RoomName]>) throws(EmitError) {
        for (list, rooms) in lists {
            if let fault = wireFormat.numberFault(rooms, in: list) { throw .notExpressible(fault) }
        }
    }
}

extension Result<Routing, EmitError> {
    /// Whether servers may have received what was published.
    fileprivate var mayBeAnswered: Bool {
        switch self {
        case .success(let routing): routing == .routed
        case .failure(.notPublished(.unknown)), .failure(.notPublished(.brokerNack)): true
        case .failure: false
        }
    }
}

extension CommandFault {
    fileprivate static let roomIsSocket = CommandFault(
        CommandField("rooms"),
        "one is the id of another socket, whose room python-socketio lets nobody join; sockets that could join have")
}

extension AcknowledgedReceipt {
    /// The receipt of servers that tell nothing but the answers: the number of recipients is unknown, and so whether
    /// all have answered.
    fileprivate init(
        id: String, _ reason: UnroutedReason?, _ mode: AcknowledgementMode, responses: [JSONText]
    ) {
        self.init(
            id: id, routed: reason == nil ? nil : false, reason: reason, recipients: nil, responses: responses,
            isComplete: mode == .first && !responses.isEmpty ? true : nil, servers: nil)
    }
}
