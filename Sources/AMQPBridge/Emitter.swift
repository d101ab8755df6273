public import AMQP
internal import EventLoop
public import Logging

/// Emits events to the clients of Socket.IO servers, from any Swift program.
///
///     let emitter = try await Emitter.connect(to: "amqp://guest:guest@localhost", wireFormat: AMQP0())
///     let receipt = try await emitter.to("user:42").emit("order.paid", ["id": 42])
///     await emitter.close()
///
/// An emitter has one connection to RabbitMQ and one thread, which serves it; make one and keep it. It may be used from
/// any task or actor, by many at once, and what one task emits one after the other leaves in that order. When the
/// connection breaks, it connects again by itself; until then emits fail with ``PublishError/brokerUnavailable``.
///
/// End it with ``close()``. One that is let go without is closed in the background, where the end of the process may
/// come first; nothing is lost by that, as no emit is under way then.
public final class Emitter: Sendable {
    let loop: EventLoop
    private let link: BrokerLink
    private let onLoop: LoopEmitter
    private let lifetime: EmitterLifetime

    /// Connects to RabbitMQ.
    ///
    /// - Parameters:
    ///   - uri: `amqp://user:password@host:port/vhost`; an empty path means the virtual host `/`.
    ///   - wireFormat: that of the servers: ``AMQP0`` or ``PythonSocketIO``.
    ///   - confirmTimeout: the time that an emit may wait for RabbitMQ's confirm.
    ///   - limits: the most that one emit may ask for.
    ///   - logger: is told of connections made and lost, and of emits without a receiver; unless given, nothing is
    ///     logged.
    /// - Throws: the reason why the first attempt to connect failed, also if the broker is blocked by an alarm; no
    ///   other is made. A broker that says nothing is given 10 seconds to log us in, and 10 to open channels.
    public static func connect(
        to uri: String, wireFormat: any WireFormat, confirmTimeout: Duration = .seconds(5),
        limits: CommandLimits = CommandLimits(), logger: Logger? = nil
    ) async throws(BrokerError) -> Emitter {
        var broker: BrokerLink.Configuration
        do throws(BrokerURLError) {
            broker = try BrokerLink.Configuration(url: uri)
        } catch {
            throw BrokerError("the broker's address \(error)")
        }
        broker.confirmTimeout = confirmTimeout
        return try await connect(to: broker, wireFormat: wireFormat, limits: limits, logger: logger)
    }

    /// Connects to RabbitMQ, with everything about the connection to choose.
    ///
    /// - Throws: the reason why the first attempt to connect failed, also if the broker is blocked by an alarm; no
    ///   other is made.
    public static func connect(
        to broker: BrokerLink.Configuration, wireFormat: any WireFormat, limits: CommandLimits = CommandLimits(),
        logger: Logger? = nil
    ) async throws(BrokerError) -> Emitter {
        let emitter = Emitter(broker, wireFormat: wireFormat, limits: limits, logger: logger)
        let firstAttempt = await withCheckedContinuation { continuation in
            emitter.start { continuation.resume(returning: $0) }
        }
        do throws(BrokerError) {
            try firstAttempt.get()
        } catch {
            await emitter.close()
            throw error
        }
        return emitter
    }

    init(_ broker: BrokerLink.Configuration, wireFormat: any WireFormat, limits: CommandLimits, logger: Logger?) {
        let unroutedLog = logger.map {
            UnroutedLog(
                $0, wireFormat: type(of: wireFormat).name, virtualHost: broker.endpoint.virtualHost)
        }
        let logger = logger ?? Logger(label: "socketio-gateway") { _ in SwiftLogNoOpLogHandler() }
        let loop = EventLoop()
        let link = BrokerLink(broker, loop: loop, logger: logger)
        loop.add(link)
        onLoop = LoopEmitter(wireFormat: wireFormat, link: link, limits: limits, unroutedLog: unroutedLog)
        lifetime = EmitterLifetime {
            loop.execute {
                link.close()
                loop.stop()
            }
        }
        (self.loop, self.link) = (loop, link)
    }

    deinit { lifetime.letGo() }

    /// Starts the thread and connects.
    ///
    /// - Parameter firstAttemptEnded: called once, on the emitter's thread.
    func start(firstAttemptEnded: @escaping (Result<Void, BrokerError>) -> Void) {
        link.firstAttemptEnded = firstAttemptEnded
        let isStarted = SystemThread.detach(name: "emitter") { [loop, lifetime] in
            loop.run()
            lifetime.hasEnded()
        }
        guard !isStarted else { return }
        lifetime.hasEnded()
        firstAttemptEnded(.failure(.noThread))
    }

    /// Publishes an emit and waits for RabbitMQ's confirm. ``to(_:_:)`` and its like are more convenient.
    ///
    /// The waiting task can be cancelled, the emit cannot: this returns when its outcome is known, within the time for
    /// the confirm.
    ///
    /// - Throws: the faults of the emit, or the reason why it was not confirmed. Except for
    ///   ``PublishError/unknown(_:)`` and ``PublishError/brokerNack``, nothing was published. A closed emitter has no
    ///   connection any more.
    public func emit(_ emit: Emit) async throws(EmitError) -> Receipt {
        guard lifetime.begin() else { throw .notPublished(.brokerUnavailable) }
        defer { lifetime.finish() }
        let task = Task(executorPreference: loop) { [onLoop] () async -> Result<Receipt, EmitError> in
            do throws(EmitError) {
                return .success(try await onLoop.emit(emit, confirmation: .broker))
            } catch {
                return .failure(error)
            }
        }
        return try await task.value.get()
    }

    /// Takes no more emits, waits for those under way, each of which ends within its time for the confirm, and takes
    /// leave of the broker, for a second at most. When this returns, the connection is closed and the thread has ended.
    public func close() async { await lifetime.close() }
}

/// The same starting points as on a Socket.IO server.
extension Emitter {
    /// Everyone in the namespace `/`.
    private var everyone: BroadcastOperator {
        BroadcastOperator { emit async throws(EmitError) in try await self.emit(emit) }
    }

    /// Emits to everyone in the namespace `/`: see ``BroadcastOperator/emit(_:_:)``.
    @discardableResult
    public func emit(_ event: String, _ arguments: Argument...) async throws(EmitError) -> Receipt {
        try await everyone.emit(event, arguments: arguments)
    }

    /// See ``BroadcastOperator/of(_:)``.
    public func of(_ namespace: String) -> BroadcastOperator { everyone.of(namespace) }

    /// See ``BroadcastOperator/to(_:_:)``.
    public func to(_ room: String, _ others: String...) -> BroadcastOperator { everyone.to([room] + others) }

    /// The same where rooms may be numbers: `to(42)`, `to(.number(user.id))`.
    public func to(_ room: RoomName, _ others: RoomName...) -> BroadcastOperator { everyone.to(rooms: [room] + others) }

    /// See ``BroadcastOperator/to(_:)``.
    public func to(_ rooms: [String]) -> BroadcastOperator { everyone.to(rooms) }

    /// The same where rooms may be numbers.
    public func to(rooms: [RoomName]) -> BroadcastOperator { everyone.to(rooms: rooms) }

    /// The same as ``to(_:_:)``.
    public func `in`(_ room: String, _ others: String...) -> BroadcastOperator { everyone.to([room] + others) }

    /// The same where rooms may be numbers.
    public func `in`(_ room: RoomName, _ others: RoomName...) -> BroadcastOperator {
        everyone.to(rooms: [room] + others)
    }

    /// See ``BroadcastOperator/except(_:)-(String...)``.
    public func except(_ names: String...) -> BroadcastOperator { everyone.except(names) }

    /// See ``BroadcastOperator/except(_:)-([String])``.
    public func except(_ names: [String]) -> BroadcastOperator { everyone.except(names) }

    /// The same where rooms may be numbers.
    public func except(_ rooms: RoomName...) -> BroadcastOperator { everyone.except(rooms: rooms) }

    /// The same where rooms may be numbers.
    public func except(rooms: [RoomName]) -> BroadcastOperator { everyone.except(rooms: rooms) }

    /// See ``BroadcastOperator/exceptSockets(_:)-(String...)``.
    public func exceptSockets(_ ids: String...) -> BroadcastOperator { everyone.exceptSockets(ids) }

    /// See ``BroadcastOperator/exceptSockets(_:)-([String])``.
    public func exceptSockets(_ ids: [String]) -> BroadcastOperator { everyone.exceptSockets(ids) }
}
