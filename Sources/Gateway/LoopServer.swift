internal import AMQPBridge
internal import EventLoop
internal import Logging
internal import Routes
internal import Synchronization

/// The parts of one event loop: an HTTP daemon, a router, a broker connection. Shares nothing with its siblings.
final class LoopServer: Sendable {
    struct CannotServe: Error, CustomStringConvertible {
        let description = "libmicrohttpd could not be started"
    }

    let loop: EventLoop
    let link: BrokerLink
    let emitter: LoopEmitter
    let router: Router
    private let load: HTTPLoad
    /// The plain one, and the one with TLS, if there is one.
    let daemons: [HTTPDaemon]
    private let sockets: SocketWatch
    private let outcome = Atomic<Outcome>(.running)
    private let thread = Mutex<SystemThread?>(nil)

    /// - Parameter services: the services that the routes need beside this loop's.
    init(
        index: Int, _ process: ProcessServices, _ policy: LivePolicy,
        services: (any EmitService, any ClusterService) -> RouteServices
    ) throws(CannotServe) {
        let configuration = process.configuration
        loop = EventLoop()
        load = process.load
        var broker = configuration.broker
        broker.connectionName = "socketio-gateway loop \(index)"
        var linkLogger = process.logger
        linkLogger[metadataKey: "connection"] = "event loop \(index)"
        link = BrokerLink(broker, knowledge: process.knowledge, loop: loop, logger: linkLogger)
        emitter = LoopEmitter(
            wireFormat: configuration.wireFormat, link: link, limits: configuration.commandLimits,
            cluster: process.cluster, isClusterOff: process.cluster == nil,
            questionTimeout: configuration.requestsTimeout, unroutedLog: process.unroutedLog)
        let cluster: any ClusterService =
            if let client = process.cluster { LoopQuestions(client, link: link) } else { TurnedOffCluster() }
        router = Router(
            services: services(emitter, cluster), access: policy.access, limits: configuration.requestLimits,
            idempotency: process.idempotency, hooks: policy.hooks, deliveries: process.deliveries)
        var logger = process.logger
        logger[metadataKey: "loop"] = "\(index)"
        guard let sockets = SocketWatch(load: load, logger: logger) else { throw CannotServe() }
        self.sockets = sockets
        let (loop, router, load) = (loop, router, LoopLoad(of: load))
        func daemon(besides plain: HTTPDaemon? = nil) throws(CannotServe) -> HTTPDaemon {
            let daemon = HTTPDaemon(
                sockets: sockets, loop: loop, router: router, limits: configuration.httpLimits, load: load,
                proxies: policy.proxies, requestLog: RequestLog(process.logger, process.logLevel), besides: plain)
            guard let daemon else { throw CannotServe() }
            return daemon
        }
        let plain = try daemon()
        daemons = configuration.https == nil ? [plain] : [plain, try daemon(besides: plain)]
        // The broker first: its confirms become answers in the same turn. New connections are served in it, too.
        loop.add(link)
        loop.add(sockets)
        for daemon in daemons { loop.add(daemon) }
    }

    /// Tells the process what this loop has counted in the turn under way. Does nothing on another loop's thread: that
    /// one tells it when its own turn ends.
    func tellLoad() {
        if loop.isCurrent { daemons[0].requests.load.tell() }
    }

    /// Names the other loops, which are asked for room when no connection of this one can be closed. To be called
    /// before the loop starts.
    func knows(_ others: [LoopServer]) {
        let others = others.filter { $0 !== self }
        sockets.askForRoom = { [weak self] in
            guard self != nil,
                let fullest = others.max(by: { $0.openConnections < $1.openConnections })
            else { return }
            fullest.loop.execute { fullest.sockets.closeOne() }
        }
    }

    /// Takes over what was reloaded, between two turns, and says so. Requests that are admitted already go on as they
    /// were.
    func take(_ policy: LivePolicy, done: @escaping @Sendable () -> Void) {
        let isAlive = loop.execute {
            defer { done() }
            self.router.access = policy.access
            self.router.hooks = policy.hooks
            for daemon in self.daemons { daemon.connections.proxies = policy.proxies }
        }
        if !isAlive { done() }
    }

    /// Takes connections from this socket, which it owns from now on.
    func listen(on socket: Int32, _ entrance: Entrance) {
        loop.execute { self.sockets.listen(on: socket, entrance) }
    }

    func start(index: Int) {
        thread.withLock { $0 = SystemThread(name: "loop-\(index)", .batch) { [loop] in loop.run() } }
    }

    /// Whether there is nothing left to do: no connection can come, no request is under way, no client still sends a
    /// refused body, and the broker has confirmed all that was published, for the callers that did not wait, too.
    var isIdle: Bool {
        hasDrained && daemons.allSatisfy { $0.requests.open.load(ordering: .relaxed) == 0 }
            && link.counters.unsettled.value == 0 && load.lingering.value == 0
    }

    /// Whether no new connection can come any more.
    var hasDrained: Bool { daemons.allSatisfy { $0.hasDrained.load(ordering: .acquiring) } }

    private var openConnections: Int {
        daemons.reduce(0) { $0 + $1.connections.openCount.load(ordering: .relaxed) }
    }

    var isStopped: Bool { outcome.load(ordering: .relaxed) != .running }

    /// Has answers end their connections from now on.
    func beginDraining() {
        loop.execute { for daemon in self.daemons { daemon.requests.isDraining = true } }
    }

    /// Takes no new connections.
    func stopAccepting() {
        loop.execute { for daemon in self.daemons { daemon.stopAccepting() } }
    }

    /// Closes the idle connections.
    func closeIdle() {
        loop.execute { for daemon in self.daemons { daemon.closeIdle() } }
    }

    /// Ends HTTP and the broker connection, if ``isIdle`` still holds when the loop comes to it.
    func stopIfIdle() {
        loop.execute { if self.isIdle { self.finish() } }
    }

    /// Ends both whatever is under way: that is settled by closing the broker connection under it. A few turns later
    /// its handlers have answered, and the answers can leave.
    func stop() {
        loop.execute {
            self.link.close()
            self.finishWhenAnswered(by: .now() + Self.answerTime)
        }
    }

    /// The time that handlers may take to answer when nothing keeps them waiting any more; a large batch needs many
    /// turns.
    private static let answerTime: Duration = .seconds(2)

    private func finishWhenAnswered(by deadline: MonotonicTime) {
        loop.execute {
            let mayWait =
                self.daemons.contains(where: \.requests.schedule.hasHandlers) && MonotonicTime.now() < deadline
            if mayWait { self.finishWhenAnswered(by: deadline) } else { self.loop.execute { self.finish() } }
        }
    }

    private func finish() {
        guard !isStopped else { return }
        let isClean = daemons.map { $0.stop() }.allSatisfy { $0 }
        link.close()
        outcome.store(isClean ? .clean : .unclean, ordering: .relaxed)
        loop.stop()
    }

    /// Waits for the loop's thread.
    ///
    /// - Returns: whether every request was answered.
    func join() -> Bool {
        thread.withLock { $0 }?.join()
        return outcome.load(ordering: .relaxed) == .clean
    }
}

extension LoopServer {
    /// The end of a loop.
    fileprivate enum Outcome: UInt8, AtomicRepresentable {
        case running, clean, unclean
    }
}
