internal import AMQPBridge
internal import EventLoop
internal import Glibc
internal import Routes
internal import ServedDocuments
internal import Synchronization

/// The loops as one gateway: the answers of all of them together to health checks and scrapes, and the way of a reload
/// to them.
///
/// `@unchecked Sendable`: `servers` is filled before the first loop starts, and not changed afterwards.
final class LoopGroup: @unchecked Sendable {
    private(set) var servers: [LoopServer] = []
    let process: ProcessServices
    let metrics = ConfigurationMetrics()
    let isDraining = Atomic<Bool>(false)
    /// The document that tells the configuration that holds.
    private let document: Mutex<ConfigurationDocument>
    /// The loops that have not yet tried to reach the broker.
    private let untried: Atomic<Int>
    /// The loops that have not yet taken over what was reloaded last.
    private let untaken = Atomic<Int>(0)

    /// Makes the loops, none of which runs yet.
    init(_ process: ProcessServices, _ live: LiveConfiguration, _ policy: LivePolicy) throws {
        self.process = process
        document = Mutex(ConfigurationDocument(live, now: UTCTime(seconds: Int(UnixTime.now()))))
        untried = Atomic(process.configuration.loops)
        metrics.took(live.keys, live.hooks, isReloaded: false, now: UnixTime.now())
        for index in 0..<process.configuration.loops {
            let server = try LoopServer(index: index, process, policy) { services(emitter: $0, cluster: $1) }
            server.link.firstAttemptEnded = { _ in self.untried.subtract(1, ordering: .relaxed) }
            servers.append(server)
        }
        for server in servers { server.knows(servers) }
    }

    func start() {
        process.cluster?.start()
        for (index, server) in servers.enumerated() { server.start(index: index) }
    }

    /// Whether every loop has reached the broker, or failed once.
    var haveTried: Bool { untried.load(ordering: .relaxed) <= 0 }

    /// The most waits for the loops to take over a reload, a millisecond each.
    private static let mostWaits = 2_000

    /// Takes over what was reloaded. Returns when all loops have; one that is busy for seconds is not waited for.
    func take(_ live: LiveConfiguration, _ policy: LivePolicy) {
        untaken.add(servers.count, ordering: .relaxed)
        for server in servers { server.take(policy) { self.untaken.subtract(1, ordering: .releasing) } }
        for _ in 0..<Self.mostWaits where untaken.load(ordering: .acquiring) > 0 { usleep(1_000) }
        process.logLevel.current = policy.logLevel
        document.withLock { $0.update(live, now: UTCTime(seconds: Int(UnixTime.now()))) }
        metrics.took(live.keys, live.hooks, isReloaded: true, now: UnixTime.now())
    }

    private func services(emitter: any EmitService, cluster: any ClusterService) -> RouteServices {
        var services = RouteServices(
            emitter: emitter, cluster: cluster,
            questionTimeout: process.configuration.requestsTimeout,
            readiness: { self.readiness },
            metrics: {
                // The scrape itself is under way.
                for server in self.servers { server.tellLoad() }
                return MetricsText.render(
                    self.servers, open: self.openConnections, load: self.process.load,
                    cluster: self.process.cluster?.counters ?? ClusterCounters(), events: self.process.events,
                    streams: self.process.streams,
                    live: self.metrics.numbers, log: .standardError,
                    wireFormat: self.process.configuration.wireFormatName)
            },
            configuration: { self.document.withLock { $0 }.json },
            openAPI: Contract.yaml, openAPIAsJSON: { Contract.json })
        services.problemPage = Array(UnsafeBufferPointer(start: problem_page.start, count: problem_page.size))
        services.protectsMetrics = process.configuration.protectsMetrics
        services.brokers = { self.openConnections.publishing }
        services.events = process.events
        services.console = process.configuration.hasConsole ? Contract.console : []
        services.tail = process.tail
        services.streams = process.streams
        services.version = GatewayCommand.version
        return services
    }

    private var openConnections: OpenConnections {
        OpenConnections(
            configured: process.configuration.broker.endpoints, emits: servers.map(\.link.broker),
            questions: process.cluster?.broker)
    }

    private var readiness: Readiness {
        if isDraining.load(ordering: .relaxed) { return .shuttingDown }
        let statuses = servers.map(\.link.status)
        if statuses.contains(.disconnected) { return .brokerUnavailable }
        return statuses.contains(.blocked) ? .brokerBlocked : .ready
    }
}
