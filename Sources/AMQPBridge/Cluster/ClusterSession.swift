internal import AMQP
internal import EventLoop
internal import JSON

/// The gateway's part in the cluster protocol on one connection, without I/O: presence, questions and answers.
///
/// One channel asks and is answered, one hears the servers' heartbeats, one is for the acknowledgements of
/// python-socketio's clients, and two are for events. Lives on the cluster client's thread.
final class ClusterSession: BrokerSession {
    var outbound = OutboundBuffer()
    private(set) var failure: BrokerError?
    /// Called with what a server says of itself, and with `nil` when it has gone.
    var serverChanged: ((_ uid: String, _ server: Presence.Server?) -> Void)?
    /// Called with whether the servers are known.
    var completenessChanged: ((Bool) -> Void)?
    /// Called when servers are asked to announce themselves: until they are complete there may be others.
    var searches: (() -> Void)?
    /// Called with all servers once they are known, and then with each that is heard of.
    var heard: (([Presence.Server]) -> Void)?
    /// Called when the broker closes a channel.
    var channelClosed: ((ChannelClose) -> Void)?
    /// Called when a caller asks during a ``rest``.
    var wanted: (() -> Void)?

    let limits: Limits
    let reader = ServerReader()
    let events: EventRelay
    private let exchange: String
    private let callbacks: CallbackQueue?
    private var readiness = Readiness()
    private var openConsumers: Set<String> = []
    private var alarm = BrokerAlarm()
    private var roster = ServerRoster()
    private var questions: QuestionChannel
    private var content: ContentAssembler
    /// The time of what is being handled.
    private var turn = MonotonicTime(nanoseconds: 0)
    private var nextCheck = MonotonicTime(nanoseconds: 0)

    /// The time that a refusal stands, unless a caller asks: each try is several lines in the broker's log.
    private static let refusalTime: Duration = .seconds(60)
    /// The most lists of rooms that are asked for in a turn.
    private static let listsInTurn = 32
    /// The time between two searches for servers that have fallen silent.
    private static let checkInterval: Duration = .milliseconds(250)

    init(
        exchange: String, limits: Limits = Limits(), callbacks: CallbackQueue?,
        knowledge: BrokerKnowledge = BrokerKnowledge(), events: ClusterView.Limits = ClusterView.Limits(),
        eventExchange: EventExchange? = nil, clock: @escaping () -> Int64 = UnixTime.milliseconds
    ) {
        self.exchange = exchange
        self.events = EventRelay(exchange: exchange, limits: events, eventExchange: eventExchange, clock: clock)
        self.limits = limits
        self.callbacks = callbacks
        questions = QuestionChannel(exchange: exchange, limits: limits.table, knowledge: knowledge)
        content = ContentAssembler(limits)
    }

    // MARK: Asking

    /// All servers that have been heard of.
    var servers: [Presence.Server] { roster.presence.all }
    var serverCount: Int { roster.presence.count }

    /// The number of callers that wait for answers.
    var waiting: Int { questions.table.waiting + readiness.waiting + (callbacks?.waiting ?? 0) }

    /// Asks all servers of the question's namespace.
    ///
    /// - Parameters:
    ///   - id: the question's: 32 hexadecimal digits, never the same twice.
    ///   - waiter: a number to ``abandon(waiter:)`` it by.
    func ask<Answer>(
        _ question: Question<Answer>, id: String, waiter: Int, now: MonotonicTime,
        _ completion: @escaping Waits<Answer>.Completion
    ) {
        guard waiting < limits.waiting, outbound.pending < limits.pendingBytes else {
            completion(.failure(.overloaded))
            return
        }
        let deadline = now + question.timeout
        whenReady(waiter: waiter, deadline: deadline, now: now) { [unowned self] error, now in
            if let error { return completion(.failure(error)) }
            let deadline = max(deadline, now + .milliseconds(1))
            askNow(question, id: id, waiter: waiter, deadline: deadline, now: now, completion)
        }
    }

    private func askNow<Answer>(
        _ question: Question<Answer>, id: String, waiter: Int, deadline: MonotonicTime, now: MonotonicTime,
        _ completion: @escaping Waits<Answer>.Completion
    ) {
        let error =
            alarm.reason.map { .brokerBlocked(reason: $0) }
            ?? questions.ask(
                question, id: id, waiter: waiter, of: roster.presence, deadline: deadline, now: now, into: &outbound,
                completion)
        if let error { completion(.failure(error)) }
    }

    /// Calls back when it is known which servers there are, or why not. That there are none is not said from memory: the
    /// broker is asked, and whoever is there.
    func whenReady(
        waiter: Int, deadline: MonotonicTime, now: MonotonicTime,
        _ completion: @escaping (ClusterError?, _ now: MonotonicTime) -> Void
    ) {
        switch readiness.state {
        case .ready where !roster.presence.isEmpty: completion(nil, now)
        case .disconnected: completion(.brokerUnavailable, now)
        case .starting, .opening, .discovering, .ready, .refused:
            if let reason = alarm.reason { return completion(.brokerBlocked(reason: reason), now) }
            guard waiting < limits.waiting else { return completion(.overloaded, now) }
            if readiness.state == .ready { discover(now: now) }
            readiness.wait(
                Readiness.Caller(waiter: waiter, deadline: deadline) {
                    completion(nil, $0)
                } fail: {
                    completion($0, now)
                })
            if readiness.state == .refused { wanted?() }
        }
    }

    /// Ends the wait under this number, which its caller has given up.
    func abandon(waiter: Int) {
        questions.table.abandon(waiter: waiter)
        fail(readiness.abandon(waiter: waiter), .abandoned)
    }

    /// Waits for the acknowledgements with this number; see
    /// ``CallbackQueue/wait(for:mode:deadline:into:opened:finished:)``.
    func awaitCallbacks(
        _ number: Int, mode: AcknowledgementMode, deadline: MonotonicTime,
        opened: @escaping (CallbackQueue.Opening) -> Void, finished: @escaping ([JSONText]) -> Void
    ) {
        if readiness.state == .refused {
            wanted?()
            return opened(.failed(.brokerRefused(exchange: exchange)))
        }
        guard let callbacks, isOpen else { return opened(.failed(.brokerUnavailable)) }
        if let reason = alarm.reason { return opened(.failed(.brokerBlocked(reason: reason))) }
        guard waiting < limits.waiting else { return opened(.failed(.overloaded)) }
        callbacks.wait(
            for: number, mode: mode, deadline: deadline, into: &outbound.bytes, opened: opened, finished: finished)
    }

    func abandonCallbacks(_ number: Int) { callbacks?.abandon(number, into: &outbound.bytes) }

    // MARK: BrokerSession

    var blockedReason: String? { alarm.reason }
    var isOpen: Bool { readiness.isOpen }
    var rest: Duration? { readiness.state == .refused ? Self.refusalTime : nil }

    var deadline: MonotonicTime? {
        let ofEvents = events.deadline(
            pending: outbound.pending, maySend: maySendForEvents, mayPublish: isOpen && blockedReason == nil)
        return [nextCheck, questions.table.deadline, callbacks?.deadline, readiness.discoveryEnd, ofEvents]
            .compactMap(\.self).min()
    }

    func connected(frameMax: Int) {
        questions.frameMax = frameMax
        outbound = OutboundBuffer()
        failure = nil
        open()
    }

    func disconnected() {
        readiness.disconnected()
        completenessChanged?(false)
        alarm.ended()
        questions.disconnected(totalSent: outbound.totalSent)
        outbound = OutboundBuffer()
        content = ContentAssembler(limits)
        roster.disconnected()
        callbacks?.disconnected()
        events.disconnected()
        fail(readiness.takeCallers(), .brokerUnavailable)
    }

    func handle(_ frame: InboundFrame, on channel: UInt16, now: MonotonicTime) {
        // What else had come on the connection that is given up says nothing any more.
        guard failure == nil else { return }
        turn = now
        let message = content.take(frame, on: channel)
        guard !content.isOutOfOrder else {
            failure = .framesOutOfOrder
            return
        }
        if let message { receive(message, now: now) }
        if case .channelClosed(let close) = frame { channelClosed?(close) }
        switch frame {
        case .delivered, .returned, .header, .content: break
        case _ where channel == CallbackQueue.channel: callbacks?.handle(frame, into: &outbound.bytes)
        case _ where channel == EventPublisher.channel:
            events.handlePublishing(frame, now: now, into: &outbound.bytes)
        case .consuming(ServerEvents.tag):
            events.opened()
            if readiness.state == .ready { events.begin(servers, now: now) }
        case .consuming(let tag):
            openConsumers.insert(tag)
            if openConsumers.isSuperset(of: [QuestionChannel.tag, ServerRoster.tag]) { discover(now: now) }
        case .consumerCancelled: failure = BrokerError("the broker has deleted a queue of the cluster client")
        case .channelClosed(let close): beginAnew(after: close)
        case .acknowledged(let tag, let multiple) where channel == QuestionChannel.number:
            settle(tag, multiple: multiple, isTaken: true, now: now)
        case .refused(let tag, let multiple) where channel == QuestionChannel.number:
            settle(tag, multiple: multiple, isTaken: false, now: now)
        case .blocked(let reason):
            alarm.raised(reason)
            // What has not been asked will not be soon: better to say so than to wait.
            fail(readiness.takeCallers(), .brokerBlocked(reason: reason))
        case .unblocked:
            alarm.ended()
            // Servers have been held up, too: what was not heard of them says nothing.
            if isOpen { discover(now: now) }
        default: break
        }
        serveEvents(now: now)
    }

    func expire(now: MonotonicTime) {
        turn = now
        questions.table.expire(now: now)
        callbacks?.expire(now: now, into: &outbound.bytes)
        if let end = readiness.discoveryEnd, end <= now { becomeReady(now: now) }
        // While the broker takes nothing, it says nothing either.
        for (uid, since) in questions.table.overdue(now: now) where isOpen && blockedReason == nil {
            probe(uid, since: since, now: now)
        }
        events.expire(now: now)
        serveEvents(now: now)
        guard nextCheck <= now else { return }
        nextCheck = now + Self.checkInterval
        // While nothing can be heard, silence says nothing.
        if readiness.state == .ready, blockedReason == nil { forgetSilent(now: now) }
        fail(readiness.expired(now: now), readiness.error(exchange: exchange))
    }

    func probe() { if isOpen { alarm.probe(into: &outbound.bytes) } }

    // MARK: Opening

    /// Asks for everything in one go. Channels are served independently, so both declare the exchange.
    private func open() {
        readiness.open()
        openConsumers = []
        for channel in [QuestionChannel.number, ServerRoster.channel] {
            FrameWriter.channelOpen(channel, into: &outbound.bytes)
            FrameWriter.exchangeDeclare(exchange, type: "direct", channel: channel, into: &outbound.bytes)
        }
        questions.listen(into: &outbound.bytes)
        ServerRoster.listen(on: exchange, into: &outbound.bytes)
        events.connected(into: &outbound.bytes)
    }

    /// Whichever it is, everything begins anew, on a new connection.
    private func beginAnew(after close: ChannelClose) {
        failure = BrokerError("the broker closed a channel of the cluster client: \(close)")
        alarm.probeRefused(by: close)
        if close.isOverDefaultExchange { return }
        if let oversize = close.oversize { return questions.closed(over: oversize) }
        // Anything else, such as an exchange that was deleted, is mended by beginning anew.
        guard close.isAccessRefused || close.isPreconditionFailed else { return }
        readiness.refuse()
        fail(readiness.takeCallers(), .brokerRefused(exchange: exchange))
    }

    /// Lets questions wait until the servers have announced themselves.
    private func discover(now: MonotonicTime) {
        readiness.discover()
        searches?()
        questions.send(roster.discover(on: exchange), now: now, into: &outbound)
    }

    private func settle(_ tag: UInt64, multiple: Bool, isTaken: Bool, now: MonotonicTime) {
        for call in questions.settle(tag, multiple: multiple, isTaken: isTaken) {
            if let until = roster.taken(call, now: now) { readiness.called(until: until) }
        }
    }

    private func becomeReady(now: MonotonicTime) {
        guard let callers = readiness.becomeReady() else { return }
        // While the connection was away no server could be heard.
        roster.forgive(now: now)
        completenessChanged?(true)
        heard?(servers)
        events.begin(servers, now: now)
        for caller in callers { caller.proceed(now) }
    }

    private func fail(_ callers: [Readiness.Caller], _ error: ClusterError) {
        for caller in callers { caller.fail(error) }
    }

    // MARK: Receiving

    private func receive(_ message: ContentAssembler.Message, now: MonotonicTime) {
        switch message.source {
        case .returned where roster.isLastCall(message.messageID): becomeReady(now: now)
        case .returned where ServerProbes.isProbe(message.messageID): probeReturned(message.messageID, now: now)
        case .returned:
            let servers = questions.table.returned(message.messageID)
            roster.questionReturned(to: servers, now: now)
            for uid in servers { tell(uid) }
        case .delivery where message.isTooLong: reader.passOver(message, now: now)
        case .delivery(QuestionChannel.tag): questions.receive(message, reader, now: now)
        case .delivery(ServerRoster.tag): receivePresence(message, now: now)
        case .delivery(EventPublisher.tag): events.takeLock(now: now)
        case .delivery(ServerEvents.tag): events.receive(message, reader, now: now)
        case .delivery: reader.warn(callbacks?.receive(message.body, into: &outbound.bytes), now: now)
        }
    }

    private func receivePresence(_ content: ContentAssembler.Message, now: MonotonicTime) {
        guard let message = reader.read(content.body, now: now) else { return }
        switch roster.hear(message, now: now) {
        case .gone(let uid): lose(uid, mayReturn: false, now: now)
        case .server(let server, let isThere, let isNew):
            serverChanged?(server.uid, server)
            if isThere { events.heard(server, isNew: isNew, now: now) }
            if readiness.state == .ready { heard?([server]) }
        case .notKept: reader.passOver(message, now: now)
        case .nothing: break
        }
    }

    // MARK: Servers that are not there

    private func forgetSilent(now: MonotonicTime) {
        if let call = roster.callToSilent(on: exchange, now: now) {
            questions.send(call, now: now, into: &outbound)
        }
        for uid in roster.expire(now: now) { lose(uid, mayReturn: true, now: now) }
    }

    private func lose(_ uid: String, mayReturn: Bool, now: MonotonicTime) {
        questions.table.left(uid, mayReturn: mayReturn)
        events.lost(uid, now: now)
        serverChanged?(uid, nil)
    }

    private func probe(_ uid: String, since: MonotonicTime, now: MonotonicTime) {
        guard outbound.pending < limits.pendingBytes,
            let (publication, id) = roster.probe(uid, since: since, now: now, on: exchange)
        else { return }
        questions.send(publication, messageID: id, now: now, into: &outbound)
    }

    private func probeReturned(_ id: String, now: MonotonicTime) {
        switch roster.probeReturned(id, now: now) {
        case .gone(let uid):
            questions.table.away(uid)
            tell(uid)
        case .outdated(let uid) where questions.table.isAwaited(uid): probe(uid, since: now, now: now)
        case .outdated, nil: break
        }
    }

    /// Tells that a server is away, if it still is one.
    private func tell(_ uid: String) {
        if roster.presence.isThere(uid) { serverChanged?(uid, roster.presence.server(uid)) }
    }

    // MARK: Events

    /// - Parameter wants: `nil`: events are not wanted any more. What was known of rooms is forgotten.
    func want(_ wants: EventWants?, now: MonotonicTime) {
        if events.want(wants, now: now) {
            if isOpen || readiness.state == .opening { events.open(into: &outbound.bytes) }
            if readiness.state == .ready { events.begin(servers, now: now) }
            events.warnOfSilence(servers, now: now)
        }
        serveEvents(now: now)
    }

    private var maySendForEvents: Bool {
        readiness.state == .ready && blockedReason == nil && outbound.pending < limits.pendingBytes
    }

    /// Says that events are wanted, reads the servers' lists, and tells what has happened.
    private func serveEvents(now: MonotonicTime) {
        guard events.isWanted else { return }
        if maySendForEvents {
            if let word = events.word(now: now) {
                questions.send(word, messageID: ServerEvents.messageID, now: now, into: &outbound)
            }
            // The rest in the next turn.
            for _ in 0..<Self.listsInTurn {
                guard let listing = events.nextListing(now: now) else { break }
                list(listing, now: now)
            }
        }
        events.passOn()
        guard isOpen, blockedReason == nil else { return }
        if let count = events.write(into: &outbound, frameMax: questions.frameMax, now: now) {
            events.published?(count, events.isSender)
        }
    }

    private func list(_ listing: Listing, now: MonotonicTime) {
        // One that is not on the broker would be asked for ever, and never be gone.
        guard roster.canAnswer(listing.server) else { return events.passOver(listing, now: now) }
        let page = events.question(for: listing)
        askNow(
            page.question, id: RequestID.next(), waiter: page.waiter, deadline: now + page.question.timeout, now: now
        ) { [unowned self] result in
            events.answered(page, (try? result.get())?.answer ?? nil, now: turn)
        }
    }
}
