internal import AMQPBridge
internal import CMicrohttpd
internal import Glibc
internal import Logging
internal import Routes
internal import ServedDocuments
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
        let endings = SignalSet([SIGTERM, SIGINT])
        signal(SIGPIPE, SIG_IGN)
        let descriptors = Self.raiseDescriptorLimit()
        MHD_set_panic_func(
            { _, file, line, reason in
                StandardError.write(
                    "socketio-gateway: libmicrohttpd gave up: \(reason.map { String(cString: $0) } ?? "")\n")
                abort()
            }, nil)

        let sockets = try ListeningSockets(
            configuration.listenAddress, count: configuration.loops, sharesPort: configuration.sharesPort)
        let ownKey = configuration.keys.isEmpty && !configuration.allowsAnonymous ? KeyEntry.freshKey() : nil
        var live = LiveConfiguration(
            configuration, keys: KeyRing(ownKey.map { [KeyEntry(madeForThisRun: $0)] } ?? configuration.keys),
            hooks: HookRing(configuration.hooks, configuration.cloudEvents))
        let access = AccessPolicy(configuration, live.keys, isLoopback: sockets.isLoopback)
        let idempotency = IdempotencyStore(limits: configuration.idempotencyLimits)
        let deliveries = DeliveryStore()
        let knowledge = BrokerKnowledge()
        let unroutedLog = UnroutedLog(
            logger, wireFormat: configuration.wireFormatName,
            virtualHost: configuration.broker.endpoint.virtualHost)
        let cluster =
            configuration.asksServers
            ? ClusterClient(
                configuration.cluster, broker: configuration.broker, wireFormat: configuration.wireFormat,
                knowledge: knowledge, logger: logger) : nil
        var limits = configuration.loadLimits
        // What clients take, the broker's connections must not lack.
        limits.connections = min(limits.connections, max(Int(clamping: descriptors) - 24 - 8 * configuration.loops, 8))
        let group = LoopGroup(
            load: HTTPLoad(limits: limits), cluster: cluster, configuration: configuration,
            document: ConfigurationDocument(live, now: UTCTime(seconds: Int(UnixTime.now()))))
        group.live.took(live.keys, live.hooks, isReloaded: false, now: UnixTime.now())
        for index in 0..<configuration.loops {
            group.servers.append(
                try LoopServer(
                    index: index, configuration: configuration, access: access, load: group.load,
                    idempotency: idempotency, deliveries: deliveries, logger: logger, logLevel: logLevel,
                    cluster: cluster, knowledge: knowledge, unroutedLog: unroutedLog, hooks: live.hooks.table
                ) { group.services(emitter: $0) })
        }
        for server in group.servers { server.knows(group.servers) }
        let firstAttempts = FirstAttempts(of: group.servers)
        cluster?.start()
        for (index, server) in group.servers.enumerated() { server.start(index: index) }
        // Who connects before there is a broker would be refused, while another gateway could serve it.
        // A SIGHUP that comes meanwhile waits, too.
        var received = endings.wait(atMost: Self.mostStartTime) { firstAttempts.haveEnded }
        let isListening = received == nil
        if isListening {
            for (server, socket) in zip(group.servers, try sockets.listen()) { server.listen(on: socket) }
            logger.info(
                "listening",
                metadata: [
                    "address": "\(sockets.address)", "loops": "\(configuration.loops)",
                    "connections": "\(limits.connections)", "descriptors": "\(descriptors)",
                    "config": "\(configuration.file ?? "none")", "keys": "\(live.keys.entries.count)",
                    "hooks": "\(configuration.hooks.count)", "wireFormat": "\(configuration.wireFormatName)",
                    "broker": "\(configuration.broker.endpoint)", "version": "\(GatewayCommand.version)",
                ])
            sayWhoMayCall(sockets, ownKey)
            received = signals.wait(every: Self.watchInterval) { isHangup in
                guard live.files.hasChanged() || isHangup else { return }
                reload(&live, group, isLoopback: sockets.isLoopback)
            }
        }
        logger.info("stopping", metadata: ["signal": "\(received == SIGINT ? "SIGINT" : "SIGTERM")"])
        // Whoever presses Ctrl-C waits for it.
        let isAtTerminal = received == SIGINT && isatty(STDIN_FILENO) == 1
        // Nothing is read again when all is about to end.
        stop(group, endings, delay: isAtTerminal || !isListening ? .zero : configuration.shutdownDelay)
    }

    /// Says what is dangerous, and how to call when nobody has a key yet.
    private func sayWhoMayCall(_ sockets: ListeningSockets, _ ownKey: String?) {
        for warning in configuration.warnings(isLoopback: sockets.isLoopback, now: Int(UnixTime.now())) {
            logger.warning("\(warning)")
        }
        guard let ownKey else { return }
        let call = FirstCall(address: sockets.address, key: ownKey)
        switch configuration.logFormat {
        case .text: LogWriter.standardError.write(Array(call.text.utf8)) { _ in [] }
        case .json: LogWriter.standardError.write(call.line) { _ in [] }
        }
    }

    /// How long the loops' first tries to reach the broker may keep the gateway from listening.
    private static let mostStartTime: Duration = .seconds(3)

    /// How often the configuration's files are looked at.
    private static let watchInterval: Duration = .milliseconds(500)

    /// Takes over what can be changed while requests are under way. A configuration that is not valid changes nothing.
    private func reload(_ live: inout LiveConfiguration, _ group: LoopGroup, isLoopback: Bool) {
        live.files.accept()
        do throws(ConfigurationError) {
            let next = try load()
            let keys = try live.keys(for: next)
            let access = AccessPolicy(next, keys, isLoopback: isLoopback)
            let hooks = HookRing(next.hooks, next.cloudEvents, previous: live.hooks)
            for server in group.servers {
                server.loop.execute {
                    server.router.access = access
                    server.router.hooks = hooks.table
                    server.daemon.connections.proxies = next.trustedProxies
                }
            }
            logLevel.current = next.logLevel
            let waiting = live.settingsWaiting(for: next)
            live = LiveConfiguration(next, keys: keys, hooks: hooks, previous: live)
            let taken = live
            group.document.withLock { $0.update(taken, now: UTCTime(seconds: Int(UnixTime.now()))) }
            group.live.took(keys, hooks, isReloaded: true, now: UnixTime.now())
            logger.info(
                "configuration reloaded", metadata: ["keys": "\(keys.entries.count)", "hooks": "\(next.hooks.count)"])
            if !waiting.isEmpty {
                let names = waiting.map(\.path).joined(separator: ", ")
                logger.warning("some settings wait for a restart", metadata: ["settings": "\(names)"])
            }
        } catch {
            group.live.refused()
            if let file = error.missingFile { live.files.add(missing: file) }
            logger.error(
                "configuration not reloaded; the one before stays",
                metadata: ["reason": "\(error.description.split(separator: "\n").joined(separator: "; "))"])
        }
    }

    private func stop(_ group: LoopGroup, _ signals: SignalSet, delay: Duration) {
        group.isDraining.store(true, ordering: .relaxed)
        for server in group.servers { server.beginDraining() }
        // Load balancers need a while to see that /readyz fails; a second signal means: now.
        var isHurried = delay > .zero && signals.waitToEnd(atMost: delay)
        let deadline = MonotonicTime.now() + configuration.shutdownTimeout
        for server in group.servers { server.stopAccepting() }
        // Each loop takes what has connected already, and only then is it known whether anybody is there.
        if !isHurried {
            isHurried =
                signals.wait(atMost: configuration.shutdownTimeout) {
                    group.servers.allSatisfy { $0.daemon.hasDrained.load(ordering: .acquiring) }
                } != nil
        }
        // A request may be on its way on a connection that was kept.
        if !isHurried { isHurried = signals.wait(atMost: Self.lastCall) { group.load.openConnections == 0 } != nil }
        for server in group.servers { server.closeIdle() }
        while !isHurried, !group.servers.allSatisfy(\.isStopped), MonotonicTime.now() < deadline {
            for server in group.servers where server.isIdle && !server.isStopped { server.stopIfIdle() }
            if signals.waitToEnd(atMost: .milliseconds(10)) { break }
        }
        // Ends what waits for servers.
        group.cluster?.stop()
        for server in group.servers where !server.isStopped { server.stop() }
        let isClean = group.servers.map { $0.join() }.allSatisfy { $0 }
        logger.info(isClean ? "stopped" : "stopped with requests unanswered")
    }

    /// How long connections that are kept are served when no new ones are taken any more.
    private static let lastCall: Duration = .milliseconds(300)

    /// Each connection is a descriptor: the soft limit of 1,024 is for programs that use select(2).
    ///
    /// - Returns: how many there may be.
    private static func raiseDescriptorLimit() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
            ? UInt64(limit.rlim_max) : UInt64(soft)
    }
}

/// The loops' first tries to reach the broker.
private final class FirstAttempts: Sendable {
    private let left: Atomic<Int>

    /// To be made before the loops start.
    init(of servers: [LoopServer]) {
        left = Atomic(servers.count)
        for server in servers {
            server.link.firstAttemptEnded = { _ in self.left.subtract(1, ordering: .relaxed) }
        }
    }

    var haveEnded: Bool { left.load(ordering: .relaxed) <= 0 }
}

/// The loops as one gateway: what a health check and a scrape want to know of all of them.
///
/// `@unchecked Sendable`: `servers` is filled before the first loop starts, and not changed afterwards.
private final class LoopGroup: @unchecked Sendable {
    var servers: [LoopServer] = []
    let load: HTTPLoad
    let cluster: ClusterClient?
    let live = ConfigurationMetrics()
    private let configuration: Configuration
    /// What is told of the configuration that holds.
    let document: Mutex<ConfigurationDocument>
    let isDraining = Atomic<Bool>(false)

    init(
        load: HTTPLoad, cluster: ClusterClient?, configuration: Configuration, document: ConfigurationDocument
    ) {
        self.load = load
        self.cluster = cluster
        self.configuration = configuration
        self.document = Mutex(document)
    }

    func services(emitter: any EmitService) -> RouteServices {
        var services = RouteServices(
            emitter: emitter, cluster: cluster ?? TurnedOffCluster(), questionTimeout: configuration.requestsTimeout,
            readiness: { self.readiness },
            metrics: {
                MetricsText.render(
                    self.servers, load: self.load, cluster: self.cluster?.counters ?? ClusterCounters(),
                    live: self.live.numbers, log: .standardError, wireFormat: self.configuration.wireFormatName)
            },
            configuration: { self.document.withLock { $0 }.json },
            openAPI: Contract.yaml, openAPIAsJSON: { Contract.json })
        services.problemPage = Array(UnsafeBufferPointer(start: problem_page.start, count: problem_page.size))
        services.protectsMetrics = configuration.protectsMetrics
        services.version = GatewayCommand.version
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

    /// Waits until `isDone`, which is asked again and again, but no longer than `duration`.
    ///
    /// - Returns: the signal that came first, if one did.
    func wait(atMost duration: Duration, until isDone: () -> Bool) -> Int32? {
        let deadline = MonotonicTime.now() + duration
        while !isDone(), MonotonicTime.now() < deadline {
            if let signal = wait(atMost: .milliseconds(5)) { return signal }
        }
        return nil
    }

    /// Returns whether a signal came.
    @discardableResult
    func waitToEnd(atMost duration: Duration) -> Bool {
        let deadline = MonotonicTime.now() + duration
        // When a process is stopped and continued, a wait ends early (signal(7)).
        while case let left = deadline - .now(), left > .zero {
            if wait(atMost: left) != nil { return true }
        }
        return false
    }

    private func wait(atMost duration: Duration) -> Int32? {
        var set = set
        var time = timespec(
            tv_sec: Int(duration.components.seconds), tv_nsec: Int(duration.nanoseconds % 1_000_000_000))
        let signal = sigtimedwait(&set, nil, &time)
        return signal > 0 ? signal : nil
    }
}
