package import AMQP
package import EventLoop
internal import JSON
package import Logging
internal import Synchronization

/// The questions to a cluster of servers. Every answer comes by `timeout` at the latest, and says which servers have
/// given none.
package protocol ClusterService: AnyObject, Sendable {
    func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer>

    /// Asks the one question that callers ask again and again, and whose answers are small. It may be asked in a
    /// shorter way.
    func count(_ command: CountSockets, timeout: Duration) async throws(ClusterError) -> ClusterAnswer<SocketCounts>

    /// The servers known.
    func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription]
}

extension ClusterService {
    package func count(
        _ command: CountSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketCounts> { try await ask(command, timeout: timeout) }
}

/// Asks the servers of a cluster. One per process, with a connection and a thread of its own: event loops hand it
/// questions and get answers, each on its own thread.
///
/// `@unchecked Sendable`: session and connector are touched on the client's own thread only.
package final class ClusterClient: ClusterService, @unchecked Sendable {
    package struct Configuration: Sendable {
        /// The exchange of the cluster protocol, which gateways and servers declare alike.
        package var exchange = "socket.io.cluster"
        /// The most callers that may wait for answers at once.
        package var waiting = 10_000
        /// How long the end of a room or a socket is held back: its return takes it back.
        package var eventGrace: Duration = .seconds(3)
        /// Where events are published, too; `nil`: nowhere.
        package var eventExchange: EventExchange?

        package init() {}
    }

    /// The state of the client's connection to the broker.
    package var status: BrokerLink.Status { connector.status }
    /// The broker with which the client's connection is open, blocked or not; `nil`: there is no connection. May be
    /// read on any thread.
    package var broker: BrokerEndpoint? { connector.broker }
    package let counters = ClusterCounters()

    let exchange: String
    /// The most callers that may wait for answers at once.
    let mostWaiting: Int
    private let loop = EventLoop()
    private let session: ClusterSession
    private let connector: BrokerConnector<ClusterSession>
    private let known = KnownServers()
    private let thread = Mutex<SystemThread?>(nil)
    private let waiters = Atomic<Int>(0)
    private let publishesEvents: Bool
    private let callbackNumbers = Atomic<Int>(Int.random(in: 0..<1 << 40))

    /// - Parameter callbacks: the wire format whose servers send acknowledgements to the emitter themselves, if it has
    ///   any.
    package init(
        _ configuration: Configuration = Configuration(), broker: BrokerLink.Configuration,
        wireFormat: any WireFormat, knowledge: BrokerKnowledge = BrokerKnowledge(), logger: Logger,
        eventsCame: (@Sendable ([ClusterEvent]) -> Void)? = nil
    ) {
        let callbacks = (wireFormat.asManager?.callbackAddress).map {
            CallbackQueue(exchange: $0.exchange, hostID: $0.hostID)
        }
        exchange = configuration.exchange
        mostWaiting = configuration.waiting
        var limits = ClusterSession.Limits()
        limits.waiting = configuration.waiting
        session = ClusterSession(
            exchange: configuration.exchange, limits: limits, callbacks: callbacks, knowledge: knowledge,
            events: ClusterView.Limits(grace: configuration.eventGrace), eventExchange: configuration.eventExchange)
        publishesEvents = configuration.eventExchange != nil
        session.events.came = eventsCame
        session.events.published = { [counters] count, isSender in
            counters.eventsPublished.add(UInt64(count))
            counters.isEventSender.set(isSender ? 1 : 0)
        }
        var broker = broker
        broker.connectionName = "socketio-gateway cluster"
        var ownLogger = logger
        ownLogger[metadataKey: "connection"] = "questions"
        connector = BrokerConnector(broker, session: session, keeping: .all, loop: loop, logger: ownLogger)
        session.reader.warned = { logger.warning($0) }
        session.events.silentServer = { uid in
            logger.warning(
                "events are wanted, and a server tells none",
                metadata: [
                    "server": "\(uid)", "hint": "update its companion: no room of its namespaces is vacated until then",
                ])
        }
        session.events.unreadableList = { list in
            logger.warning(
                "a server's list of rooms cannot be read",
                metadata: [
                    "server": "\(list.server)", "namespace": "\(list.namespace)", "reason": "\(list.fault.rawValue)",
                    "hint": "no room of the namespace is vacated until it can; events may be missing",
                ])
        }
        session.serverChanged = { [known, counters, unowned session] uid, server in
            known.note(uid, server)
            counters.servers.set(session.serverCount)
        }
        session.completenessChanged = { [known] in known.setComplete($0) }
        session.searches = { [known] in known.setSearched() }
        if let format = wireFormat as? AMQP0 {
            var unconfigured = UnconfiguredNamespaces(configured: format.namespaces)
            session.heard = { servers in
                guard let names = unconfigured.news(of: servers) else { return }
                logger.warning(
                    "amqp0 servers have namespaces that are not configured",
                    metadata: [
                        "namespaces": "\(names.joined(separator: ", "))",
                        "hint":
                            "on one exchange they take each other's events: servers need exchangeName and queuePrefix for each",
                    ])
            }
        }
        let log = ChannelCloseLog(ownLogger, counters.channelsClosed)
        session.channelClosed = { log.note($0, now: .now()) }
        session.wanted = { [unowned connector] in connector.wake() }
        connector.opened = { [counters] in counters.connects.add(1) }
        loop.add(connector)
    }

    package func start() {
        thread.withLock { thread in
            guard thread == nil else { return }
            thread = SystemThread(name: "cluster") { [loop] in loop.run() }
            if publishesEvents { want(nil) }
        }
    }

    /// Ends the connection, and every question with it, and waits for the thread.
    package func stop() {
        loop.execute {
            self.connector.close()
            self.loop.stop()
        }
        thread.withLock { $0 }?.join()
    }

    // MARK: Events

    /// Says what is wanted of the servers' events; `nil`: nothing, and what was known of rooms is forgotten. From any
    /// thread. They come to `eventsCame`, on the client's thread.
    package func want(_ wants: EventWants?) {
        let wants = wants ?? (publishesEvents ? EventWants() : nil)
        loop.execute { self.session.want(wants, now: .now()) }
    }

    /// Somebody begins to receive events, and asks for the state now. From any thread.
    package func receiverCame() {
        loop.execute { self.session.events.receiverCame(now: .now()) }
    }

    // MARK: Questions

    package func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer> {
        let outcome = try await outcome(of: command, timeout: timeout)
        return ClusterAnswer(outcome.answer, servers: outcome.servers)
    }

    /// Asks, and waits without a thread. A task that is cancelled stops waiting.
    func outcome<Command: ClusterCommand>(
        of command: Command, timeout: Duration
    ) async throws(ClusterError) -> QuestionOutcome<Command.Answer> {
        let result: Result<QuestionOutcome<Command.Answer>, ClusterError> = await waiting(
            orEnded: .failure(.brokerUnavailable)
        ) { waiter, done in
            let question = command.question(timeout: timeout)
            self.session.ask(question, id: RequestID.next(), waiter: waiter, now: .now(), done)
        } abandon: { waiter in
            self.session.abandon(waiter: waiter)
        }
        if case .success(let outcome) = result { counters.count(outcome.servers) }
        return try result.get()
    }

    /// The uid of a server of the namespace that cannot tell rooms that are numbers from others, as far as is known at
    /// this moment; `nil`: there is none. From any thread.
    func serverWithoutNumbers(of namespace: String) -> String? { known.serverWithoutNumbers(of: namespace) }

    /// The servers of the namespace that are known at this moment, without asking any. From any thread.
    func servers(of namespace: String) -> NamespaceServers { known.servers(of: namespace) }

    /// See ``KnownServers/version``. From any thread.
    var version: Int { known.version }

    /// See ``KnownServers/uids(of:most:)``. From any thread.
    func uids(of namespace: String, most: Int) -> [String] { known.uids(of: namespace, most: most) }

    /// See ``KnownServers/summary(most:)``. From any thread.
    func summary(most: Int) -> (adapters: [String], namespaces: [String]) { known.summary(most: most) }

    /// The servers known, once they have had the time to announce themselves.
    package func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] {
        let now = MonotonicTime.now()
        let result: Result<[ServerDescription], ClusterError> = await waiting(orEnded: .failure(.brokerUnavailable)) {
            waiter, done in
            self.session.whenReady(waiter: waiter, deadline: now + timeout, now: now) { error, now in
                if let error { return done(.failure(error)) }
                done(.success(self.session.servers.map { ServerDescription($0, now: now) }))
            }
        } abandon: { waiter in
            self.session.abandon(waiter: waiter)
        }
        return try result.get()
    }

    /// Runs `begin` on the client's thread, and waits until it calls back, or for the task to be cancelled: then
    /// `abandon` must make it call back.
    ///
    /// - Parameter ended: the value to return when the client has been stopped.
    private func waiting<Value: Sendable>(
        orEnded ended: Value, _ begin: @escaping @Sendable (_ waiter: Int, _ done: @escaping (Value) -> Void) -> Void,
        abandon: @escaping @Sendable (_ waiter: Int) -> Void
    ) async -> Value {
        let waiter = waiters.wrappingAdd(1, ordering: .relaxed).newValue
        let cancellation = Cancellation()
        return await withTaskCancellationHandler {
            // Unsafe only in that nothing checks for the one resume: every question ends exactly once (see the tests of
            // the table).
            await withUnsafeContinuation { continuation in
                let isTaken = loop.execute {
                    begin(waiter) { continuation.resume(returning: $0) }
                    // The other one came too early, then.
                    if cancellation.hasCome.load(ordering: .relaxed) { abandon(waiter) }
                }
                if !isTaken { continuation.resume(returning: ended) }
            }
        } onCancel: {
            cancellation.hasCome.store(true, ordering: .relaxed)
            loop.execute { abandon(waiter) }
        }
    }

    // MARK: Callbacks of python-socketio

    /// The acknowledgements that clients send through their servers to the emitter.
    ///
    /// - Parameter publish: publishes the event with this number, once answers can come. Its result says whether to
    ///   wait for any.
    /// - Returns: the result of `publish`, and the arguments of each client's answer; `nil` if the servers' exchange
    ///   does not exist, so that there is no server to publish to.
    func callbacks<Published: Sendable>(
        mode: AcknowledgementMode, timeout: Duration, _ publish: (_ number: Int) async -> (Published, waits: Bool)
    ) async throws(ClusterError) -> (Published, responses: [JSONText])? {
        let number = callbackNumbers.wrappingAdd(1, ordering: .relaxed).newValue
        let pending = PendingCallbacks()
        let opening: CallbackQueue.Opening = await waiting(orEnded: .failed(.brokerUnavailable)) { _, done in
            self.session.awaitCallbacks(
                number, mode: mode, deadline: .now() + timeout, opened: done, finished: { pending.finish($0) })
        } abandon: { _ in
            self.session.abandonCallbacks(number)
        }
        switch opening {
        case .open: break
        case .noExchange: return nil
        case .failed(let error): throw error
        }
        let (published, waits) = await publish(number)
        if !waits { abandonCallbacks(number) }
        let responses = await withTaskCancellationHandler {
            await pending.responses()
        } onCancel: {
            abandonCallbacks(number)
        }
        return (published, responses)
    }

    private func abandonCallbacks(_ number: Int) {
        loop.execute { self.session.abandonCallbacks(number) }
    }
}

/// Whether a task was cancelled, perhaps before it began to wait.
private final class Cancellation: Sendable {
    let hasCome = Atomic<Bool>(false)
}

/// The meeting point of a caller and the client's thread: the answers may be there before the caller waits for them.
private final class PendingCallbacks: Sendable {
    private enum State {
        case pending
        case waiting(UnsafeContinuation<[JSONText], Never>)
        case finished([JSONText])
    }

    private let state = Mutex(State.pending)

    func finish(_ responses: [JSONText]) {
        let waiting: UnsafeContinuation<[JSONText], Never>? = state.withLock { state in
            defer { state = .finished(responses) }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: responses)
    }

    func responses() async -> [JSONText] {
        await withUnsafeContinuation { continuation in
            let finished: [JSONText]? = state.withLock { state in
                if case .finished(let responses) = state { return responses }
                state = .waiting(continuation)
                return nil
            }
            if let finished { continuation.resume(returning: finished) }
        }
    }
}

/// The counts of what the cluster client has done so far.
package final class ClusterCounters: Sendable {
    package init() {}

    package let connects = Counter()
    package let channelsClosed = ChannelCloseCounters()
    /// The number of servers that are known: this one goes down, too.
    package let servers = Gauge()
    package let eventsPublished = Counter()
    /// Whether this gateway is the one that publishes events: 1 or 0.
    package let isEventSender = Gauge()
    /// Questions that all servers have answered.
    package let complete = Counter()
    /// Questions that some have not answered in time.
    package let partial = Counter()

    func count(_ servers: ServerTally) {
        if servers.isComplete { complete.add(1) } else { partial.add(1) }
    }
}

/// A question's id: 128 random bits, so that no answer is mistaken for another's.
enum RequestID {
    static func next() -> String {
        hexadecimal(.random(in: .min ... .max)) + hexadecimal(.random(in: .min ... .max))
    }

    /// 16 digits.
    static func hexadecimal(_ number: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { digits in
            for place in 0..<16 { digits[place] = digit(number >> (60 - 4 * UInt64(place)) & 0xF) }
            return 16
        }
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(value) + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }
}

extension ServerDescription {
    fileprivate init(_ server: Presence.Server, now: MonotonicTime) {
        uid = server.uid
        namespaces = server.namespaces
        lastSeen = max(now - server.lastSeen, .zero)
        subscriptionMode = server.subscriptionMode
        features = server.traits.features
        adapter = server.traits.adapter
    }
}
