internal import AMQP
internal import EventLoop
internal import JSON

/// The gateway's part in the cluster protocol on one connection, without I/O: presence, questions and answers.
///
/// One channel asks and is answered (direct reply-to belongs to the channel that asks), with publisher confirms; one
/// hears the servers' heartbeats, one is for the acknowledgements of python-socketio's clients. Lives on the cluster
/// client's thread.
final class ClusterSession: BrokerSession {
    struct Limits: Sendable, Equatable {
        /// The most callers that may wait.
        var waiting = 10_000
        /// The longest answer of a server, in bytes.
        var answerBytes = ServerText.maximumBytes
        /// The longest heartbeat, in bytes: thousands of namespaces.
        var heartbeatBytes = 256 << 10
        /// The most bytes that may wait to be sent.
        var pendingBytes = 32 << 20
        var table = QuestionTable.Limits()
    }

    private enum Channel {
        static let questions: UInt16 = 1
        static let presence = FrameWriter.controlChannel
    }

    private enum Tag {
        static let replies = "replies"
        static let presence = "presence"
    }

    private enum State: Equatable {
        /// There was no connection yet: questions wait for it.
        case starting
        case disconnected
        case opening
        /// The servers have been asked to announce themselves, and have until then to do it; `nil`: the broker has not
        /// confirmed yet that it has taken the question.
        case discovering(until: MonotonicTime?)
        case ready
        /// The broker does not let us use the exchange, or have a queue: seldom asked again, unless a caller has a
        /// question.
        case refused
    }

    /// A message on the channel of questions.
    private enum Sent {
        /// The servers were asked to announce themselves, for the time of this number.
        case discovery(number: Int)
        /// The broker was asked whether a server is there.
        case probe
        /// The servers were told that events are wanted.
        case word
        /// - Parameter streamEnd: the position in the outbound stream where it ends.
        case question(id: String, streamEnd: UInt64)
    }

    /// The look at servers that have fallen silent: each is asked once more, by way of the broker, which may have
    /// fallen silent itself.
    private enum SilenceCheck {
        case none
        case asked
        /// The broker has taken the question; servers have until then to announce themselves.
        case confirmed(until: MonotonicTime)
    }

    /// A question that has to wait until the servers are known.
    private struct Parked: Waiting {
        let waiter: Int
        let deadline: MonotonicTime
        let proceed: (_ now: MonotonicTime) -> Void
        let fail: (ClusterError) -> Void
    }

    var outbound = OutboundBuffer()
    private var alarm = BrokerAlarm()
    private(set) var failure: BrokerError?
    /// Called with what came and was not as it should be; once a minute for each server.
    var warned: ((ClusterWarning) -> Void)?
    /// Called with what a server says of itself, and with `nil` when it has gone.
    var serverChanged: ((_ uid: String, _ server: Presence.Server?) -> Void)?
    /// Called with whether the servers are known.
    var completenessChanged: ((Bool) -> Void)?
    /// Called with all servers once they are known, and then with each that is heard of.
    var heard: (([Presence.Server]) -> Void)?
    /// Called when the broker closes a channel.
    var channelClosed: ((ChannelClose) -> Void)?
    /// Called with the uid of a server that tells no events, while they are wanted.
    var silentServer: ((String) -> Void)?
    /// Called with what has happened in the cluster, while that is wanted.
    var eventsCame: (([ClusterEvent]) -> Void)?
    /// Called with the number of events that were published, and whether this gateway is the one that publishes them.
    var eventsPublished: ((_ count: Int, _ isSender: Bool) -> Void)?
    /// Called when a caller asks during a ``rest``.
    var wanted: (() -> Void)?

    private let exchange: String
    let limits: Limits
    private let callbacks: CallbackQueue?
    private let knowledge: BrokerKnowledge
    private var state = State.starting
    private var openConsumers: Set<String> = []
    private var frameMax = 4_096
    private var presence = Presence()
    private var table: QuestionTable
    private var probes = ServerProbes()
    /// The messages on the channel of questions that the broker has not confirmed.
    private var ledger = ConfirmLedger<Sent>()
    private var discoveries = 0
    private var silenceCheck = SilenceCheck.none
    private var parked = Waitlist<Parked>()
    private var content: ContentAssembler
    private var warnings = WarningLimiter<String>()
    /// `nil`: nobody wants events.
    private var events: ServerEvents?
    private let eventLimits: ClusterView.Limits
    private var publisher: EventPublisher?
    /// Milliseconds since 1970.
    private let clock: () -> Int64
    private var listings = 0
    /// How often events have begun to be wanted.
    private var eventRuns = 0
    private var hasEventChannel = false
    private var silenceWarnings = WarningLimiter<String>()
    /// The time of what is being handled.
    private var turn = MonotonicTime(nanoseconds: 0)
    private var nextCheck = MonotonicTime(nanoseconds: 0)

    /// The time that a refusal stands, unless a caller asks: each try is several lines in the broker's log.
    private static let refusalTime: Duration = .seconds(60)
    /// The time that servers have to announce themselves. Slower ones are known from their next heartbeat on.
    private static let discoveryTime: Duration = .milliseconds(500)
    /// The time that a server has to answer with a page of its rooms.
    private static let listTime: Duration = .seconds(10)
    private static let listsInTurn = 32
    /// The time between two searches for servers that have fallen silent.
    private static let checkInterval: Duration = .milliseconds(250)

    init(
        exchange: String, limits: Limits = Limits(), callbacks: CallbackQueue?,
        knowledge: BrokerKnowledge = BrokerKnowledge(), events: ClusterView.Limits = ClusterView.Limits(),
        eventExchange: EventExchange? = nil,
        clock: @escaping () -> Int64 = UnixTime.milliseconds
    ) {
        self.exchange = exchange
        eventLimits = events
        publisher = eventExchange.map(EventPublisher.init)
        self.clock = clock
        self.limits = limits
        self.callbacks = callbacks
        self.knowledge = knowledge
        table = QuestionTable(limits: limits.table)
        content = ContentAssembler(limits)
    }

    // MARK: Asking

    /// All servers that have been heard of.
    var servers: [Presence.Server] { presence.all }
    var serverCount: Int { presence.count }

    /// The number of callers that wait for answers.
    var waiting: Int { table.waiting + parked.count + (callbacks?.waiting ?? 0) }

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

    /// Calls back when it is known which servers there are, or why not. That there are none is not said from memory: the
    /// broker is asked, and whoever is there.
    func whenReady(
        waiter: Int, deadline: MonotonicTime, now: MonotonicTime,
        _ completion: @escaping (ClusterError?, _ now: MonotonicTime) -> Void
    ) {
        switch state {
        case .ready where !presence.isEmpty: completion(nil, now)
        case .disconnected: completion(.brokerUnavailable, now)
        case .starting, .opening, .discovering, .ready, .refused:
            if let blockedReason { return completion(.brokerBlocked(reason: blockedReason), now) }
            guard waiting < limits.waiting else { return completion(.overloaded, now) }
            if state == .ready { discover(now: now) }
            parked.append(
                Parked(waiter: waiter, deadline: deadline) {
                    completion(nil, $0)
                } fail: {
                    completion($0, now)
                })
            if state == .refused { wanted?() }
        }
    }

    /// Ends the wait under this number, which its caller has given up.
    func abandon(waiter: Int) {
        table.abandon(waiter: waiter)
        for each in parked.take(where: { $0.waiter == waiter }) { each.fail(.abandoned) }
    }

    /// Waits for the acknowledgements with this number; see
    /// ``CallbackQueue/wait(for:mode:deadline:into:opened:finished:)``.
    func awaitCallbacks(
        _ number: Int, mode: AcknowledgementMode, deadline: MonotonicTime,
        opened: @escaping (CallbackQueue.Opening) -> Void, finished: @escaping ([JSONText]) -> Void
    ) {
        if state == .refused {
            wanted?()
            return opened(.failed(.brokerRefused(exchange: exchange)))
        }
        guard let callbacks, isOpen else { return opened(.failed(.brokerUnavailable)) }
        if let blockedReason { return opened(.failed(.brokerBlocked(reason: blockedReason))) }
        guard waiting < limits.waiting else { return opened(.failed(.overloaded)) }
        callbacks.wait(
            for: number, mode: mode, deadline: deadline, into: &outbound.bytes, opened: opened, finished: finished)
    }

    func abandonCallbacks(_ number: Int) {
        callbacks?.abandon(number, into: &outbound.bytes)
    }

    private func askNow<Answer>(
        _ question: Question<Answer>, id: String, waiter: Int, deadline: MonotonicTime, now: MonotonicTime,
        _ completion: @escaping Waits<Answer>.Completion
    ) {
        if let blockedReason {
            completion(.failure(.brokerBlocked(reason: blockedReason)))
            return
        }
        guard question.namespace.utf8.count <= Publication.maximumNameBytes else {
            completion(.failure(.tooLarge))
            return
        }
        guard !presence.isEmpty else {
            completion(.failure(.noServers(exchange: exchange)))
            return
        }
        for feature in question.features {
            guard let server = presence.server(without: feature, of: question.namespace) else { continue }
            completion(.failure(.notSupported(feature, server: server)))
            return
        }
        if table.join(question, waiter: waiter, completion) { return }
        let expected = servers(for: question)
        var publication = Publication(
            exchange: exchange,
            routingKey: question.server.flatMap { presence.server($0)?.traits.probe } ?? question.namespace,
            expiration: question.expires ? (deadline - now).wholeMilliseconds : nil, body: question.body(id: id))
        publication.trace = question.trace
        guard publication.body.count <= knowledge.longestBody else {
            completion(.failure(.tooLarge))
            return
        }
        guard write(publication, messageID: id, replyTo: "amq.rabbitmq.reply-to") else {
            completion(.failure(.tooLarge))
            return
        }
        ledger.append(.question(id: id, streamEnd: outbound.streamEnd), deadline: deadline)
        // One that nobody knows has the same time as one that may not be there.
        let isPatient = expected.isEmpty || presence.hasProbes(of: expected)
        table.begin(
            question, id: id, size: publication.body.count, expected: expected, away: presence.away(of: expected),
            waiter: waiter, asked: isPatient ? now : nil, deadline: deadline, completion)
    }

    /// Writes a message to the channel of questions, which belongs into the ledger.
    ///
    /// - Returns: whether it fits into frames; if not, nothing was written.
    private func write(_ publication: Publication, messageID: String, replyTo: String? = nil) -> Bool {
        FrameWriter.publish(
            publication, messageID: .text(messageID), replyTo: replyTo, channel: Channel.questions, frameMax: frameMax,
            into: &outbound.bytes)
    }

    private func servers<Answer>(for question: Question<Answer>) -> Set<String> {
        guard let server = question.server else {
            return presence.servers(of: question.namespace, includingLost: question.includesLost)
        }
        return presence.server(server) == nil ? [] : [server]
    }

    // MARK: BrokerSession

    var blockedReason: String? { alarm.reason }

    var isOpen: Bool {
        switch state {
        case .starting, .disconnected, .opening, .refused: false
        case .discovering, .ready: true
        }
    }

    var deadline: MonotonicTime? {
        var earliest: MonotonicTime? = nextCheck
        for other in [
            table.deadline, callbacks?.deadline, discoveryEnd, events?.deadline(maySend: maySendForEvents),
            publisherDeadline,
        ] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        return earliest
    }

    private var discoveryEnd: MonotonicTime? {
        if case .discovering(let until) = state { until } else { nil }
    }

    var rest: Duration? { state == .refused ? Self.refusalTime : nil }

    func connected(frameMax: Int) {
        self.frameMax = frameMax
        outbound = OutboundBuffer()
        failure = nil
        open()
    }

    func disconnected() {
        if state != .refused { state = .disconnected }
        completenessChanged?(false)
        alarm.ended()
        for sent in ledger.reset() {
            if case .question(let id, let end) = sent.entry, end > outbound.totalSent { table.neverLeft(id) }
        }
        outbound = OutboundBuffer()
        content = ContentAssembler(limits)
        table.disconnected()
        silenceCheck = .none
        probes = ServerProbes()
        callbacks?.disconnected()
        events?.disconnected()
        publisher?.disconnected()
        fail(parked.takeAll(), .brokerUnavailable)
    }

    func handle(_ frame: InboundFrame, on channel: UInt16, now: MonotonicTime) {
        // What else had come on the connection that is given up says nothing any more.
        guard failure == nil else { return }
        turn = now
        if let message = content.take(frame, on: channel) { receive(message, now: now) }
        guard !content.isOutOfOrder else {
            failure = .framesOutOfOrder
            return
        }
        if case .channelClosed(let close) = frame { channelClosed?(close) }
        switch frame {
        case .delivered, .returned, .header, .content: break
        case _ where channel == CallbackQueue.channel: callbacks?.handle(frame, into: &outbound.bytes)
        case _ where channel == EventPublisher.channel:
            publisher?.handle(frame, now: now, into: &outbound.bytes)
        case .consuming(let tag):
            openConsumers.insert(tag)
            if tag == ServerEvents.tag {
                events?.isOpen()
                if state == .ready { events?.begin(servers, at: time(now)) }
            } else if openConsumers.isSuperset(of: [Tag.replies, Tag.presence]) {
                discover(now: now)
            }
        case .consumerCancelled: failure = BrokerError("the broker has deleted a queue of the cluster client")
        case .channelClosed(let close): beginAnew(after: close)
        case .acknowledged(let tag, let multiple) where channel == Channel.questions:
            settle(ledger.tags(of: tag, multiple: multiple), isTaken: true, now: now)
        case .refused(let tag, let multiple) where channel == Channel.questions:
            settle(ledger.tags(of: tag, multiple: multiple), isTaken: false, now: now)
        case .blocked(let reason):
            alarm.raised(reason)
            // What has not been asked will not be soon: better to say so than to wait.
            fail(parked.takeAll(), .brokerBlocked(reason: reason))
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
        table.expire(now: now)
        callbacks?.expire(now: now, into: &outbound.bytes)
        if let discoveryEnd, discoveryEnd <= now { becomeReady(now: now) }
        // While the broker takes nothing, it says nothing either.
        for (uid, since) in table.overdue(now: now) where isOpen && blockedReason == nil {
            probe(uid, since: since, now: now)
        }
        events?.view.expire(now: now)
        serveEvents(now: now)
        guard nextCheck <= now else { return }
        nextCheck = now + Self.checkInterval
        // While nothing can be heard, silence says nothing.
        if state == .ready, blockedReason == nil { forgetSilent(now: now) }
        fail(parked.expired(now: now), parkedError)
    }

    /// The reason why questions wait longer than they can.
    private var parkedError: ClusterError {
        if state == .refused { return .brokerRefused(exchange: exchange) }
        return isOpen ? .brokerSilent : .brokerUnavailable
    }

    /// The broker has taken these messages, or a queue has not (`basic.nack`): either way it has said something.
    private func settle(_ tags: Range<UInt64>, isTaken: Bool, now: MonotonicTime) {
        for tag in tags {
            switch ledger.settle(tag)?.entry {
            case .question(let id, _): table.confirm(id, isTaken: isTaken)
            case .discovery(let number): discoveryTaken(number, now: now)
            case .probe, .word, nil: break
            }
        }
    }

    func probe() {
        if isOpen { alarm.probe(into: &outbound.bytes) }
    }

    // MARK: Opening

    /// Asks for everything in one go. Channels are served independently, so both declare the exchange.
    private func open() {
        state = .opening
        openConsumers = []
        for channel in [Channel.questions, Channel.presence] {
            FrameWriter.channelOpen(channel, into: &outbound.bytes)
            FrameWriter.exchangeDeclare(exchange, type: "direct", channel: channel, into: &outbound.bytes)
        }
        FrameWriter.confirmSelect(Channel.questions, into: &outbound.bytes)
        FrameWriter.consume(
            "amq.rabbitmq.reply-to", consumerTag: Tag.replies, channel: Channel.questions, into: &outbound.bytes)
        FrameWriter.queueDeclare(maximumBytes: 16 << 20, channel: Channel.presence, into: &outbound.bytes)
        FrameWriter.queueBind(
            exchange: exchange, routingKey: "#presence", channel: Channel.presence, into: &outbound.bytes)
        FrameWriter.consume("", consumerTag: Tag.presence, channel: Channel.presence, into: &outbound.bytes)
        hasEventChannel = false
        openEvents()
        publisher?.open(into: &outbound.bytes)
    }

    /// Whichever it is, everything begins anew, on a new connection.
    private func beginAnew(after close: ChannelClose) {
        failure = BrokerError("the broker closed a channel of the cluster client: \(close)")
        alarm.probeRefused(by: close)
        if close.isOverDefaultExchange { return }
        if let limit = close.oversize?.limit {
            knowledge.learn(longestBody: limit)
            table.fail(longerThan: limit, .tooLarge)
            return
        }
        // Anything else, such as an exchange that was deleted, is mended by beginning anew.
        guard close.isAccessRefused || close.isPreconditionFailed else { return }
        state = .refused
        fail(parked.takeAll(), .brokerRefused(exchange: exchange))
    }

    /// Lets questions wait until the servers have announced themselves.
    private func discover(now: MonotonicTime) {
        state = .discovering(until: nil)
        silenceCheck = .none
        askWhoIsThere(now: now)
    }

    /// Asks the servers to announce themselves. `mandatory`: if there is none, the broker says so.
    private func askWhoIsThere(now: MonotonicTime) {
        discoveries += 1
        let body = ClusterMessage.write(.initialHeartbeat, namespace: nil)
        guard
            write(
                Publication(exchange: exchange, routingKey: "#discover", expiration: 5_000, body: body),
                messageID: discovery)
        else { return }
        ledger.append(.discovery(number: discoveries), deadline: now)
    }

    /// The message id of the last such message: what becomes of an earlier one says too little.
    private var discovery: String { "discover-\(discoveries)" }

    /// The broker has taken the message with which servers were asked to announce themselves.
    private func discoveryTaken(_ number: Int, now: MonotonicTime) {
        guard number == discoveries else { return }
        let until = now + Self.discoveryTime
        if case .discovering = state { state = .discovering(until: until) }
        if case .asked = silenceCheck { silenceCheck = .confirmed(until: until) }
    }

    private func becomeReady(now: MonotonicTime) {
        guard case .discovering = state else { return }
        state = .ready
        // While the connection was away no server could be heard: their time begins anew.
        presence.forgive(now: now)
        completenessChanged?(true)
        heard?(servers)
        events?.begin(servers, at: time(now))
        for each in parked.takeAll() { each.proceed(now) }
    }

    private func fail(_ failed: [Parked], _ error: ClusterError) {
        for parked in failed { parked.fail(error) }
    }

    // MARK: Receiving

    private func receive(_ message: ContentAssembler.Message, now: MonotonicTime) {
        switch message.source {
        case .returned where message.messageID == discovery: becomeReady(now: now)
        case .returned where ServerProbes.isProbe(message.messageID): probeReturned(message.messageID, now: now)
        case .returned: questionReturned(message.messageID, now: now)
        case .delivery where message.isTooLong: warnOfLength(message, now: now)
        case .delivery(Tag.replies): receiveAnswer(message, now: now)
        case .delivery(Tag.presence): receivePresence(message, now: now)
        case .delivery(EventPublisher.tag): if publisher?.takeLock() == true { becomeSender(now: now) }
        case .delivery(ServerEvents.tag): receiveEvents(message, now: now)
        case .delivery: warn(callbacks?.receive(message.body, into: &outbound.bytes), now: now)
        }
    }

    private func receiveAnswer(_ message: ContentAssembler.Message, now: MonotonicTime) {
        // Late ones are dropped unread.
        guard table.isUnderWay(message.correlationID), let answer = read(message.body, now: now) else { return }
        table.receive(answer, for: message.correlationID, size: message.body.count)
    }

    private func receiveEvents(_ message: ContentAssembler.Message, now: MonotonicTime) {
        guard events != nil, let message = read(message.body, now: now) else { return }
        events?.receive(message, at: time(now))
    }

    private func receivePresence(_ content: ContentAssembler.Message, now: MonotonicTime) {
        guard let message = read(content.body, now: now) else { return }
        probes.heard(of: message.uid)
        let isKnown = presence.isThere(message.uid)
        if let gone = presence.hear(message, now: now) {
            table.left(gone)
            events?.view.lost(gone, at: time(now))
            serverChanged?(gone, nil)
            return
        }
        guard let server = presence.server(message.uid) else {
            guard message.kind == .heartbeat else { return }
            let reason = "too many servers, or they say too much of themselves"
            return warn(
                ClusterWarning(.ignored, server: message.uid, namespace: nil, reason: reason, bytes: message.size),
                now: now)
        }
        serverChanged?(message.uid, server)
        if presence.isThere(message.uid), events != nil {
            events?.heard(server, isNew: !isKnown, at: time(now))
            warnOfSilence([server], now: now)
        }
        if state == .ready { heard?([server]) }
    }

    private func read(_ body: [UInt8], now: MonotonicTime) -> ServerMessage? {
        let (message, warning) = ServerMessage.read(body)
        warn(warning, now: now)
        return message
    }

    private func warn(_ warning: ClusterWarning?, now: MonotonicTime) {
        guard let warning, warnings.allows(warning.server, now: now) else { return }
        warned?(warning)
    }

    private func warnOfLength(_ message: ContentAssembler.Message, now: MonotonicTime) {
        // What servers say to each other may be long, and is not for us.
        if case .delivery(CallbackQueue.tag) = message.source { return }
        let size = Int(clamping: message.size)
        warn(ClusterWarning(.ignored, server: nil, namespace: nil, reason: "too long", bytes: size), now: now)
    }

    // MARK: Events

    /// - Parameter wants: `nil`: events are not wanted any more. What was known of rooms is forgotten.
    func want(_ wants: EventWants?, now: MonotonicTime) {
        guard let wants else {
            events = nil
            return
        }
        if events == nil {
            eventRuns += 1
            var events = ServerEvents(wants, eventLimits)
            if openConsumers.contains(ServerEvents.tag) { events.isOpen() }
            self.events = events
            if isOpen || state == .opening { openEvents() }
            if state == .ready { self.events?.begin(servers, at: time(now)) }
            warnOfSilence(servers, now: now)
        } else {
            events?.want(wants, now: now)
        }
        serveEvents(now: now)
    }

    private func openEvents() {
        guard let events, !hasEventChannel else { return }
        hasEventChannel = true
        events.open(exchange: exchange, into: &outbound.bytes)
    }

    /// Once a minute: with nothing else to be seen, one looks for the fault in filters and keys.
    private func warnOfSilence(_ servers: [Presence.Server], now: MonotonicTime) {
        guard let silent = servers.first(where: { !$0.reportsEvents }), silenceWarnings.allows(nil, now: now) else {
            return
        }
        silentServer?(silent.uid)
    }

    /// Somebody begins to receive events, and asks for the state.
    func receiverCame(now: MonotonicTime) { events?.view.receiverCame(now: now) }

    private func time(_ now: MonotonicTime) -> NewsTime { NewsTime(monotonic: now, unix: clock()) }

    private var maySendForEvents: Bool {
        state == .ready && blockedReason == nil && outbound.pending < limits.pendingBytes
    }

    /// Says that events are wanted, reads the servers' lists, and tells what has happened.
    private func serveEvents(now: MonotonicTime) {
        guard events != nil else { return }
        if maySendForEvents {
            if let body = events?.word(now: now) {
                let word = Publication(exchange: exchange, routingKey: "#events-wanted", expiration: 5_000, body: body)
                if write(word, messageID: ServerEvents.messageID) { ledger.append(.word, deadline: now) }
            }
            // The rest in the next turn.
            for _ in 0..<Self.listsInTurn {
                guard let listing = events?.view.nextListing(now: now) else { break }
                list(listing, now: now)
            }
        }
        if let news = events?.view.takeEvents(), !news.isEmpty {
            eventsCame?(news)
            publish(news)
        }
        writeEvents(now: now)
    }

    private func becomeSender(now: MonotonicTime) {
        guard let view = events?.view else { return }
        // What is away for a moment is not in it.
        events?.view.receiverCame(now: now)
        publisher?.tell(state: view.occupied, at: clock())
    }

    private func publish(_ news: [ClusterEvent]) {
        guard publisher?.isSender == true else { return }
        publisher?.take(news)
        // Nobody else tells which rooms there were at the start.
        for event in news where event.kind == .sync && event.reason == SyncReason.start.rawValue {
            guard let namespace = event.namespace, let rooms = events?.view.occupied(in: namespace) else { continue }
            publisher?.take(
                rooms.map { ClusterEvent(.roomOccupied, time: event.time, namespace: namespace, room: $0) })
        }
    }

    private func writeEvents(now: MonotonicTime) {
        guard publisher != nil, isOpen, blockedReason == nil else { return }
        if publisher?.takeMissed() == true { becomeSender(now: now) }
        let count =
            publisher?.write(
                pending: outbound.pending, frameMax: frameMax, now: now, into: &outbound.bytes) ?? 0
        eventsPublished?(count, publisher?.isSender ?? false)
    }

    private var publisherDeadline: MonotonicTime? {
        isOpen && blockedReason == nil ? publisher?.deadline(pending: outbound.pending) : nil
    }

    private func list(_ listing: Listing, now: MonotonicTime) {
        // One that is not on the broker would be asked for ever, and never be gone.
        guard let server = presence.server(listing.server), server.traits.probe != nil, server.awayUntil == nil else {
            events?.view.listed(listing, nil, at: time(now))
            return
        }
        listings += 1
        let question = ListServerRooms(listing: listing, number: listings).question(timeout: Self.listTime)
        let run = eventRuns
        askNow(
            question, id: RequestID.next(), waiter: -listings, deadline: now + question.timeout, now: now
        ) { [unowned self] result in
            // Events may have been unwanted, and wanted again.
            guard run == eventRuns else { return }
            let page = (try? result.get())?.answer ?? nil
            events?.view.listed(listing, page, at: time(turn))
        }
    }

    // MARK: Servers that are not there

    /// Forgets the servers that have fallen silent, once that is certain.
    private func forgetSilent(now: MonotonicTime) {
        for uid in presence.expire(now: now, sparesSilent: !isSilenceCertain(now: now)) {
            table.left(uid, mayReturn: true)
            events?.view.lost(uid, at: time(now))
            serverChanged?(uid, nil)
        }
        probes.keep { presence.server($0) != nil }
    }

    /// Whether servers of which nothing was heard in their time are silent, and not the broker.
    private func isSilenceCertain(now: MonotonicTime) -> Bool {
        guard presence.hasSilent(now: now) else {
            silenceCheck = .none
            return true
        }
        switch silenceCheck {
        case .none:
            askWhoIsThere(now: now)
            silenceCheck = .asked
            return false
        case .asked: return false
        case .confirmed(let until):
            guard until <= now else { return false }
            silenceCheck = .none
            return true
        }
    }

    /// Asks the broker whether the server is there, if there is a way to, and it was not asked since then.
    private func probe(_ uid: String, since: MonotonicTime, now: MonotonicTime) {
        guard let key = presence.server(uid)?.traits.probe, outbound.pending < limits.pendingBytes,
            let id = probes.begin(uid, since: since, now: now)
        else { return }
        let body = ClusterMessage.write(.heartbeat, namespace: nil)
        let publication = Publication(exchange: exchange, routingKey: key, expiration: 5_000, body: body)
        if write(publication, messageID: id) { ledger.append(.probe, deadline: now) }
    }

    /// Takes the return of a question as the return of a probe of each server that was to answer.
    private func questionReturned(_ id: String, now: MonotonicTime) {
        for uid in table.returned(id) where presence.server(uid)?.traits.probe != nil {
            presence.returned(uid, now: now)
        }
    }

    private func probeReturned(_ id: String, now: MonotonicTime) {
        switch probes.returned(id) {
        case .gone(let uid):
            presence.returned(uid, now: now)
            table.away(uid)
        case .outdated(let uid) where table.isAwaited(uid): probe(uid, since: now, now: now)
        case .outdated, nil: break
        }
    }
}

extension ContentAssembler {
    fileprivate init(_ limits: ClusterSession.Limits) {
        self.init(
            maximumBytes: limits.answerBytes,
            on: [
                FrameWriter.controlChannel: limits.heartbeatBytes, ServerEvents.channel: ServerEvents.longestMessage,
            ])
    }
}
