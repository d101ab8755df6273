internal import AMQPBridge
internal import Logging
internal import Routes
internal import Synchronization

/// All that one event loop has: an HTTP daemon, a router, a broker connection. Shares nothing with its siblings.
final class LoopServer: Sendable {
    struct CannotServe: Error, CustomStringConvertible {
        let description = "libmicrohttpd could not be started"
    }

    let loop: EventLoop
    let link: BrokerLink
    let router: Router
    let daemon: HTTPDaemon
    private let thread = Mutex<SystemThread?>(nil)

    init(
        index: Int, socket: Int32, configuration: Configuration, access: AccessPolicy, load: HTTPLoad, logger: Logger,
        services: (any EmitService) -> RouteServices
    ) throws(CannotServe) {
        loop = EventLoop()
        var logger = logger
        logger[metadataKey: "loop"] = "\(index)"
        var broker = configuration.broker
        broker.connectionName = "socketio-gateway loop \(index)"
        link = BrokerLink(broker, loop: loop, logger: logger)
        let emitter = Emitter(wireFormat: configuration.wireFormat, link: link, limits: configuration.commandLimits)
        router = Router(services: services(emitter), access: access, limits: configuration.requestLimits)
        guard
            let daemon = HTTPDaemon(
                listeningOn: socket, loop: loop, router: router, limits: configuration.httpLimits, load: load)
        else { throw CannotServe() }
        self.daemon = daemon
        // The broker first: its confirms become answers in the same turn.
        loop.add(link)
        loop.add(daemon)
    }

    func start(index: Int) {
        thread.withLock { $0 = SystemThread(name: "loop-\(index)") { [loop] in loop.run() } }
    }

    var isIdle: Bool { daemon.inFlight.load(ordering: .relaxed) == 0 }

    /// Takes no new connections.
    func drain() {
        loop.execute { self.daemon.drain() }
    }

    /// Ends HTTP and the broker connection. Returns when it is done.
    ///
    /// - Returns: whether every request was answered.
    func stop() -> Bool {
        let isClean = Atomic<Bool>(false)
        loop.execute {
            if self.isIdle {
                isClean.store(self.daemon.stop(), ordering: .relaxed)
                self.link.close()
                self.loop.stop()
                return
            }
            // What is still under way is settled by closing the connection under it. A turn later its handlers have
            // answered, and the answers can leave.
            self.link.close()
            self.loop.execute {
                self.loop.execute {
                    isClean.store(self.daemon.stop(), ordering: .relaxed)
                    self.loop.stop()
                }
            }
        }
        thread.withLock { $0 }?.join()
        return isClean.load(ordering: .relaxed)
    }
}
