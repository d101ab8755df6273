internal import AMQPBridge
internal import CMicrohttpd
internal import Glibc
internal import Logging
internal import OpenAPIDocument
internal import Routes
internal import Synchronization

/// The process around the loops: starts them, waits for a signal, and ends them in order.
struct GatewayProcess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let configuration: Configuration
    private let logger: Logger

    init(_ configuration: Configuration) {
        self.configuration = configuration
        let (format, level) = (configuration.logFormat, configuration.logLevel)
        logger = Logger(label: "socketio-gateway") { _ in LogLines(format: format, level: level) }
    }

    func run() throws {
        // Blocked before the first thread is made, so that every thread leaves them to the one that waits below.
        let signals = SignalSet([SIGTERM, SIGINT])
        signals.block()
        signal(SIGPIPE, SIG_IGN)
        Self.raiseDescriptorLimit()
        MHD_set_panic_func(
            { _, file, line, reason in
                StandardError.write(
                    "socketio-gateway: libmicrohttpd gave up: \(reason.map { String(cString: $0) } ?? "")\n")
                abort()
            }, nil)

        let sockets = try ListeningSockets(
            configuration.listenAddress, count: configuration.loops, sharesPort: configuration.sharesPort)
        let access = try accessPolicy(isLoopback: sockets.isLoopback)
        let idempotency = IdempotencyStore(limits: configuration.idempotencyLimits)
        let cluster = ClusterClient(
            configuration.cluster, broker: configuration.broker, wireFormat: configuration.wireFormat, logger: logger)
        let group = LoopGroup(
            load: HTTPLoad(limits: configuration.loadLimits), cluster: cluster, configuration: configuration)
        for (index, socket) in sockets.descriptors.enumerated() {
            group.servers.append(
                try LoopServer(
                    index: index, socket: socket, configuration: configuration, access: access, load: group.load,
                    idempotency: idempotency, logger: logger,
                    cluster: cluster
                ) { group.services(emitter: $0) })
        }
        cluster.start()
        for (index, server) in group.servers.enumerated() { server.start(index: index) }
        logger.info(
            "listening",
            metadata: [
                "address": "\(sockets.address)", "loops": "\(configuration.loops)",
                "wireFormat": "\(configuration.wireFormatName)", "version": "\(GatewayCommand.version)",
            ])
        let received = signals.wait()
        logger.info("stopping", metadata: ["signal": "\(received == SIGINT ? "SIGINT" : "SIGTERM")"])
        stop(group, signals)
    }

    /// Without a key the gateway is for this machine only, unless it was told otherwise.
    private func accessPolicy(isLoopback: Bool) throws(Failure) -> AccessPolicy {
        if let key = configuration.apiKey { return .key(key) }
        if configuration.allowsAnonymous { return .anonymous }
        guard isLoopback else {
            throw Failure(
                description: "refusing to serve \(configuration.listenAddress) to everyone: set GATEWAY_API_KEY, "
                    + "listen on a loopback address, or say --allow-anonymous")
        }
        return .loopbackOnly
    }

    private func stop(_ group: LoopGroup, _ signals: SignalSet) {
        group.isDraining.store(true, ordering: .relaxed)
        // Load balancers need a while to see that /readyz fails; a second signal means: now.
        if configuration.shutdownDelay > .zero { _ = signals.wait(atMost: configuration.shutdownDelay) }
        for server in group.servers { server.drain() }
        let deadline = MonotonicTime.now() + configuration.shutdownTimeout
        while !group.servers.allSatisfy(\.isStopped), MonotonicTime.now() < deadline {
            for server in group.servers where server.isIdle && !server.isStopped { server.stopIfIdle() }
            if signals.wait(atMost: .milliseconds(10)) != nil { break }
        }
        // Ends what waits for servers.
        group.cluster.stop()
        for server in group.servers where !server.isStopped { server.stop() }
        let isClean = group.servers.map { $0.join() }.allSatisfy { $0 }
        logger.info(isClean ? "stopped" : "stopped with requests unanswered")
    }

    /// Each connection is a descriptor: the soft limit of 1,024 is for programs that use select(2).
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// The loops as one gateway: what a health check and a scrape want to know of all of them.
///
/// `@unchecked Sendable`: `servers` is filled before the first loop starts, and not changed afterwards.
private final class LoopGroup: @unchecked Sendable {
    var servers: [LoopServer] = []
    let load: HTTPLoad
    let cluster: ClusterClient
    private let configuration: Configuration
    let isDraining = Atomic<Bool>(false)

    init(load: HTTPLoad, cluster: ClusterClient, configuration: Configuration) {
        self.load = load
        self.cluster = cluster
        self.configuration = configuration
    }

    func services(emitter: any EmitService) -> RouteServices {
        RouteServices(
            emitter: emitter, cluster: cluster, questionTimeout: configuration.requestsTimeout,
            readiness: { self.readiness },
            metrics: {
                MetricsText.render(
                    self.servers, load: self.load, cluster: self.cluster.counters,
                    wireFormat: self.configuration.wireFormatName)
            },
            openAPI: Array(UnsafeBufferPointer(start: openapi_document_start(), count: openapi_document_size)))
    }

    private var readiness: Readiness {
        if isDraining.load(ordering: .relaxed) { return .shuttingDown }
        let statuses = servers.map(\.link.status)
        if statuses.contains(.disconnected) { return .brokerUnavailable }
        return statuses.contains(.blocked) ? .brokerBlocked : .ready
    }
}

/// Signals that are waited for instead of handled.
private struct SignalSet {
    private var set = sigset_t()

    init(_ signals: [Int32]) {
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
    }

    func block() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    func wait() -> Int32 {
        var (set, signal) = (set, Int32(0))
        while sigwait(&set, &signal) != 0 {}
        return signal
    }

    func wait(atMost duration: Duration) -> Int32? {
        var set = set
        var time = timespec(
            tv_sec: Int(duration.components.seconds), tv_nsec: Int(duration.nanoseconds % 1_000_000_000))
        let signal = sigtimedwait(&set, nil, &time)
        return signal > 0 ? signal : nil
    }
}
