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

    /// Whether its connections speak TLS.
    let isEncrypted: Bool
    private let library: Microhttpd
    /// The connections with TLS that have asked nothing yet.
    private var greetings = Greetings()
    /// The connection that is being handed over.
    private var arrival: Arrival?
    private let sockets: SocketWatch
    private var nextSweep = MonotonicTime.now()
    private var isStopped = false

    /// The time between two looks at connections' deadlines.
    private static let sweepInterval: Duration = .milliseconds(500)

    private struct Arrival {
        let address: IPAddress
        let entrance: Entrance
    }

    /// - Parameter plain: for one that speaks TLS: its sibling that does not.
    init?(
        sockets: SocketWatch, loop: EventLoop, router: Router, limits: Limits, load: LoopLoad,
        proxies: TrustedProxies, requestLog: RequestLog, besides plain: HTTPDaemon? = nil
    ) {
        isEncrypted = plain != nil
        guard let library = Microhttpd(limits, isEncrypted: isEncrypted) else { return nil }
        self.library = library
        self.sockets = sockets
        connections = HTTPConnections(load: load.process, sockets: sockets, proxies: proxies)
        requests = HTTPRequests(
            loop: loop, router: router, limits: limits, load: load, requestLog: requestLog, connections: connections,
            isEncrypted: isEncrypted)
        headErrors = HeadErrors(
            requests: requests, connections: connections, router: router, requestLog: requestLog)
        library.attach(self)
        sockets.daemons.append(self)
        if let plain {
            headErrors.learn(from: plain.headErrors)
        } else {
            headErrors.tryOnce(add: { add($0, .loopback, Entrance(), now: .now()) }, run: { run() })
        }
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
            endDeparted()
            if !requests.streams.isEmpty { requests.lookAtStreams(now: now) }
        }
        if requests.schedule.isDue(hasEvents: events != 0, now: now, isLibraryBusy: { library.isBusy }) {
            run(hasEvents: events != 0)
            if requests.schedule.hasQueued { run() }
        }
    }

    func flush() { requests.load.tell() }

    /// Lets libmicrohttpd do what there is to do.
    private func run(hasEvents: Bool = false) {
        requests.schedule.runBegins(now: requests.turn)
        library.run()
        requests.schedule.runEnded(hadEvents: hasEvents)
        endDeparted()
        if isEncrypted { settleGreetings() }
    }

    private func endDeparted() {
        // libmicrohttpd does not look at a connection that rests.
        connections.endDeparted { requests.wake($0) }
    }

    // MARK: Greetings

    private func settleGreetings() {
        guard !greetings.awake.isEmpty else { return }
        for descriptor in greetings.settle(hasUnread: { connections.all[$0]?.hasUnread ?? true }) {
            guard let connection = connections.all[descriptor] else { continue }
            library.suspend(connection.handle)
            sockets.awaitWord(descriptor)
        }
        if !greetings.awake.isEmpty { requests.schedule.demand() }
    }

    /// A client's first request has begun.
    func hasSpoken(_ connection: HTTPConnection) {
        connection.hasSpoken = true
        if isEncrypted { greetings.ended(connection.descriptor) }
    }

    /// - Returns: whether it was waited for.
    private func wake(_ descriptor: Int32) -> Bool {
        guard isEncrypted, greetings.heard(descriptor), let connection = connections.all[descriptor] else {
            return false
        }
        library.resume(connection.handle)
        sockets.watchAgain(descriptor)
        requests.schedule.demand()
        return true
    }

    // MARK: Connections

    /// Takes a connection that was accepted. The descriptor is libmicrohttpd's from here on, which closes it if it
    /// fails.
    func add(_ descriptor: Int32, _ address: SocketAddress, _ entrance: Entrance, now: MonotonicTime) {
        requests.turn = now
        arrival = Arrival(address: address.ip, entrance: entrance)
        // It knows no other families.
        library.add(descriptor, entrance.isUnix ? .loopback : address)
        arrival = nil
        // Its first request may be there already.
        requests.schedule.demand()
    }

    /// Inside of ``add(_:_:_:now:)`` only.
    func opened(_ handle: OpaquePointer, _ session: UnsafeMutableRawPointer?, _ descriptor: Int32) -> HTTPConnection? {
        guard let arrival else { return nil }
        if isEncrypted { greetings.opened(descriptor) }
        return connections.open(
            handle, session, descriptor, arrival.address, arrival.entrance.door,
            ConnectionTimes(opened: requests.turn, requests.times), of: requests,
            // The connection that tries libmicrohttpd has no client.
            isCounted: headErrors.areTried)
    }

    func closed(_ connection: HTTPConnection) {
        if connection.incoming != nil { requests.schedule.headEnded() }
        if isEncrypted { greetings.ended(connection.descriptor) }
        connections.closed(connection, mayLinger: !isStopped)
    }

    /// The client of a connection has closed its side, or only its sending half; or one that was waited for has said
    /// something.
    func clientHasMoved(_ descriptor: Int32) {
        guard connections.all[descriptor] != nil, !wake(descriptor) else { return }
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
        requests.endStreams(now: requests.turn)
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
        requests.wakeStreams()
        for descriptor in greetings.end() { connections.all[descriptor].map { library.resume($0.handle) } }
        library.stop()
        sockets.endLingering()
        return true
    }
}
