internal import AMQPBridge
internal import CMicrohttpd
internal import EventLoop
internal import Glibc
internal import Routes
internal import Synchronization

/// libmicrohttpd on one event loop: its callbacks and the loop's turns reach those whose business they are.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``hasDrained``.
final class HTTPDaemon: EventSource, @unchecked Sendable {
    let requests: HTTPRequests
    let connections: HTTPConnections
    let headErrors: HeadErrors
    /// Whether no new connection can come any more.
    let hasDrained = Atomic<Bool>(false)

    private let library: Microhttpd
    private let sockets: SocketWatch
    private var nextSweep = MonotonicTime.now()
    private var isStopped = false

    /// How often connections' deadlines are looked at.
    private static let sweepInterval: Duration = .milliseconds(500)

    init?(
        sockets: SocketWatch, loop: EventLoop, router: Router, limits: Limits, load: HTTPLoad,
        proxies: TrustedProxies, requestLog: RequestLog
    ) {
        guard let library = Microhttpd(limits) else { return nil }
        self.library = library
        self.sockets = sockets
        connections = HTTPConnections(load: load, sockets: sockets, proxies: proxies)
        requests = HTTPRequests(
            loop: loop, router: router, limits: limits, load: load, requestLog: requestLog, connections: connections)
        headErrors = HeadErrors(
            requests: requests, connections: connections, router: router, requestLog: requestLog)
        library.attach(self)
        sockets.daemon = self
        headErrors.tryOnce(add: { add($0, .loopback, now: .now()) }, run: { run() })
    }

    // MARK: EventSource

    var pollInterest: (descriptor: Int32, events: Int16)? { isStopped ? nil : (library.descriptor, Int16(POLLIN)) }

    var deadline: MonotonicTime? {
        if isStopped { return nil }
        // libmicrohttpd's other time-outs can wait for the next sweep.
        let sweep = connections.all.isEmpty ? nil : nextSweep
        guard let run = requests.schedule.next(isLibraryBusy: { library.isBusy }) else { return sweep }
        return min(run, sweep ?? run)
    }

    func process(events: Int16, now: MonotonicTime) {
        requests.turn = now
        guard !isStopped else { return }
        if nextSweep <= now {
            nextSweep = now + Self.sweepInterval
            connections.endLate(now: now)
            connections.endDeparted()
        }
        if requests.schedule.isDue(hasEvents: events != 0, now: now, isLibraryBusy: { library.isBusy }) {
            run(hasEvents: events != 0)
            if requests.schedule.hasQueued { run() }
        }
    }

    func flush() {}

    /// Lets libmicrohttpd do what there is to do.
    private func run(hasEvents: Bool = false) {
        requests.schedule.runBegins(now: requests.turn)
        library.run()
        requests.schedule.runEnded(hadEvents: hasEvents)
        connections.endDeparted()
    }

    // MARK: Connections

    /// Takes a connection that was accepted. The descriptor is libmicrohttpd's from here on, which closes it if it fails.
    func add(_ descriptor: Int32, _ address: SocketAddress, now: MonotonicTime) {
        requests.turn = now
        library.add(descriptor, address)
        // Its first request may be there already.
        requests.schedule.demand()
    }

    func opened(_ handle: OpaquePointer, _ descriptor: Int32, _ address: IPAddress) -> HTTPConnection {
        connections.open(
            handle, descriptor, address, ConnectionTimes(opened: requests.turn, requests.times),
            // The one that tries libmicrohttpd is nobody's.
            isCounted: headErrors.areTried)
    }

    func closed(_ connection: HTTPConnection) {
        if connection.incoming != nil { requests.schedule.headEnded() }
        connections.closed(connection, mayLinger: !isStopped)
    }

    /// The client of a connection has closed its side, or only its sending half.
    func clientHasLeft(_ descriptor: Int32) {
        guard connections.all[descriptor] != nil else { return }
        connections.departures.add(descriptor)
        // What it has sent before is read first.
        requests.schedule.demand()
    }

    /// - Returns: `false` if all connections are needed.
    func closeLeastNeeded(now: MonotonicTime) -> Bool {
        guard connections.endLeastNeeded(now: now) else { return false }
        requests.schedule.demand()
        return true
    }

    // MARK: Stopping

    /// Takes what has connected already, and no new connections.
    func stopAccepting() {
        requests.isDraining = true
        requests.turn = .now()
        sockets.stopListening(now: requests.turn)
        run()
        hasDrained.store(true, ordering: .releasing)
    }

    /// Closes the connections of clients that have asked nothing, or have been refused and go on.
    func closeIdle() {
        requests.turn = .now()
        run()
        connections.endUnneeded(now: requests.turn)
        requests.schedule.demand()
    }

    /// Ends all connections. Every handler must be done: libmicrohttpd aborts the process otherwise.
    ///
    /// - Returns: `false` if a handler is not, and nothing was stopped.
    func stop() -> Bool {
        for _ in 0..<50 where requests.open.load(ordering: .relaxed) > 0 {
            run()
            usleep(1_000)
        }
        guard !requests.schedule.hasHandlers else { return false }
        isStopped = true
        library.stop()
        sockets.endLingering()
        return true
    }
}
