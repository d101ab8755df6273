internal import AMQPBridge
internal import CMicrohttpd
internal import Glibc
internal import Routes
internal import Synchronization

/// libmicrohttpd on one event loop: epoll on the outside, no thread of its own.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``inFlight`` and ``hasDrained``.
final class HTTPDaemon: EventSource, @unchecked Sendable {
    struct Limits: Sendable, Equatable {
        /// From a connection's first byte to the end of the request's head.
        var headTime: Duration = .seconds(10)
        /// From the end of the head to the end of the body.
        var bodyTime: Duration = .seconds(30)
        /// How long a connection may be idle between two requests, or not read what it is sent. Whole seconds.
        var idleTime: Duration = .seconds(60)
        /// libmicrohttpd's memory for a connection, which bounds the request head, too. It zeroes it for every request,
        /// so more costs time (measured).
        var memoryPerConnection = 12 * 1_024
        /// What of it a request's head must leave for the body's pieces and the answer's head.
        var memoryForAnswer = 2 * 1_024
    }

    /// Requests that have begun and whose answer has not left.
    let inFlight = Atomic<Int>(0)
    /// Whether no new connection can come any more.
    let hasDrained = Atomic<Bool>(false)

    /// Whose word on where requests come from is taken. Changed on the loop's thread only.
    var proxies: TrustedProxies
    let router: Router
    let requestLog: RequestLog
    private let loop: EventLoop
    private let limits: Limits
    private let bodyTime: Int64
    /// Between two requests, including the second one's head.
    private let idleTime: Int64
    private let load: HTTPLoad
    private let daemon: OpaquePointer
    private let descriptor: Int32
    private let box: HTTPCallbackContext
    private var connections: [Int32: HTTPConnection] = [:]
    private var turn = MonotonicTime.now()
    private var nextSweep = MonotonicTime.now()
    private var hasResumed = false
    private var isDraining = false
    private var suspended = 0
    private var isStopped = false

    /// A refused body up to this size is read and dropped, so that the connection stays usable; a longer one ends it.
    private static let discardableBytes = 64 * 1_024
    /// No more memory than this is taken for a body that is only announced.
    private static let reservedBytes = 1 << 20
    /// How often connections' deadlines are looked at.
    private static let sweepInterval: Duration = .milliseconds(500)

    init?(
        listeningOn socket: Int32, loop: EventLoop, router: Router, limits: Limits, load: HTTPLoad,
        proxies: TrustedProxies, requestLog: RequestLog
    ) {
        self.loop = loop
        self.router = router
        self.proxies = proxies
        self.requestLog = requestLog
        self.limits = limits
        bodyTime = limits.bodyTime.nanoseconds
        idleTime = (limits.idleTime + limits.headTime).nanoseconds
        self.load = load
        var options = gateway_mhd_options(
            listening_socket: socket, connection_limit: UInt32(load.limits.connections),
            inactivity_seconds: UInt32(limits.idleTime.components.seconds),
            memory_per_connection: limits.memoryPerConnection)
        box = HTTPCallbackContext()
        guard let daemon = box.start(&options) else { return nil }
        self.daemon = daemon
        descriptor = gateway_mhd_epoll_descriptor(daemon)
        box.daemon = self
    }

    // MARK: EventSource

    var pollInterest: (descriptor: Int32, events: Int16)? { isStopped ? nil : (descriptor, Int16(POLLIN)) }

    var deadline: MonotonicTime? {
        if isStopped { return nil }
        if hasResumed { return MonotonicTime(nanoseconds: 0) }
        var milliseconds: UInt64 = 0
        if MHD_get_timeout(daemon, &milliseconds) == .YES, milliseconds == 0 { return MonotonicTime(nanoseconds: 0) }
        // libmicrohttpd's other time-outs can wait for the next sweep.
        return connections.isEmpty ? nil : nextSweep
    }

    func process(events: Int16, now: MonotonicTime) {
        turn = now
        guard !isStopped else { return }
        if nextSweep <= now { sweep() }
        guard events != 0 || hasResumed || isTimeoutDue else { return }
        // Cleared before, for MHD_run answers requests that resume others.
        hasResumed = false
        MHD_run(daemon)
    }

    func flush() {}

    private var isTimeoutDue: Bool {
        var milliseconds: UInt64 = 0
        return MHD_get_timeout(daemon, &milliseconds) == .YES && milliseconds == 0
    }

    // MARK: Connections

    /// Whether a connection may come in at all.
    func accepts(_ address: IPAddress) -> Bool { load.hasRoom(for: counted(address)) }

    /// As whose a connection from there is counted.
    func counted(_ address: IPAddress) -> ClientAddress? { proxies.contains(address) ? nil : ClientAddress(address) }

    func opened(_ connection: HTTPConnection) {
        connection.deadline = turn + limits.headTime
        connections[connection.descriptor] = connection
        load.opened(connection.countedAs)
    }

    func closed(_ connection: HTTPConnection) {
        connections[connection.descriptor] = nil
        load.closed(connection.countedAs)
    }

    /// Cuts every connection that has not got on in time.
    private func sweep() {
        nextSweep = turn + Self.sweepInterval
        var waiting: [HTTPConnection] = []
        for connection in connections.values {
            if let deadline = connection.deadline, deadline <= turn { connection.cut() }
            if connection.waiting != nil { waiting.append(connection) }
        }
        if !waiting.isEmpty { cancelThoseWhoLeft(waiting) }
    }

    /// libmicrohttpd does not look at suspended connections, so their clients' departure is for us to see. Whoever has closed
    /// its side, or only its sending half, waits for nothing any more.
    private func cancelThoseWhoLeft(_ waiting: [HTTPConnection]) {
        var descriptors = waiting.map { pollfd(fd: $0.descriptor, events: Int16(Self.hasLeft), revents: 0) }
        guard poll(&descriptors, nfds_t(descriptors.count), 0) > 0 else { return }
        for (connection, descriptor) in zip(waiting, descriptors) where descriptor.revents != 0 {
            connection.waiting?.isAbandoned = true
            connection.waiting?.task?.cancel()
        }
    }

    /// POLLRDHUP, which poll.h hides behind _GNU_SOURCE.
    private static let hasLeft: Int32 = 0x2000

    // MARK: Requests

    /// The first callback for a request: only its head is known.
    func begin(
        _ handle: OpaquePointer, _ connection: HTTPConnection, _ parsed: ParsedHead,
        _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> MHD_Result {
        inFlight.add(1, ordering: .relaxed)
        let head = parsed.head
        let client = client(of: connection, head)
        // Both count.
        let hasRoomForClient = !connection.countsRequests || load.began(from: ClientAddress(client))
        let hasRoom = load.began() && hasRoomForClient
        connection.deadline = head.announcesBody ? turn.advanced(byNanoseconds: bodyTime) : nil
        let refusal = refusal(of: parsed)
        let isOverloaded = !hasRoom || !load.hasRoom(forBody: min(head.contentLength ?? 0, router.limits.largestBody))
        let admission = refusal.map { .answered($0) } ?? router.admit(head, isOverloaded: isOverloaded)
        let exchange: HTTPExchange
        var answersAtOnce: Response?
        switch admission {
        case .admitted(let request):
            exchange = HTTPExchange(
                handle: handle, connection: connection, client: client, start: turn, state: .receiving(request))
            exchange.body.reserveCapacity(min(head.contentLength ?? 0, request.bodyLimit ?? 0, Self.reservedBytes))
        case .answered(let response):
            exchange = HTTPExchange(
                handle: handle, connection: connection, client: client, start: turn, state: .discarding(response))
            if refusal != nil || response.status == 400 || !isDiscardable(head) { answersAtOnce = response }
        }
        // Released in the completed callback, and nowhere else.
        context.pointee = Unmanaged.passRetained(exchange).toOpaque()
        // An answer to the first callback ends the connection: what follows is not read as a request.
        if let answersAtOnce { return send(answersAtOnce, exchange) }
        return .YES
    }

    private func client(of connection: HTTPConnection, _ head: RequestHead) -> IPAddress {
        guard connection.isProxy else { return connection.address }
        return proxies.client(of: connection.address, forwardedFor: head.fields[.forwardedFor])
    }

    /// The answer to what must not be taken for a request, or could not be answered later.
    private func refusal(of parsed: ParsedHead) -> Response? {
        if let malformation = parsed.malformation { return router.refuseMalformed(parsed.head, malformation) }
        let room = limits.memoryPerConnection - limits.memoryForAnswer
        return parsed.memory > room ? router.refuseLargeHead(parsed.head) : nil
    }

    private func isDiscardable(_ head: RequestHead) -> Bool {
        guard head.announcesBody else { return true }
        return !head.isChunked && head.fields[.expect] == nil && (head.contentLength ?? .max) <= Self.discardableBytes
    }

    /// A piece of the body.
    func receive(_ bytes: UnsafeRawBufferPointer, _ exchange: HTTPExchange) -> MHD_Result {
        switch exchange.state {
        case .receiving(let request):
            guard let limit = request.bodyLimit else { return discard(bytes, exchange) }
            // libmicrohttpd takes no answer in the middle of a body: a little more is read, then the connection is cut.
            if exchange.body.count + bytes.count > limit {
                exchange.state = .discarding(router.refuseLongBody(request))
                dropBody(of: exchange)
            } else if !load.takeBodyBytes(bytes.count) {
                exchange.state = .discarding(router.refuseForMemory(request))
                dropBody(of: exchange)
            } else {
                exchange.body.append(contentsOf: bytes)
                exchange.bodyBytes += bytes.count
            }
            return .YES
        default: return discard(bytes, exchange)
        }
    }

    private func discard(_ bytes: UnsafeRawBufferPointer, _ exchange: HTTPExchange) -> MHD_Result {
        exchange.discardedBytes += bytes.count
        exchange.isTooLong = exchange.discardedBytes > Self.discardableBytes
        return exchange.isTooLong ? .NO : .YES
    }

    private func dropBody(of exchange: HTTPExchange) {
        load.giveBackBodyBytes(exchange.bodyBytes)
        exchange.bodyBytes = 0
        exchange.body = []
    }

    /// The body is complete, or the handler is done.
    func proceed(_ exchange: HTTPExchange) -> MHD_Result {
        switch exchange.state {
        case .receiving(let request):
            exchange.connection.deadline = nil
            return handle(request, exchange)
        case .discarding(let response), .answered(let response): return send(response, exchange)
        case .handling, .sent: return .YES
        }
    }

    /// Runs the handler up to where it waits for something, here and now. If it is done by then it is answered at once;
    /// otherwise the connection is suspended until it is.
    private func handle(_ request: AdmittedRequest, _ exchange: HTTPExchange) -> MHD_Result {
        exchange.state = .handling
        // Its bytes count until the answer is there: the handler may need them as long as that.
        let body = exchange.body
        exchange.body = []
        let task = Task.immediate(executorPreference: loop) { [router] in
            let response = await router.handle(request, body: body)
            exchange.state = .answered(response)
            if exchange.isSuspended { self.resume(exchange) }
        }
        if case .answered(let response) = exchange.state { return send(response, exchange) }
        exchange.isSuspended = true
        exchange.task = task
        exchange.connection.waiting = exchange
        suspended += 1
        MHD_suspend_connection(exchange.handle)
        return .YES
    }

    private func resume(_ exchange: HTTPExchange) {
        exchange.isSuspended = false
        exchange.task = nil
        exchange.connection.waiting = nil
        suspended -= 1
        hasResumed = true
        MHD_resume_connection(exchange.handle)
    }

    private func send(_ response: Response, _ exchange: HTTPExchange) -> MHD_Result {
        exchange.state = .sent
        exchange.answer = RequestReport.Answer(response)
        load.replaceBodyBytes(exchange.bodyBytes, with: response.body.count)
        exchange.bodyBytes = response.body.count
        let created = response.body.withUnsafeBytes { body in
            // "MUST_COPY: buffer is copied" (manual): the Swift array need not outlive this call.
            MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let created else { return .NO }
        // Queueing holds a reference of its own.
        defer { MHD_destroy_response(created) }
        if let contentType = response.contentType {
            MHD_add_response_header(created, "Content-Type", contentType.cString)
        }
        addConstantHeaders(
            to: created, isDonePost: response.status < 300 && exchange.subject?.isPost == true)
        for (name, value) in response.fields {
            value.withCString { value in _ = MHD_add_response_header(created, name.cString, value) }
        }
        if isDraining { MHD_add_response_header(created, "Connection", "close") }
        return MHD_queue_response(exchange.handle, UInt32(response.status), created)
    }

    func completed(_ exchange: HTTPExchange, _ end: RequestEnd) {
        log(exchange, end)
        if exchange.isCounted { load.ended(from: ClientAddress(exchange.client)) }
        dropBody(of: exchange)
        exchange.connection.deadline = turn.advanced(byNanoseconds: idleTime)
        load.ended()
        inFlight.subtract(1, ordering: .relaxed)
    }

    // MARK: Stopping

    /// Whether a handler is at work.
    var hasHandlers: Bool { suspended > 0 }

    /// Takes no new connections; answers end theirs.
    func drain() {
        isDraining = true
        // What has connected already is served: libmicrohttpd accepts ten at a time.
        for _ in 0..<32 { MHD_run(daemon) }
        let socket = MHD_quiesce_daemon(daemon)
        if socket >= 0 { close(socket) }
        hasDrained.store(true, ordering: .relaxed)
    }

    /// Ends all connections. Every handler must be done: libmicrohttpd aborts the process otherwise.
    ///
    /// - Returns: `false` if a handler is not, and nothing was stopped.
    func stop() -> Bool {
        for _ in 0..<50 where inFlight.load(ordering: .relaxed) > 0 {
            MHD_run(daemon)
            usleep(1_000)
        }
        guard suspended == 0 else { return false }
        isStopped = true
        MHD_stop_daemon(daemon)
        return true
    }
}

/// No answer is for a browser to show, to frame or to take for another type, and none is to be kept. What is not said twice of
/// an emit that succeeded: nobody keeps answers to POST (RFC 9110, section 9.3.3), and JSON is not shown. Each costs about
/// 900 instructions.
private func addConstantHeaders(to response: OpaquePointer, isDonePost: Bool) {
    add("X-Content-Type-Options", "nosniff")
    if isDonePost { return }
    add("Cache-Control", "no-store")
    add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    func add(_ name: StaticString, _ value: StaticString) {
        MHD_add_response_header(response, name.cString, value.cString)
    }
}

extension StaticString {
    /// The text as C reads it: a static string ends in NUL.
    fileprivate var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
