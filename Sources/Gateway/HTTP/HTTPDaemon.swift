internal import AMQPBridge
internal import CMicrohttpd
internal import CSockets
internal import Glibc
internal import Routes
internal import Synchronization

/// libmicrohttpd on one event loop: epoll on the outside, no thread and no listening socket of its own.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``inFlight``, ``openConnections`` and ``hasDrained``.
final class HTTPDaemon: EventSource, @unchecked Sendable {
    struct Limits: Sendable, Equatable {
        /// From a connection's first byte to the end of the request's head.
        var headTime: Duration = .seconds(10)
        /// From the end of the head to the end of the body.
        var bodyTime: Duration = .seconds(30)
        /// How long a connection may be idle between two requests, or not read what it is sent. Whole seconds. Longer than
        /// what stands before a gateway keeps its connections, or a request can meet the end of one (nginx keeps its own 60 s,
        /// Amazon's balancer 60 s, Caddy and Traefik 90 to 120 s).
        var idleTime: Duration = .seconds(130)
        /// libmicrohttpd's memory for a connection, which bounds the request head, too. It zeroes it for every request,
        /// so more costs time (measured).
        var memoryPerConnection = 12 * 1_024
        /// What of it a request's head must leave for the body's pieces and the answer's head.
        var memoryForAnswer = 2 * 1_024
    }

    /// Requests that have begun and whose answer has not left.
    let inFlight = Atomic<Int>(0)
    let openConnections = Atomic<Int>(0)
    /// Whether no new connection can come any more.
    let hasDrained = Atomic<Bool>(false)

    /// Whose word on where requests come from is taken. Changed on the loop's thread only.
    var proxies: TrustedProxies
    let router: Router
    let requestLog: RequestLog
    let loop: EventLoop
    let load: HTTPLoad
    let limits: Limits
    let bodyTime: Int64
    /// When the current turn of the loop began.
    var turn = MonotonicTime.now()
    /// Whether answers end their connections, because the gateway ends.
    private(set) var isDraining = false
    /// Requests whose handlers are at work.
    var suspended = 0
    /// Whether libmicrohttpd must run, although no socket of its own says so.
    var mustRun = false
    private(set) var libraryErrors = LibraryErrors.untried
    /// Whether an error that libmicrohttpd is about to report has been answered already.
    var hasAnsweredHeadError = false

    /// Between two requests, including the second one's head.
    private let idleTime: Int64
    private let daemon: OpaquePointer
    private let descriptor: Int32
    private let box: HTTPCallbackContext
    private let sockets: SocketWatch
    private(set) var connections: [Int32: HTTPConnection] = [:]
    private var idle = IdleConnections()
    /// Connections whose clients have left, and which may have something to read yet.
    private var leaving: [Int32: HTTPConnection] = [:]
    private var nextSweep = MonotonicTime.now()
    private var isStopped = false

    /// How long a new connection has to ask something, and one that was refused to end its body, before it makes room for others.
    static let graceTime: Duration = .seconds(1)
    /// How long an answer may stand still before its connection makes room for others.
    static let unreadTime: Duration = .seconds(5)
    /// How often connections' deadlines are looked at.
    private static let sweepInterval: Duration = .milliseconds(500)

    init?(
        sockets: SocketWatch, loop: EventLoop, router: Router, limits: Limits, load: HTTPLoad,
        proxies: TrustedProxies, requestLog: RequestLog
    ) {
        self.sockets = sockets
        self.loop = loop
        self.router = router
        self.proxies = proxies
        self.requestLog = requestLog
        self.limits = limits
        bodyTime = limits.bodyTime.nanoseconds
        idleTime = (limits.idleTime + limits.headTime).nanoseconds
        self.load = load
        var options = gateway_mhd_options(
            inactivity_seconds: UInt32(limits.idleTime.components.seconds),
            memory_per_connection: limits.memoryPerConnection, log: nil)
        box = HTTPCallbackContext()
        guard let daemon = box.start(&options) else { return nil }
        self.daemon = daemon
        descriptor = gateway_mhd_epoll_descriptor(daemon)
        box.daemon = self
        sockets.daemon = self
        libraryErrors = canPreventLibraryErrors() ? .preventable : .unpreventable
    }

    // MARK: EventSource

    var pollInterest: (descriptor: Int32, events: Int16)? { isStopped ? nil : (descriptor, Int16(POLLIN)) }

    var deadline: MonotonicTime? {
        if isStopped { return nil }
        if mustRun { return MonotonicTime(nanoseconds: 0) }
        var milliseconds: UInt64 = 0
        if MHD_get_timeout(daemon, &milliseconds) == .YES, milliseconds == 0 { return MonotonicTime(nanoseconds: 0) }
        // libmicrohttpd's other time-outs can wait for the next sweep.
        return connections.isEmpty ? nil : nextSweep
    }

    func process(events: Int16, now: MonotonicTime) {
        turn = now
        guard !isStopped else { return }
        if nextSweep <= now { sweep() }
        guard events != 0 || mustRun || isTimeoutDue else { return }
        run()
    }

    func flush() {}

    private var isTimeoutDue: Bool {
        var milliseconds: UInt64 = 0
        return MHD_get_timeout(daemon, &milliseconds) == .YES && milliseconds == 0
    }

    /// Lets libmicrohttpd do what there is to do.
    func run() {
        // Cleared before, for MHD_run answers requests that resume others.
        mustRun = false
        MHD_run(daemon)
        if !leaving.isEmpty { seeOff() }
    }

    // MARK: Connections

    /// As whose a connection from there is counted.
    func counted(_ address: IPAddress) -> ClientAddress? { proxies.contains(address) ? nil : ClientAddress(address) }

    /// Takes a connection that was accepted. The descriptor is libmicrohttpd's from here on, which closes it if it fails.
    func add(_ descriptor: Int32, _ address: SocketAddress) {
        _ = address.withPointer { MHD_add_connection(daemon, descriptor, $0, $1) }
        // Its first request may be there already.
        mustRun = true
    }

    func opened(_ connection: HTTPConnection) {
        connection.deadline = turn + limits.headTime
        connection.expendableFrom = turn + Self.graceTime
        connections[connection.descriptor] = connection
        openConnections.add(1, ordering: .relaxed)
        // The one that tries libmicrohttpd is nobody's.
        connection.isCounted = libraryErrors != .untried
        if connection.isCounted { load.opened(connection.countedAs) }
        sockets.watch(connection.descriptor)
    }

    /// The last moment at which the descriptor is open.
    func closed(_ connection: HTTPConnection) {
        connections[connection.descriptor] = nil
        leaving[connection.descriptor] = nil
        openConnections.subtract(1, ordering: .relaxed)
        sockets.unwatch(connection.descriptor)
        if lingers(connection), sockets.linger(connection.descriptor, countedAs: connection.countedAs) { return }
        if connection.isCounted { load.closed(connection.countedAs) }
    }

    /// Whether closing it now would take the answer back that was just sent.
    private func lingers(_ connection: HTTPConnection) -> Bool {
        guard !isStopped, connection.isCounted, connection.cut == nil else { return false }
        return connection.hasUnreadBody || gateway_readable_bytes(connection.descriptor) > 0
    }

    /// Closes the connection that is needed least: the one that has been idle longest, or waits for nothing but its client.
    ///
    /// - Returns: `false` if all are needed.
    func closeLeastNeeded() -> Bool {
        let longest = idle.next {
            connections.values.lazy.compactMap { [turn] connection in
                guard let since = connection.expendableFrom, since <= turn else { return nil }
                return .init(descriptor: connection.descriptor, since: since)
            }
        } isStill: {
            guard let connection = connections[$0.descriptor], connection.expendableFrom == $0.since else {
                return false
            }
            // A request that has come and was not read yet.
            return connection.exchange != nil
                || !connection.isReadingHead && gateway_readable_bytes(connection.descriptor) <= 0
        }
        guard let longest, let connection = connections[longest] else { return false }
        connection.end(.unneeded)
        // libmicrohttpd closes it in its next run; its place is free now.
        connection.isCounted = false
        load.closed(connection.countedAs)
        load.evictions.add(1)
        mustRun = true
        return true
    }

    /// Cuts every connection that has not got on in time.
    private func sweep() {
        nextSweep = turn + Self.sweepInterval
        for connection in connections.values {
            if let deadline = connection.deadline, deadline <= turn { connection.end(.late) }
        }
        if !leaving.isEmpty { seeOff() }
    }

    // MARK: Departures

    /// The client of a connection has closed its side, or only its sending half.
    func clientHasLeft(_ descriptor: Int32) {
        guard let connection = connections[descriptor] else { return }
        connection.hasClientLeft = true
        leaving[descriptor] = connection
        // What it has sent before is read first.
        mustRun = true
    }

    /// libmicrohttpd does not always see that a client has gone: not while its request waits for a handler, and not when its
    /// last bytes and the end came together (observed, 0.9.75).
    private func seeOff() {
        for (descriptor, connection) in leaving {
            switch connection.exchange?.state {
            case .handling:
                // Whoever has closed its side waits for nothing any more. It is looked at again behind the answer.
                connection.exchange?.abandon()
                leaving[descriptor] = nil
            // It is looked at again when its answer has left.
            case .answered, .sent: leaving[descriptor] = nil
            case .receiving, .discarding, nil:
                if gateway_readable_bytes(descriptor) <= 0 { connection.end(.clientLeft) }
            }
        }
    }

    /// The answer to a request whose client has left is on its way.
    func seeOffBehindAnswer(_ connection: HTTPConnection) {
        if connection.hasClientLeft { leaving[connection.descriptor] = connection }
    }

    func resume(_ exchange: HTTPExchange) {
        suspended -= 1
        mustRun = true
        MHD_resume_connection(exchange.handle)
        seeOffBehindAnswer(exchange.connection)
    }

    func completed(_ exchange: HTTPExchange, _ end: RequestEnd) {
        log(exchange, end)
        let connection = exchange.connection
        connection.exchange = nil
        connection.expendableFrom = connection.cut == nil ? turn : nil
        connection.deadline = turn.advanced(byNanoseconds: idleTime)
        seeOffBehindAnswer(connection)
        if exchange.isCounted { load.ended(from: ClientAddress(exchange.client)) }
        dropBody(of: exchange)
        load.ended()
        inFlight.subtract(1, ordering: .relaxed)
    }

    // MARK: Stopping

    /// Whether a handler is at work.
    var hasHandlers: Bool { suspended > 0 }

    /// From now on answers end their connections.
    func beginDraining() { isDraining = true }

    /// Takes what has connected already, and no new connections.
    func stopAccepting() {
        isDraining = true
        turn = .now()
        sockets.stopListening(now: turn)
        run()
        hasDrained.store(true, ordering: .releasing)
    }

    /// Closes the connections of clients that have asked nothing, or have been refused and go on.
    func closeIdle() {
        turn = .now()
        run()
        for connection in connections.values where isUnneeded(connection) { connection.end(.unneeded) }
        mustRun = true
    }

    private func isUnneeded(_ connection: HTTPConnection) -> Bool {
        switch connection.exchange?.state {
        case nil: !connection.isReadingHead && gateway_readable_bytes(connection.descriptor) <= 0
        case .discarding: true
        case .sent: connection.expendableFrom.map { $0 <= turn } ?? false
        case .receiving, .handling, .answered: false
        }
    }

    /// Ends all connections. Every handler must be done: libmicrohttpd aborts the process otherwise.
    ///
    /// - Returns: `false` if a handler is not, and nothing was stopped.
    func stop() -> Bool {
        for _ in 0..<50 where inFlight.load(ordering: .relaxed) > 0 {
            run()
            usleep(1_000)
        }
        guard suspended == 0 else { return false }
        isStopped = true
        MHD_stop_daemon(daemon)
        sockets.endLingering()
        return true
    }
}
