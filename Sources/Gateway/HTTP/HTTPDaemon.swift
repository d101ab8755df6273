internal import AMQPBridge
internal import CMicrohttpd
internal import Glibc
internal import Routes
internal import Synchronization

/// libmicrohttpd on one event loop: epoll on the outside, no thread of its own.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``inFlight``.
final class HTTPDaemon: EventSource, @unchecked Sendable {
    struct Limits: Sendable, Equatable {
        var connections = 10_000
        var connectionsPerAddress = 0
        /// A connection on which nothing happens is closed after this.
        var inactivity: Duration = .seconds(60)
        /// libmicrohttpd's memory for a connection, which bounds the request head, too. It zeroes it for every request,
        /// so more costs time (measured).
        var memoryPerConnection = 16 * 1_024
    }

    /// Requests that have begun and whose answer has not left.
    let inFlight = Atomic<Int>(0)

    private let loop: EventLoop
    private let router: Router
    private let bodyLimit: Int
    private let daemon: OpaquePointer
    private let descriptor: Int32
    private var hasResumed = false
    private var isDraining = false
    private var suspended = 0
    private var isStopped = false

    /// A refused body up to this size is read and dropped, so that the connection stays usable; a longer one ends it.
    private static let discardableBytes = 64 * 1_024

    init?(listeningOn socket: Int32, loop: EventLoop, router: Router, limits: Limits) {
        self.loop = loop
        self.router = router
        bodyLimit = router.limits.bodyBytes
        var options = gateway_mhd_options(
            listening_socket: socket, connection_limit: UInt32(limits.connections),
            connection_limit_per_address: UInt32(limits.connectionsPerAddress),
            inactivity_seconds: UInt32(limits.inactivity.components.seconds),
            memory_per_connection: limits.memoryPerConnection)
        let box = Box()
        // Borrowed: the box lives as long as the daemon, which owns it.
        let context = Unmanaged.passUnretained(box).toOpaque()
        guard
            let daemon = gateway_mhd_start(&options, accessCallback, completedCallback, connectionCallback, context)
        else { return nil }
        self.daemon = daemon
        self.box = box
        descriptor = gateway_mhd_epoll_descriptor(daemon)
        box.daemon = self
    }

    /// What libmicrohttpd's callbacks get: the daemon cannot be its own context before it exists.
    fileprivate final class Box {
        unowned var daemon: HTTPDaemon!
    }
    private let box: Box

    // MARK: EventSource

    var pollInterest: (descriptor: Int32, events: Int16)? { isStopped ? nil : (descriptor, Int16(POLLIN)) }

    var deadline: MonotonicTime? {
        if isStopped { return nil }
        if hasResumed { return MonotonicTime(nanoseconds: 0) }
        var milliseconds: UInt64 = 0
        guard MHD_get_timeout(daemon, &milliseconds) == .YES else { return nil }
        return milliseconds == 0 ? MonotonicTime(nanoseconds: 0) : .now() + .milliseconds(Int64(clamping: milliseconds))
    }

    func process(events: Int16, now: MonotonicTime) {
        guard !isStopped, events != 0 || hasResumed || isTimeoutDue else { return }
        // Cleared before, for MHD_run answers requests that resume others.
        hasResumed = false
        MHD_run(daemon)
    }

    func flush() {}

    private var isTimeoutDue: Bool {
        var milliseconds: UInt64 = 0
        return MHD_get_timeout(daemon, &milliseconds) == .YES && milliseconds == 0
    }

    // MARK: Requests

    /// The first callback for a request: only its head is known.
    fileprivate func begin(
        _ connection: OpaquePointer, _ parsed: ParsedHead, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> MHD_Result {
        inFlight.add(1, ordering: .relaxed)
        let head = parsed.head
        let admission = parsed.malformation.map { .answered(router.refuseMalformed(head, $0)) } ?? router.admit(head)
        let exchange: HTTPExchange
        var answersAtOnce: Response?
        switch admission {
        case .admitted(let request):
            exchange = HTTPExchange(connection: connection, state: .receiving(request))
            exchange.body.reserveCapacity(min(head.contentLength ?? 0, bodyLimit))
        case .answered(let response):
            exchange = HTTPExchange(connection: connection, state: .discarding(response))
            if parsed.malformation != nil || response.status == 400 || !isDiscardable(head) { answersAtOnce = response }
        }
        // Released in the completed callback, and nowhere else.
        context.pointee = Unmanaged.passRetained(exchange).toOpaque()
        // An answer to the first callback ends the connection: what follows is not read as a request.
        if let answersAtOnce { return send(answersAtOnce, exchange) }
        return .YES
    }

    private func isDiscardable(_ head: RequestHead) -> Bool {
        guard head.announcesBody else { return true }
        return !head.isChunked && head.fields[.expect] == nil && (head.contentLength ?? .max) <= Self.discardableBytes
    }

    /// A piece of the body.
    fileprivate func receive(_ bytes: UnsafeRawBufferPointer, _ exchange: HTTPExchange) -> MHD_Result {
        switch exchange.state {
        case .receiving(let request):
            guard exchange.body.count + bytes.count > bodyLimit else {
                exchange.body.append(contentsOf: bytes)
                return .YES
            }
            // libmicrohttpd takes no answer in the middle of a body: a little more is read, then the connection is cut.
            exchange.state = .discarding(router.refuseLongBody(request))
            exchange.body = []
            return .YES
        default:
            exchange.discardedBytes += bytes.count
            return exchange.discardedBytes > Self.discardableBytes ? .NO : .YES
        }
    }

    /// The body is complete, or the handler is done.
    fileprivate func proceed(_ exchange: HTTPExchange) -> MHD_Result {
        switch exchange.state {
        case .receiving(let request):
            handle(request, exchange)
            return .YES
        case .discarding(let response), .answered(let response): return send(response, exchange)
        case .handling, .sent: return .YES
        }
    }

    private func handle(_ request: AdmittedRequest, _ exchange: HTTPExchange) {
        exchange.state = .handling
        MHD_suspend_connection(exchange.connection)
        suspended += 1
        let body = exchange.body
        exchange.body = []
        Task(executorPreference: loop) { [router] in
            let response = await router.handle(request, body: body)
            exchange.state = .answered(response)
            self.suspended -= 1
            self.hasResumed = true
            MHD_resume_connection(exchange.connection)
        }
    }

    private func send(_ response: Response, _ exchange: HTTPExchange) -> MHD_Result {
        exchange.state = .sent
        let created = response.body.withUnsafeBytes { body in
            // "MUST_COPY: buffer is copied" (manual): the Swift array need not outlive this call.
            MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let created else { return .NO }
        // Queueing holds a reference of its own.
        defer { MHD_destroy_response(created) }
        if let contentType = response.contentType { add("Content-Type", "\(contentType)", to: created) }
        for (name, value) in response.fields { add(name, value, to: created) }
        if isDraining { add("Connection", "close", to: created) }
        return MHD_queue_response(exchange.connection, UInt32(response.status), created)
    }

    private func add(_ name: StaticString, _ value: String, to response: OpaquePointer) {
        name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) { _ = MHD_add_response_header(response, $0.baseAddress, value) }
        }
    }

    fileprivate func completed(_ exchange: HTTPExchange) {
        inFlight.subtract(1, ordering: .relaxed)
    }

    // MARK: Stopping

    /// Takes no new connections; answers end theirs.
    func drain() {
        isDraining = true
        let socket = MHD_quiesce_daemon(daemon)
        if socket >= 0 { close(socket) }
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

// MARK: libmicrohttpd's callbacks

private func accessCallback(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?, url: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, uploadData: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?, exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context, let connection, let url, let method, let version, let uploadSize, let exchange else {
        return .NO
    }
    let daemon = Unmanaged<HTTPDaemon.Box>.fromOpaque(context).takeUnretainedValue().daemon!
    guard let pointer = exchange.pointee else {
        return daemon.begin(connection, ParsedHead(connection, url: url, method: method, version: version), exchange)
    }
    let current = Unmanaged<HTTPExchange>.fromOpaque(pointer).takeUnretainedValue()
    guard uploadSize.pointee > 0 else { return daemon.proceed(current) }
    let bytes = UnsafeRawBufferPointer(start: uploadData, count: uploadSize.pointee)
    uploadSize.pointee = 0
    return daemon.receive(bytes, current)
}

private func completedCallback(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?,
    exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, reason: MHD_RequestTerminationCode
) {
    guard let context, let pointer = exchange?.pointee else { return }
    exchange?.pointee = nil
    let daemon = Unmanaged<HTTPDaemon.Box>.fromOpaque(context).takeUnretainedValue().daemon!
    daemon.completed(Unmanaged<HTTPExchange>.fromOpaque(pointer).takeRetainedValue())
}

private func connectionCallback(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?,
    socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, code: MHD_ConnectionNotificationCode
) {}
