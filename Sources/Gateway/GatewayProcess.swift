internal import AMQPBridge
internal import CMicrohttpd
internal import EventLoop
internal import Glibc
internal import Logging
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
    private let manager = ServiceManager()

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

        let listeners = try Listeners(configuration)
        configuration.https?.certificate.serve()
        let ownKey = configuration.keys.isEmpty && !configuration.allowsAnonymous ? KeyEntry.freshKey() : nil
        var live = LiveConfiguration(
            configuration,
            keys: KeyRing(
                ownKey.map { [KeyEntry(madeForThisRun: $0)] } ?? configuration.keys, replicas: configuration.replicas),
            hooks: HookRing(configuration.hooks, configuration.cloudEvents))
        var limits = configuration.loadLimits
        // What clients take, the broker's connections must not lack.
        limits.connections = min(limits.connections, max(Int(clamping: descriptors) - 24 - 8 * configuration.loops, 8))
        let group = try LoopGroup(
            ProcessServices(configuration, load: HTTPLoad(limits: limits), logger: logger, logLevel: logLevel),
            live, LivePolicy(live, isLoopback: listeners.isLoopback))
        group.start()
        // A client that connects before there is a broker would be refused, while another gateway could serve it. A
        // SIGHUP that comes meanwhile waits, too.
        var received = endings.wait(atMost: Self.mostStartTime) { group.haveTried }
        let isListening = received == nil
        if isListening {
            try listeners.listen { loop, socket, entrance in group.servers[loop].listen(on: socket, entrance) }
            var places: Logger.Metadata = ["address": "\(listeners.address)"]
            if let address = listeners.httpsAddress { places["httpsAddress"] = "\(address)" }
            if let address = listeners.adminAddress { places["adminAddress"] = "\(address)" }
            if configuration.hasConsole {
                places["console"] = "\(listeners.adminAddress ?? listeners.address), /console/"
            }
            logger.info(
                "listening",
                metadata: [
                    "loops": "\(configuration.loops)",
                    "connections": "\(limits.connections)", "descriptors": "\(descriptors)",
                    "config": "\(configuration.file ?? "none")", "keys": "\(live.keys.entries.count)",
                    "hooks": "\(configuration.hooks.count)", "wireFormat": "\(configuration.wireFormatName)",
                    "broker": "\(configuration.broker.place)", "version": "\(GatewayCommand.version)",
                ].merging(places) { $1 })
            sayWhoMayCall(listeners, ownKey)
            manager.isReady("listening on \(listeners.address)")
            received = signals.wait(every: Self.watchInterval) { isHangup in
                group.process.events?.expire(now: .now())
                guard live.files.hasChanged() || isHangup else { return }
                reload(&live, group, isLoopback: listeners.isLoopback)
            }
        }
        manager.isStopping()
        logger.info("stopping", metadata: ["signal": "\(received == SIGINT ? "SIGINT" : "SIGTERM")"])
        // A user who presses Ctrl-C waits for the end.
        let isAtTerminal = received == SIGINT && isatty(STDIN_FILENO) == 1
        // Nothing is read again when all is about to end.
        stop(group, listeners, endings, delay: isAtTerminal || !isListening ? .zero : configuration.shutdownDelay)
    }

    /// Warns of dangerous settings, and shows how to call with the key that was made at the start.
    private func sayWhoMayCall(_ listeners: Listeners, _ ownKey: String?) {
        for warning in configuration.warnings(isLoopback: listeners.isLoopback, now: Int(UnixTime.now())) {
            logger.warning("\(warning)")
        }
        guard let ownKey else { return }
        let call = FirstCall(address: listeners.address, key: ownKey)
        switch configuration.logFormat {
        case .text: LogWriter.standardError.write(Array(call.text.utf8)) { _ in [] }
        case .json: LogWriter.standardError.write(call.line) { _ in [] }
        }
    }

    /// The time that the loops' first tries to reach the broker may keep the gateway from listening.
    private static let mostStartTime: Duration = .seconds(3)

    /// The time between two looks at the configuration's files.
    private static let watchInterval: Duration = .milliseconds(500)

    /// Takes over what can be changed while requests are under way. A configuration that is not valid changes nothing.
    private func reload(_ live: inout LiveConfiguration, _ group: LoopGroup, isLoopback: Bool) {
        live.files.accept()
        manager.isReloading()
        do throws(ConfigurationError) {
            var next = try load()
            let keys = try live.keys(for: next)
            let hooks = HookRing(next.hooks, next.cloudEvents, previous: live.hooks)
            let waiting = live.settingsWaiting(for: next)
            takeCertificate(of: &next, previous: live.configuration)
            warn(of: next, isLoopback: isLoopback, previous: live.configuration)
            live = LiveConfiguration(next, keys: keys, hooks: hooks, previous: live)
            group.take(live, LivePolicy(live, isLoopback: isLoopback))
            logger.info(
                "configuration reloaded", metadata: ["keys": "\(keys.entries.count)", "hooks": "\(next.hooks.count)"])
            manager.isReady("configuration reloaded")
            if !waiting.isEmpty {
                let names = waiting.map(\.path).joined(separator: ", ")
                logger.warning("some settings wait for a restart", metadata: ["settings": "\(names)"])
            }
        } catch {
            group.metrics.refused()
            manager.isReady("the configuration file is not valid; the one before holds")
            if let file = error.missingFile { live.files.add(missing: file) }
            logger.error(
                "configuration not reloaded; the one before stays",
                metadata: ["reason": "\(error.description.split(separator: "\n").joined(separator: "; "))"])
        }
    }

    /// Says what is dangerous in a configuration and was not in the one before.
    private func warn(of next: Configuration, isLoopback: Bool, previous: Configuration) {
        let now = Int(UnixTime.now())
        let known = previous.warnings(isLoopback: isLoopback, now: now)
        for warning in next.warnings(isLoopback: isLoopback, now: now) where !known.contains(warning) {
            logger.warning("\(warning)")
        }
    }

    /// HTTPS begins and ends with the process; its certificate does not. One that clients do not believe at this time
    /// does not take the place of one that they believe.
    private func takeCertificate(of next: inout Configuration, previous: Configuration) {
        let served = previous.https?.certificate
        guard configuration.https != nil, let certificate = next.https?.certificate, !certificate.isSame(as: served)
        else { return }
        let now = Int(UnixTime.now())
        if let served, served.fault(now: now) == nil, let fault = certificate.fault(now: now) {
            next.https?.certificate = served
            logger.error(
                "new certificate for HTTPS not taken; the one before stays", metadata: ["reason": "it \(fault)"])
            return
        }
        certificate.serve()
        logger.info("new certificate for HTTPS", metadata: ["validUntil": "\(UTCTime(seconds: certificate.ends))"])
    }

    private func stop(_ group: LoopGroup, _ listeners: Listeners, _ signals: SignalSet, delay: Duration) {
        group.isDraining.store(true, ordering: .relaxed)
        for server in group.servers { server.beginDraining() }
        // Load balancers need a while to see that /readyz fails; a second signal means: now.
        var isHurried = delay > .zero && signals.waitToEnd(atMost: delay)
        let deadline = MonotonicTime.now() + configuration.shutdownTimeout
        listeners.remove()
        for server in group.servers { server.stopAccepting() }
        // Each loop takes the connections that are there already, and only then are all clients known.
        if !isHurried {
            isHurried =
                signals.wait(atMost: configuration.shutdownTimeout) {
                    group.servers.allSatisfy(\.hasDrained)
                } != nil
        }
        // A request may be on its way on a connection that was kept.
        if !isHurried {
            isHurried = signals.wait(atMost: Self.lastCall) { group.process.load.openConnections == 0 } != nil
        }
        for server in group.servers { server.closeIdle() }
        while !isHurried, !group.servers.allSatisfy(\.isStopped), MonotonicTime.now() < deadline {
            for server in group.servers where server.isIdle && !server.isStopped { server.stopIfIdle() }
            if signals.waitToEnd(atMost: .milliseconds(10)) { break }
        }
        // Ends what waits for servers.
        group.process.cluster?.stop()
        for server in group.servers where !server.isStopped { server.stop() }
        let isClean = group.servers.map { $0.join() }.allSatisfy { $0 }
        logger.info(isClean ? "stopped" : "stopped with requests unanswered")
    }

    /// The time for which kept connections are served when no new ones are taken any more.
    private static let lastCall: Duration = .milliseconds(300)

    /// Raises the limit of descriptors, of which each connection takes one: the soft limit of 1,024 is for programs
    /// that use select(2).
    ///
    /// - Returns: the number of descriptors that there may be.
    private static func raiseDescriptorLimit() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
            ? UInt64(limit.rlim_max) : UInt64(soft)
    }
}
