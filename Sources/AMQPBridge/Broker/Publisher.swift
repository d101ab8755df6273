/// The publishing side of one connection as a state machine without I/O: publications and the broker's frames go in,
/// frames and settled tickets come out. ``BrokerLink`` moves the bytes.
///
/// Lives on one event loop.
final class Publisher: BrokerSession {
    struct Limits: Sendable, Equatable {
        /// How long a publication may wait for its confirm.
        var confirmTimeout: Duration = .seconds(5)
        /// How many bytes may wait to be sent or confirmed.
        var pendingBytes = 32 << 20
        /// The most that one emit may take of it.
        var largestEmit: Int { pendingBytes / 2 }
    }

    private enum Channel {
        case closed, opening, open
    }

    private struct Entry {
        let publication: Publication
        let ticket: PublishTicket?
        let isProbe: Bool
        /// Where the publication ends in the outbound stream.
        let streamEnd: UInt64
    }

    private struct Parked {
        let publications: [Publication]
        let ticket: PublishTicket?
        let deadline: MonotonicTime
    }

    private(set) var blockedReason: String?
    var outbound = OutboundBuffer()
    /// Called when the broker refuses an exchange, with its reason, which names our user: for the log, not for callers.
    var refused: ((_ exchange: String, _ reason: String) -> Void)?

    private let limits: Limits
    private let confirmTimeout: Int64
    private let counters: PublisherCounters
    private var frameMax = 4_096
    private var channel = Channel.closed
    private var controlChannel = Channel.closed
    private var ledger = ConfirmLedger<Entry>()
    private var returns = ReturnAssembler()
    private var directory = ExchangeDirectory()
    private var parked: [Parked] = []
    private var lookUps: [String] = []
    private var lookingUp: String?
    private var unsettledBytes = 0
    private var mayProbe = true

    init(limits: Limits, counters: PublisherCounters) {
        self.limits = limits
        confirmTimeout = limits.confirmTimeout.nanoseconds
        self.counters = counters
    }

    /// Whether the broker has opened our channels.
    var isOpen: Bool { channel == .open && controlChannel == .open }

    /// When ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? {
        guard let first = parked.first?.deadline else { return ledger.earliestDeadline }
        return min(first, ledger.earliestDeadline ?? first)
    }

    // MARK: Requests

    /// Publishes all of `publications` (to one exchange) or none, and settles the ticket for each.
    func publish(_ publications: [Publication], ticket: PublishTicket?, now: MonotonicTime) {
        if let refusal = refusal(of: publications) {
            for _ in publications { ticket?.settle(.failed(refusal)) }
            return
        }
        let parked = Parked(
            publications: publications, ticket: ticket, deadline: now.advanced(byNanoseconds: confirmTimeout))
        unsettledBytes += publications.encodedSize
        counters.unsettled.add(publications.count)
        if channel == .open, admit(parked, now: now) { return }
        self.parked.append(parked)
    }

    /// Why nothing can be taken now; `nil` if it can.
    func refusal(of publications: [Publication]) -> PublishError? {
        if channel == .closed { return .brokerUnavailable }
        if let blockedReason { return .brokerBlocked(reason: blockedReason) }
        let size = publications.encodedSize
        if size > limits.largestEmit { return .tooLarge(bytes: size, limit: limits.largestEmit) }
        if max(unsettledBytes, outbound.pending) + size > limits.pendingBytes { return .overloaded }
        return nil
    }

    /// Whether these would take more than half of the room that all share. Who can wait leaves the rest to others.
    func isCrowded(with publications: [Publication]) -> Bool {
        max(unsettledBytes, outbound.pending) + publications.encodedSize > limits.pendingBytes / 2
    }

    /// Sends or settles a request as the directory says. Returns `false` if it has to wait.
    private func admit(_ parked: Parked, now: MonotonicTime) -> Bool {
        let exchange = parked.publications[0].exchange
        switch directory.admit(exchange, now: now) {
        case .publish: send(parked, isProbe: false)
        case .publishAsProbe: send(parked, isProbe: true)
        case .absent: settle(parked, .confirmed(routed: false))
        case .refused(let reason): settle(parked, .failed(.brokerRefused(exchange: exchange, reason: reason)))
        case .wait: return false
        case .lookUp:
            lookUps.append(exchange)
            lookUpNext()
            return false
        }
        return true
    }

    private func admitParked(now: MonotonicTime) {
        guard channel == .open, !parked.isEmpty else { return }
        let waiting = parked
        parked = []
        for (index, request) in waiting.enumerated() where !admit(request, now: now) {
            parked.append(waiting[index])
        }
    }

    private func send(_ request: Parked, isProbe: Bool) {
        for publication in request.publications {
            let messageID = String(ledger.nextTag)
            guard
                FrameWriter.publish(publication, messageID: messageID, frameMax: frameMax, into: &outbound.bytes)
            else {
                if isProbe { directory.probeFailed(publication.exchange) }
                release(
                    publication, request.ticket, .failed(.tooLarge(bytes: publication.encodedSize, limit: frameMax)))
                continue
            }
            let entry = Entry(
                publication: publication, ticket: request.ticket, isProbe: isProbe, streamEnd: outbound.streamEnd)
            ledger.append(entry, exchange: publication.exchange, deadline: request.deadline)
        }
    }

    // MARK: The broker's side

    /// A new connection: asks for both channels, all in one go.
    ///
    /// The probe goes before the publishing channel: under an alarm the broker stops reading at it, so that the channel
    /// does not open, and nothing is published only to be stuck.
    func connected(frameMax: Int) {
        self.frameMax = frameMax
        outbound = OutboundBuffer()
        directory = ExchangeDirectory()
        mayProbe = true
        openControlChannel()
        probe()
        openPublishChannel()
    }

    /// Asks the broker to say whether it is blocked, which it does not say by itself to a connection that is idle.
    func probe() {
        guard mayProbe, controlChannel != .closed, blockedReason == nil else { return }
        FrameWriter.probe(into: &outbound.bytes)
    }

    /// The connection is gone. What never left is a certain failure, what did is unknown.
    func disconnected() {
        channel = .closed
        controlChannel = .closed
        blockedReason = nil
        lookUps = []
        lookingUp = nil
        for published in ledger.reset() {
            let neverLeft = published.entry.streamEnd > outbound.totalSent
            settle(published, .failed(neverLeft ? .brokerUnavailable : .unknown(.connectionLost)))
        }
        failParked(.brokerUnavailable) { _ in true }
        outbound = OutboundBuffer()
    }

    /// Nothing here can fail for good without the connection.
    var failure: BrokerError? { nil }

    func handle(_ frame: InboundFrame, on channel: UInt16, now: MonotonicTime) { handle(frame, now: now) }

    func handle(_ frame: InboundFrame, now: MonotonicTime) {
        switch frame {
        case .acknowledged(let tag, let multiple):
            settle(tag: tag, multiple: multiple, now: now) { .confirmed(routed: !$0.isReturned) }
        case .refused(let tag, let multiple):
            settle(tag: tag, multiple: multiple, now: now) { _ in .failed(.brokerNack) }
        case .returned: returns.receivedReturn()
        case .header(let messageID, _, let bodySize):
            markReturned(returns.receivedHeader(messageID: messageID, bodySize: bodySize))
        case .body(let count): markReturned(returns.receivedBody(count: count))
        case .channelOpened(FrameWriter.controlChannel):
            controlChannel = .open
            lookUpNext()
        case .confirmSelected:
            channel = .open
            admitParked(now: now)
        case .exchangeFound: lookedUp(now: now) { directory.found($0) }
        case .channelClosed(FrameWriter.controlChannel, let code, let text):
            controlChannelClosed(code: code, text: text, now: now)
        case .channelClosed(_, let code, let text): publishChannelClosed(code: code, text: text, now: now)
        case .blocked(let reason):
            blockedReason = reason
            // What has not been published will not be soon: better to say so than to wait.
            failParked(.brokerBlocked(reason: reason)) { _ in true }
        case .unblocked: blockedReason = nil
        case .connectionClosed, .connectionCloseConfirmed, .channelOpened, .channelCloseConfirmed, .content, .delivered,
            .queueDeclared, .queueBound,
            .consuming, .consumerCancelled, .other:
            break
        }
    }

    /// Gives up on what has waited too long.
    func expire(now: MonotonicTime) {
        var lostProbe = false
        ledger.expire(now: now) { published in
            counters.timedOut.add(1)
            if published.entry.isProbe {
                directory.probeFailed(published.exchange)
                lostProbe = true
            }
            settle(published, .failed(.unknown(.confirmTimedOut)))
        }
        // Parked requests have not been published (any more): that is certain.
        if let first = parked.first, first.deadline <= now { failParked(.brokerSilent) { $0.deadline <= now } }
        if lostProbe { admitParked(now: now) }
    }

    private func settle(
        tag: UInt64, multiple: Bool, now: MonotonicTime,
        _ outcome: (ConfirmLedger<Entry>.Published) -> PublishTicket.Outcome
    ) {
        var proved = false
        ledger.settle(tag: tag, multiple: multiple) { published in
            if published.entry.isProbe {
                directory.proved(published.exchange)
                proved = true
            }
            settle(published, outcome(published))
        }
        if proved { admitParked(now: now) }
    }

    private func markReturned(_ messageID: String?) {
        // Ours are the delivery tags of this channel.
        guard let messageID, let tag = UInt64(messageID) else { return }
        ledger.markReturned(tag: tag)
    }

    private func publishChannelClosed(code: Int, text: String, now: MonotonicTime) {
        FrameWriter.channelCloseOK(FrameWriter.publishChannel, into: &outbound.bytes)
        openPublishChannel()
        returns = ReturnAssembler()
        // "NOT_FOUND - no exchange 'socket.io' in vhost '/'": the name is all that says what the close is about.
        let named = ledger.exchanges.first { text.contains("exchange '\($0)'") }
        guard let exchange = named, code == 404 || code == 403 else {
            // The ledger starts anew, and with it every probe that was under way.
            directory = ExchangeDirectory()
            for published in ledger.reset() { settle(published, .failed(.unknown(.channelClosed))) }
            return
        }
        // Before an exchange is proven only one request is under way on it, and its first message met the refusal.
        let isFirstRefusal = code == 403 && !directory.isProven(exchange)
        if code == 404 {
            directory.isMissing(exchange, now: now)
        } else {
            refuse(exchange, reason: text, now: now)
        }
        let rejection: PublishTicket.Outcome =
            code == 404
            ? .confirmed(routed: false) : .failed(.brokerRefused(exchange: exchange, reason: text))
        let closed = ledger.reset(closedOver: exchange)
        for published in closed.unknown {
            let isRejected = published.exchange == exchange && isFirstRefusal
            if published.entry.isProbe, published.exchange != exchange { directory.probeFailed(published.exchange) }
            settle(published, isRejected ? rejection : .failed(.unknown(.channelClosed)))
        }
        if let rejected = closed.rejected { settle(rejected, rejection) }
        sendAgain(closed.discarded)
    }

    /// What the broker discarded goes to the head of the queue, with the time that it has left.
    private func sendAgain(_ discarded: [ConfirmLedger<Entry>.Published]) {
        for published in discarded where published.entry.isProbe { directory.probeFailed(published.exchange) }
        let again = discarded.map {
            Parked(publications: [$0.entry.publication], ticket: $0.entry.ticket, deadline: $0.deadline)
        }
        // Deadlines are in the order of arrival: the oldest stays first, which is what ``expire(now:)`` looks at.
        let newer = parked.firstIndex { $0.deadline >= again.first?.deadline ?? $0.deadline } ?? parked.endIndex
        parked.insert(contentsOf: again, at: newer)
    }

    private func controlChannelClosed(code: Int, text: String, now: MonotonicTime) {
        FrameWriter.channelCloseOK(FrameWriter.controlChannel, into: &outbound.bytes)
        openControlChannel()
        if text.contains("'amq.default'") {
            // This user may not publish to the default exchange: no probes, then; the look-up has to be repeated.
            mayProbe = false
            if let exchange = lookingUp { lookUps.insert(exchange, at: 0) }
            lookingUp = nil
            return
        }
        lookedUp(now: now) { exchange in
            if code == 404 {
                directory.isMissing(exchange, now: now)
            } else {
                refuse(exchange, reason: text, now: now)
            }
        }
    }

    private func refuse(_ exchange: String, reason: String, now: MonotonicTime) {
        directory.refuses(exchange, reason: reason, now: now)
        refused?(exchange, reason)
    }

    private func lookedUp(now: MonotonicTime, _ learn: (String) -> Void) {
        guard let exchange = lookingUp else { return }
        lookingUp = nil
        learn(exchange)
        admitParked(now: now)
        lookUpNext()
    }

    private func lookUpNext() {
        guard controlChannel == .open, lookingUp == nil, !lookUps.isEmpty else { return }
        let exchange = lookUps.removeFirst()
        lookingUp = exchange
        FrameWriter.passiveExchangeDeclare(exchange, channel: FrameWriter.controlChannel, into: &outbound.bytes)
    }

    private func openPublishChannel() {
        channel = .opening
        FrameWriter.channelOpen(FrameWriter.publishChannel, into: &outbound.bytes)
        FrameWriter.confirmSelect(FrameWriter.publishChannel, into: &outbound.bytes)
    }

    private func openControlChannel() {
        controlChannel = .opening
        FrameWriter.channelOpen(FrameWriter.controlChannel, into: &outbound.bytes)
    }

    // MARK: Settling

    private func settle(_ published: ConfirmLedger<Entry>.Published, _ outcome: PublishTicket.Outcome) {
        release(published.entry.publication, published.entry.ticket, outcome)
    }

    private func settle(_ request: Parked, _ outcome: PublishTicket.Outcome) {
        for publication in request.publications { release(publication, request.ticket, outcome) }
    }

    private func failParked(_ error: PublishError, where isFailed: (Parked) -> Bool) {
        let requests = parked
        parked = requests.filter { !isFailed($0) }
        for request in requests where isFailed(request) { settle(request, .failed(error)) }
    }

    /// The one place where a publication ends.
    private func release(_ publication: Publication, _ ticket: PublishTicket?, _ outcome: PublishTicket.Outcome) {
        unsettledBytes -= publication.encodedSize
        counters.unsettled.add(-1)
        counters.count(outcome)
        ticket?.settle(outcome)
    }
}

extension [Publication] {
    fileprivate var encodedSize: Int { reduce(0) { $0 + $1.encodedSize } }
}
