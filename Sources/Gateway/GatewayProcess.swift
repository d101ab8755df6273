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
    /// Reads the configuration again.
    private let load: () throws(ConfigurationError) -> Configuration
    private let logger: Logger
    private let logLevel: LogLevel

    init(_ configuration: Configuration, load: @escaping () throws(ConfigurationError) -> Configuration) {
        self.configuration = configuration
        self.load = load
        let (format, level) = (configuration.logFormat, LogLevel(configuration.logLevel))
        logLevel = level
        logger = Logger(label: "socketio-gateway") { _ in LogLines(format: format, level: level) }
    }

    func run() throws {
        // Blocked before the first thread is made, so that every thread leaves them to the one that waits below.
        let signals = SignalSet([SIGTERM, SIGINT, SIGHUP])
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
        var live = LiveConfiguration(
            configuration, keys: KeyRing(configuration.keys),
            hooks: HookRing(configuration.hooks, configuration.cloudEvents))
        let access = try AccessPolicy(configuration, live.keys, isLoopback: sockets.isLoopback)
        let idempotency = IdempotencyStore(limits: configuration.idempotencyLimits)
        let deliveries = DeliveryStore()
        let knowledge = BrokerKnowledge()
        let cluster =
            configuration.asksServers
            ? ClusterClient(
                configuration.cluster, broker: configuration.broker, wireFormat: configuration.wireFormat,
                knowledge: knowledge, logger: logger) : nil
        let group = LoopGroup(
            load: HTTPLoad(limits: configuration.loadLimits), cluster: cluster, configuration: configuration)
        for (index, socket) in sockets.descriptors.enumerated() {
            group.servers.append(
                try LoopServer(
                    index: index, socket: socket, configuration: configuration, access: access, load: group.load,
                    idempotency: idempotency, deliveries: deliveries, logger: logger, logLevel: logLevel,
                    cluster: cluster, knowledge: knowledge, hooks: live.hooks.table
                ) { group.services(emitter: $0) })
        }
        cluster?.start()
        for (index, server) in group.servers.enumerated() { server.start(index: index) }
        if let caution = configuration.wireFormat.caution { logger.warning("\(caution)") }
        logger.info(
            "listening",
            metadata: [
                "address": "\(sockets.address)", "loops": "\(configuration.loops)",
                "wireFormat": "\(configuration.wireFormatName)", "version": "\(GatewayCommand.version)",
            ])
        let received = signals.wait(every: Self.watchInterval) { isHangup in
            guard live.files.hasChanged() || isHangup else { return }
            reload(&live, group, isLoopback: sockets.isLoopback)
        }
        logger.info("stopping", metadata: ["signal": "\(received == SIGINT ? "SIGINT" : "SIGTERM")"])
        stop(group, signals)
    }

    /// How often the configuration's files are looked at.
    private static let watchInterval: Duration = .milliseconds(500)

    /// Takes over what can be changed while requests are under way. A configuration that is not valid changes nothing.
    private func reload(_ live: inout LiveConfiguration, _ group: LoopGroup, isLoopback: Bool) {
        live.files.accept()
        do throws(ConfigurationError) {
            let next = try load()
            let keys = KeyRing(next.keys, previous: live.keys)
            let access = try AccessPolicy(next, keys, isLoopback: isLoopback)
            try live.check(keys)
            let hooks = HookRing(next.hooks, next.cloudEvents, previous: live.hooks)
            for server in group.servers {
                server.loop.execute {
                    server.router.access = access
                    server.router.hooks = hooks.table
                    server.daemon.proxies = next.trustedProxies
                }
            }
            logLevel.current = next.logLevel
            let waiting = live.settingsWaiting(for: next)
            live = LiveConfiguration(next, keys: keys, hooks: hooks, previous: live)
            logger.info(
                "configuration reloaded", metadata: ["keys": "\(keys.keys.count)", "hooks": "\(next.hooks.count)"])
            if !waiting.isEmpty {
                let names = waiting.map(\.path).joined(separator: ", ")
                logger.warning("some settings wait for a restart", metadata: ["settings": "\(names)"])
            }
        } catch {
            if let file = error.missingFile { live.files.add(missing: file) }
            logger.error(
                "configuration not reloaded; the one before stays",
                metadata: ["reason": "\(error.description.split(separator: "\n").joined(separator: "; "))"])
        }
    }

    private func stop(_ group: LoopGroup, _ signals: SignalSet) {
        group.isDraining.store(true, ordering: .relaxed)
        // Load balancers need a while to see that /readyz fails; a second signal means: now.
        if configuration.shutdownDelay > .zero { signals.waitToEnd(atMost: configuration.shutdownDelay) }
        for server in group.servers { server.drain() }
        let deadline = MonotonicTime.now() + configuration.shutdownTimeout
        while !group.servers.allSatisfy(\.isStopped), MonotonicTime.now() < deadline {
            for server in group.servers where server.isIdle && !server.isStopped { server.stopIfIdle() }
            if signals.waitToEnd(atMost: .milliseconds(10)) { break }
        }
        // Ends what waits for servers.
        group.cluster?.stop()
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
    let cluster: ClusterClient?
    private let configuration: Configuration
    let isDraining = Atomic<Bool>(false)

    init(load: HTTPLoad, cluster: ClusterClient?, configuration: Configuration) {
        self.load = load
        self.cluster = cluster
        self.configuration = configuration
    }

    func services(emitter: any EmitService) -> RouteServices {
        var services = RouteServices(
            emitter: emitter, cluster: cluster ?? TurnedOffCluster(), questionTimeout: configuration.requestsTimeout,
            readiness: { self.readiness },
            metrics: {
                MetricsText.render(
                    self.servers, load: self.load, cluster: self.cluster?.counters ?? ClusterCounters(),
                    wireFormat: self.configuration.wireFormatName)
            },
            openAPI: Array(UnsafeBufferPointer(start: openapi_document_start(), count: openapi_document_size)))
        services.protectsMetrics = configuration.protectsMetrics
        return services
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

    /// Waits for a signal that ends the process. Meanwhile calls `work` again and again, and at once on SIGHUP.
    func wait(every interval: Duration, _ work: (_ isHangup: Bool) -> Void) -> Int32 {
        while true {
            switch wait(atMost: interval) {
            case SIGHUP?: work(true)
            case let signal?: return signal
            case nil: work(false)
            }
        }
    }

    /// Returns whether a signal came that ends the process.
    @discardableResult
    func waitToEnd(atMost duration: Duration) -> Bool {
        let deadline = MonotonicTime.now() + duration
        while true {
            let left = deadline - .now()
            guard left > .zero else { return false }
            // Nothing is read again when all is about to end.
            if let signal = wait(atMost: left), signal != SIGHUP { return true }
        }
    }

    private func wait(atMost duration: Duration) -> Int32? {
        var set = set
        var time = timespec(
            tv_sec: Int(duration.components.seconds), tv_nsec: Int(duration.nanoseconds % 1_000_000_000))
        let signal = sigtimedwait(&set, nil, &time)
        return signal > 0 ? signal : nil
    }
}
