internal import AMQPBridge
internal import CMicrohttpd
internal import EventLoop
internal import Routes
internal import Synchronization

/// The requests of one event loop, from their heads to their answers: carries out the steps of each ``HTTPExchange``,
/// and counts and logs it.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``open``. Properties that every request touches are
/// not checked for exclusive access, which costs 70 instructions each time: no access lasts longer than one statement.
final class HTTPRequests: @unchecked Sendable {
    /// Requests that have begun and whose answer has not left. Clients may already read it.
    let open = Atomic<Int>(0)
    /// The time at which the current turn of the loop began.
    @exclusivity(unchecked) var turn = MonotonicTime.now()
    /// Whether answers end their connections, because the gateway ends.
    @exclusivity(unchecked) var isDraining = false
    @exclusivity(unchecked) var schedule: RunSchedule
    let times: ConnectionTimes.Limits

    let loop: EventLoop
    let router: Router
    private let limits: HTTPDaemon.Limits
    let load: LoopLoad
    private let requestLog: RequestLog
    let connections: HTTPConnections
    /// The connections whose answers are streams.
    var streams: Set<Int32> = []
    /// Whether streams end as soon as they begin, because the gateway ends.
    var areStreamsEnding = false
    /// Requests whose clients have left while the handler was at work, until it is done.
    private var abandoned: [ObjectIdentifier: AbandonedRequest] = [:]

    /// The memory of a body that is over, for the next one.
    @exclusivity(unchecked) private var spareBody: [UInt8] = []
    private let answers = AnswerPool()
    @exclusivity(unchecked) private var knownHeads = KnownHeads()

    /// No more memory than this is taken for a body that is only announced.
    private static let reservedBytes = 1 << 20

    init(
        loop: EventLoop, router: Router, limits: HTTPDaemon.Limits, load: LoopLoad, requestLog: RequestLog,
        connections: HTTPConnections, isEncrypted: Bool
    ) {
        self.loop = loop
        self.router = router
        self.limits = limits
        self.load = load
        self.requestLog = requestLog
        self.connections = connections
        times = ConnectionTimes.Limits(limits)
        schedule = RunSchedule(mostPolled: limits.mostPolled, distrustsLibrary: isEncrypted)
    }

    // MARK: The head and the body

    /// The first callback for a request: only its head is known.
    func begin(_ connection: HTTPConnection, _ raw: borrowing RawHead) -> MHD_Result {
        open.add(1, ordering: .relaxed)
        let isFromProxy = raw.isFromProxy
        let parsed = knownHeads.read(raw, connection.handle)
        schedule.requestBegan()
        let client =
            isFromProxy
            ? connections.proxies.client(of: connection.address, forwardedFor: parsed.head.fields[.forwardedFor])
            : connection.address
        // It is counted as its client's, since its connection is not.
        let isCounted = isFromProxy || connection.countedAs == nil
        let hasRoomForClient = !isCounted || load.began(from: ClientAddress(client))
        // Both count.
        let hasRoom = load.began() && hasRoomForClient
        let disbelief = disbelief(of: parsed)
        let admission =
            if let disbelief { disbelief } else { admit(parsed.head, connection.door, hasRoom: hasRoom) }
        let request = admission.request
        connection.times.headCame(
            hasBody: request.head.announcesBody, isRefused: admission.isRefused, now: turn, times)
        connection.served = ServedRequest(
            request: request, exchange: HTTPExchange(request.head, bodyLimit: request.bodyLimit), client: client,
            isCounted: isCounted, start: turn)
        if let refusal = admission.refusal,
            case .sends(let response) = connection.served?.exchange.refuse(
                request.head, with: refusal, isBelieved: disbelief == nil)
        {
            return send(response, to: request, connection)
        }
        let announced = min(request.head.contentLength ?? 0, request.bodyLimit ?? 0)
        if announced > 0 { request.expectBody(min(announced, Self.reservedBytes), in: &spareBody) }
        return .YES
    }

    /// The answer to what must not be taken for a request, or could not be answered later.
    private func disbelief(of parsed: borrowing ParsedHead) -> Admission? {
        if let malformation = parsed.malformation { return router.refuseMalformed(parsed.head, malformation) }
        let room = limits.memoryPerConnection - limits.memoryForAnswer
        return parsed.memory > room ? router.refuseLargeHead(parsed.head) : nil
    }

    private func admit(_ head: RequestHead, _ door: Door, hasRoom: Bool) -> Admission {
        let hasRoom = hasRoom && load.hasRoom(forBody: min(head.contentLength ?? 0, router.limits.largestBody))
        return router.admit(head, at: door, isOverloaded: !hasRoom)
    }

    /// A piece of the body.
    func receive(_ bytes: UnsafeRawBufferPointer, _ connection: HTTPConnection) -> MHD_Result {
        loop.assertCurrent()
        schedule.moved()
        guard let request = connection.served?.request else { return .NO }
        switch connection.served?.exchange.receive(bytes.count) {
        case .keeps:
            guard load.takeBodyBytes(bytes.count) else {
                return sendDirectly(router.refuseForMemory(request), connection)
            }
            connection.served?.bodyBytes += bytes.count
            request.receive(bytes)
            return .YES
        case .isTooMuch: return sendDirectly(router.refuseLongBody(request), connection)
        case .drops, nil: return .YES
        }
    }

    // MARK: The answer

    /// The body is complete, or libmicrohttpd asks once more.
    func proceed(_ connection: HTTPConnection) -> MHD_Result {
        loop.assertCurrent()
        guard let request = connection.served?.request else { return .YES }
        switch connection.served?.exchange.proceed() {
        case .handles: return handle(request, connection)
        case .sends(let response):
            schedule.queued()
            return send(response, to: request, connection)
        case .waits, nil: return .YES
        }
    }

    /// Runs the handler up to where it waits for something, here and now. If it is done by then it is answered at once.
    private func handle(_ request: Request, _ connection: HTTPConnection) -> MHD_Result {
        connection.times.bodyCame()
        let handling = router.handle(request, on: loop, for: connection)
        // What goes to the broker is written: the next request gets memory that is still in the processor's caches.
        if case .waitsForBroker = handling { request.dropBody(leaving: &spareBody) }
        switch connection.served?.exchange.handled(consume handling, mayPoll: schedule.mayPoll) {
        case .sends(let response): return send(response, to: request, connection)
        case .polls: schedule.polls()
        case .suspends:
            schedule.suspends()
            MHD_suspend_connection(connection.handle)
        case nil: return .NO
        }
        if connections.departures.contains(connection.descriptor) { _ = connection.served?.exchange.clientLeft() }
        return .YES
    }

    /// The handler is done. The connection may be over by then, or at another request.
    func answer(_ request: Request, with response: consuming Response, _ connection: HTTPConnection) {
        loop.assertCurrent()
        guard connection.served?.request === request else { return abandon(request, with: response) }
        switch connection.served?.exchange.answer(response) {
        case .runs: schedule.wakesPolled()
        case .resumes:
            schedule.wakesSuspended()
            MHD_resume_connection(connection.handle)
        case .needless, nil: return
        }
        connections.departures.answered(connection.descriptor)
    }

    private func send(_ response: Response, to request: Request, _ connection: HTTPConnection) -> MHD_Result {
        schedule.moved()
        let isLast = connection.served?.exchange.isLast(isDraining: isDraining) ?? true
        count(response, connection)
        if request.isStreamed, let stream = request.stream { return send(response, stream, connection, isLast: isLast) }
        if !isLast, let answer = answers.take(for: response, isPost: request.isPost) {
            connection.pooledAnswer = answer
            return MHD_queue_response(connection.handle, UInt32(response.status), answer.handle)
        }
        return response.queue(on: connection.handle, isPost: request.isPost, isLast: isLast)
    }

    /// Answers in the middle of a body, where libmicrohttpd takes no answer: past it, and ends the connection. The rest
    /// of the body is dropped (``SocketWatch/linger(_:countedAs:)``).
    private func sendDirectly(_ response: Response, _ connection: HTTPConnection) -> MHD_Result {
        guard let request = connection.served?.request else { return .NO }
        request.dropBody()
        count(response, connection)
        let isWhole = RawAnswer.send(response, isPost: request.isPost, to: connection)
        connection.served?.exchange.interrupt(RequestReport.Answer(response), isWhole: isWhole)
        return .NO
    }

    /// Counts an answer before it leaves: a request whose answer was read is not under way any more.
    private func count(_ response: Response, _ connection: HTTPConnection) {
        connection.times.answered(now: turn)
        connection.served?.ends(isAnswered: true, load, router.counters)
        load.replaceBodyBytes(connection.served?.bodyBytes ?? 0, with: response.body.count)
        connection.served?.bodyBytes = response.body.count
    }

    // MARK: The end

    func completed(_ connection: HTTPConnection, _ end: RequestEnd) {
        loop.assertCurrent()
        guard var served = connection.served.take() else { return }
        if let answer = connection.pooledAnswer.take() { answers.giveBack(answer) }
        let outcome = served.exchange.outcome(end, isLate: connection.cut == .late)
        schedule.requestEnded(wasPolled: served.exchange.isPolled)
        if served.request.isStreamed { streamEnded(&served, connection) }
        connection.hasUnreadBody = served.exchange.hasUnreadBody
        connection.times.completed(now: turn, times)
        connections.departures.answered(connection.descriptor)
        // A handler that no client waits for any more may keep the request.
        served.request.dropBody(leaving: &spareBody)
        load.giveBackBodyBytes(served.bodyBytes)
        open.subtract(1, ordering: .relaxed)
        // What it asked for goes on, and is told when it is done.
        if served.exchange.isUnderWay {
            abandoned[ObjectIdentifier(served.request)] = AbandonedRequest(served: served, outcome: outcome)
            return
        }
        served.ends(isAnswered: served.exchange.answer != nil, load, router.counters)
        log(served, outcome)
    }

    /// Takes the answer to a request that no client waits for any more.
    private func abandon(_ request: Request, with response: Response) {
        guard var left = abandoned.removeValue(forKey: ObjectIdentifier(request)) else { return }
        _ = left.served.exchange.answer(response)
        left.served.ends(isAnswered: true, load, router.counters)
        log(left.served, left.outcome)
    }

    /// Logs the outcome of a request. Nearly all are below the log's level: then no text is made.
    private func log(_ served: ServedRequest, _ outcome: RequestReport.Outcome) {
        let answer = served.exchange.answer
        if outcome == .answered, !requestLog.isEnabled(RequestReport.success), let answer,
            RequestReport.isUsual(served.request, answer)
        {
            return
        }
        let duration = .now() - served.start
        router.tell(of: served.request, answer, outcome, duration: duration)
        requestLog.write(
            RequestReport(
                served.request, answer, outcome, client: served.client.description, duration: duration,
                counters: router.counters))
    }
}
