internal import AMQPBridge
internal import CMicrohttpd
internal import Routes

/// From a request's head to its answer.
extension HTTPDaemon {
    /// A refused body up to this size is read and dropped, so that the connection stays usable; a longer one ends it.
    private static let discardableBytes = 64 * 1_024
    /// How long a refused body may take to come, so that its connection stays usable.
    private static let discardTime: Duration = .seconds(5)
    /// How long a client may take to read an answer.
    private static let answerTime: Duration = .seconds(120)
    /// No more memory than this is taken for a body that is only announced.
    private static let reservedBytes = 1 << 20

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
        connection.expendableFrom = nil
        connection.hasUnreadBody = head.announcesBody
        let refusal = refusal(of: parsed)
        let isOverloaded = !hasRoom || !load.hasRoom(forBody: min(head.contentLength ?? 0, router.limits.largestBody))
        let admission = refusal ?? router.admit(head, isOverloaded: isOverloaded)
        let request = admission.request
        let exchange = HTTPExchange(
            request, handle: handle, connection: connection, client: client, start: turn,
            state: admission.refusal.map { .discarding($0) } ?? .receiving)
        var answersAtOnce: Response?
        if let response = admission.refusal {
            if refusal != nil || response.status == 400 || !isDiscardable(head) { answersAtOnce = response }
            // Nobody waits long for a body that is thrown away.
            connection.expendableFrom = turn + Self.graceTime
            if head.announcesBody { connection.deadline = turn + min(Self.discardTime, limits.bodyTime) }
        } else {
            request.body.reserveCapacity(min(head.contentLength ?? 0, request.bodyLimit ?? 0, Self.reservedBytes))
        }
        connection.exchange = exchange
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
    private func refusal(of parsed: ParsedHead) -> Admission? {
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
        let request = exchange.request
        guard case .receiving = exchange.state, let limit = request.bodyLimit else { return .YES }
        if request.body.count + bytes.count > limit {
            return sendDirectly(router.refuseLongBody(request), exchange)
        }
        guard load.takeBodyBytes(bytes.count) else { return sendDirectly(router.refuseForMemory(request), exchange) }
        request.body.append(contentsOf: bytes)
        exchange.bodyBytes += bytes.count
        return .YES
    }

    func dropBody(of exchange: HTTPExchange) {
        load.giveBackBodyBytes(exchange.bodyBytes)
        exchange.bodyBytes = 0
        exchange.request.body = []
    }

    /// The body is complete, or the handler is done.
    func proceed(_ exchange: HTTPExchange) -> MHD_Result {
        switch exchange.state {
        case .receiving:
            exchange.connection.deadline = nil
            exchange.connection.hasUnreadBody = false
            return handle(exchange)
        case .discarding(let response):
            exchange.connection.hasUnreadBody = false
            return send(response, exchange)
        case .answered(let response): return send(response, exchange)
        case .handling, .sent: return .YES
        }
    }

    /// Runs the handler up to where it waits for something, here and now. If it is done by then it is answered at once;
    /// otherwise the connection is suspended until it is.
    private func handle(_ exchange: HTTPExchange) -> MHD_Result {
        exchange.state = .handling
        let handling = router.handle(exchange.request, on: loop) { response in
            exchange.state = .answered(response)
            self.resume(exchange)
        }
        switch handling {
        case .answered(let response): return send(response, exchange)
        case .waitsForBroker: break
        case .task(let task): exchange.task = task
        }
        suspended += 1
        MHD_suspend_connection(exchange.handle)
        if exchange.connection.hasClientLeft { exchange.abandon() }
        return .YES
    }

    private func send(_ response: Response, _ exchange: HTTPExchange) -> MHD_Result {
        take(response, exchange)
        let created = response.body.withUnsafeBytes { body in
            // "MUST_COPY: buffer is copied" (manual): the Swift array need not outlive this call.
            MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let created else { return .NO }
        // Queueing holds a reference of its own.
        defer { MHD_destroy_response(created) }
        response.forEachConstantField(isPost: exchange.request.isPost) { name, value in
            MHD_add_response_header(created, name.cString, value.cString)
        }
        for field in response.fields {
            field.value.withCString { value in _ = MHD_add_response_header(created, field.name.cString, value) }
        }
        // libmicrohttpd is lax in where a chunk ends (0.9.75): nothing behind a chunked body is read as a request.
        if isDraining || exchange.isChunked { MHD_add_response_header(created, "Connection", "close") }
        return MHD_queue_response(exchange.handle, UInt32(response.status), created)
    }

    /// Answers in the middle of a body, where libmicrohttpd takes no answer: past it, and ends the connection. The rest of the
    /// body is dropped (``SocketWatch/linger(_:countedAs:)``).
    private func sendDirectly(_ response: Response, _ exchange: HTTPExchange) -> MHD_Result {
        dropBody(of: exchange)
        take(response, exchange)
        exchange.isSentDirectly = RawAnswer.send(
            response, isPost: exchange.request.isPost, to: exchange.connection.descriptor)
        return .NO
    }

    private func take(_ response: Response, _ exchange: HTTPExchange) {
        exchange.state = .sent
        exchange.connection.expendableFrom = turn + Self.unreadTime
        exchange.connection.deadline = turn + Self.answerTime
        exchange.answer = RequestReport.Answer(response)
        router.counters.count(
            exchange.request, nanoseconds: MonotonicTime.now().nanoseconds - exchange.start.nanoseconds)
        load.replaceBodyBytes(exchange.bodyBytes, with: response.body.count)
        exchange.bodyBytes = response.body.count
    }
}
