internal import EventLoop

/// The publishing side of one connection as a state machine without I/O: publications and the broker's frames go in,
/// frames and settled requests come out. ``BrokerLink`` moves the bytes.
///
/// Lives on one event loop.
final class Publisher: BrokerSession {
    struct Limits: Sendable, Equatable {
        /// The time that a publication may wait for its confirm.
        var confirmTimeout: Duration = .seconds(5)
        /// The most bytes that may wait to be sent or confirmed.
        var pendingBytes = 32 << 20
        /// The most that one emit may take of it.
        var largestEmit: Int { pendingBytes / 2 }
    }

    private enum Channel {
        case closed, opening, open
    }

    /// A message of a request, under way.
    private struct Entry {
        let request: PublishRequest
        let index: Int
        let isProbe: Bool
        let sent: MonotonicTime
        /// The position in the outbound stream where the publication ends.
        let streamEnd: UInt64

        var publication: Publication { request.publications[index] }
    }

    /// The messages of a request that wait to be published.
    private struct Parked: Waiting {
        let request: PublishRequest
        let indices: Range<Int>

        var deadline: MonotonicTime { request.deadline }
        var exchange: String { request.exchange }
        var publications: ArraySlice<Publication> { request.publications[indices] }
    }

    private typealias Published = ConfirmLedger<Entry>.Published

    // What each emit uses is not watched for overlapping accesses, which would cost more than what is done: whatever
    // changes one of these returns before anything else is called, and no completion runs meanwhile.
    @exclusivity(unchecked) private var alarm = BrokerAlarm()
    @exclusivity(unchecked) var outbound = OutboundBuffer()
    /// Called when the broker closes a channel. The text may name our user: it is for the log, not for callers.
    var channelClosed: ((ChannelClose) -> Void)?

    private let limits: Limits
    private let confirmTimeout: Int64
    private let counters: PublisherCounters
    private let knowledge: BrokerKnowledge
    private let lookUps: LookUpChannel
    @exclusivity(unchecked) private var frameMax = 4_096
    @exclusivity(unchecked) private var channel = Channel.closed
    @exclusivity(unchecked) private var controlChannel = Channel.closed
    @exclusivity(unchecked) private var ledger = ConfirmLedger<Entry>()
    /// The assembler of returned messages, of which nothing is kept but the message id.
    @exclusivity(unchecked) private var content = ContentAssembler(maximumBytes: 0)
    @exclusivity(unchecked) private var directory = ExchangeDirectory()
    @exclusivity(unchecked) private var parked = Waitlist<Parked>()
    private let inquiries = ExchangeInquiries()
    @exclusivity(unchecked) private var unsettledBytes = 0

    /// - Parameter knowledge: brings what other event loops have learnt of an exchange; it belongs into
    ///   ``learn(_:now:)``.
    init(limits: Limits, counters: PublisherCounters, knowledge: BrokerKnowledge) {
        self.limits = limits
        confirmTimeout = limits.confirmTimeout.nanoseconds
        self.counters = counters
        self.knowledge = knowledge
        lookUps = LookUpChannel(knowledge)
    }

    /// The asker that this publisher is for ``BrokerKnowledge/listen(_:_:)``.
    var asker: BrokerKnowledge.Asker { lookUps.asker }

    /// Whether the broker has opened our channels.
    var isOpen: Bool { channel == .open && controlChannel == .open }
    var blockedReason: String? { alarm.reason }

    /// The time at which ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? {
        var earliest = ledger.earliestDeadline
        // Look-ups are under way only while a publication or a caller waits for one.
        guard !parked.isEmpty || inquiries.deadline != nil else { return earliest }
        for other in [parked.deadline, inquiries.deadline, lookUps.deadline] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        return earliest
    }

    // MARK: Requests

    /// Publishes all of a request (to one exchange) or nothing of it, and tells it once what became of it, perhaps
    /// before this returns.
    func publish(_ request: PublishRequest, now: MonotonicTime) {
        if let refusal = refusal(of: request) { return request.ended(.failure(refusal)) }
        request.begin(now: now, deadline: now.advanced(byNanoseconds: confirmTimeout))
        unsettledBytes += request.encodedSize
        counters.unsettled.add(request.publications.count)
        let waiting = Parked(request: request, indices: request.publications.indices)
        if channel == .open, admit(waiting, now: now) { return }
        parked.append(waiting)
    }

    /// Asks the broker whether the exchange takes messages, and says so once, perhaps before this returns.
    func lookUp(_ exchange: String, now: MonotonicTime, completion: @escaping ExchangeInquiries.Completion) {
        if channel == .closed { return completion(.failure(.brokerUnavailable)) }
        if let reason = alarm.reason { return completion(.failure(.brokerBlocked(reason: reason))) }
        inquiries.add(exchange, came: now, deadline: now.advanced(byNanoseconds: confirmTimeout), completion)
        lookUps.ask(exchange, now: now, into: &outbound.bytes)
    }

    /// The reason why these could not be published, as far as that can be told without trying; `nil`: there is none.
    func fault(of publications: [Publication]) -> PublishError? {
        if let refusal = refusal(of: publications, encodedSize: publications.encodedSize) { return refusal }
        var frames: [UInt8] = []
        for publication in publications {
            frames.removeAll(keepingCapacity: true)
            guard FrameWriter.publish(publication, messageID: .number(0), frameMax: frameMax, into: &frames) else {
                return .tooLarge(bytes: publication.encodedSize, limit: frameMax)
            }
        }
        return nil
    }

    /// The reason why the request cannot be taken now; `nil` if it can.
    func refusal(of request: PublishRequest) -> PublishError? {
        refusal(of: request.publications, encodedSize: request.encodedSize)
    }

    private func refusal(of publications: [Publication], encodedSize size: Int) -> PublishError? {
        if channel == .closed { return .brokerUnavailable }
        if let reason = alarm.reason { return .brokerBlocked(reason: reason) }
        if size > limits.largestEmit { return .tooLarge(bytes: size, limit: limits.largestEmit) }
        if let tooLong = tooLong(publications[...]) { return tooLong }
        if max(unsettledBytes, outbound.pending) + size > limits.pendingBytes { return .overloaded }
        return nil
    }

    /// The reason why the broker would close the channel over one of these; `nil`: it would not, as far as we know.
    private func tooLong(_ publications: ArraySlice<Publication>) -> PublishError? {
        let limit = knowledge.longestBody
        // Most brokers never say one.
        guard limit != .max, let long = publications.first(where: { $0.body.count > limit }) else { return nil }
        return .messageTooLarge(bytes: long.body.count, limit: limit)
    }

    /// Whether this would take more than half of the room that all share. A request that can wait leaves the rest to
    /// others.
    func isCrowded(with request: PublishRequest) -> Bool {
        max(unsettledBytes, outbound.pending) + request.encodedSize > limits.pendingBytes / 2
    }

    /// Sends or settles a request as the directory says. Returns `false` if it has to wait.
    private func admit(_ parked: Parked, now: MonotonicTime) -> Bool {
        let exchange = parked.exchange
        switch directory.admit(exchange, came: parked.request.came) {
        case .publish: send(parked, isProbe: false, now: now)
        case .publishAsProbe: send(parked, isProbe: true, now: now)
        case .absent: settle(parked, .confirmed(.noExchange))
        case .refused(let reason): settle(parked, .failed(.brokerRefused(exchange: exchange, reason: reason)))
        case .wait: return false
        case .lookUp:
            lookUps.ask(exchange, now: now, into: &outbound.bytes)
            return false
        }
        return true
    }

    private func admitParked(now: MonotonicTime) {
        guard channel == .open, !parked.isEmpty else { return }
        for each in parked.takeAll() {
            if let tooLong = tooLong(each.publications) {
                settle(each, .failed(tooLong))
            } else if !admit(each, now: now) {
                parked.append(each)
            }
        }
    }

    private func send(_ parked: Parked, isProbe: Bool, now: MonotonicTime) {
        let request = parked.request
        let publications = request.publications
        for index in parked.indices {
            // By its place, for a publication is large to copy.
            guard
                FrameWriter.publish(
                    publications.span[index], messageID: .number(ledger.nextTag), frameMax: frameMax,
                    into: &outbound.bytes)
            else {
                if isProbe { directory.probeFailed(request.exchange) }
                release(
                    request, index, .failed(.tooLarge(bytes: request.encodedSize(of: index), limit: frameMax)))
                continue
            }
            let entry = Entry(
                request: request, index: index, isProbe: isProbe, sent: now, streamEnd: outbound.streamEnd)
            ledger.append(entry, deadline: request.deadline)
        }
    }

    // MARK: The broker's side

    /// A new connection: asks for all channels in one go.
    ///
    /// The probe goes before the publishing channel: under an alarm the broker stops reading at it, so that the channel
    /// does not open, and nothing is published only to be stuck.
    func connected(frameMax: Int) {
        self.frameMax = frameMax
        outbound = OutboundBuffer()
        content = ContentAssembler(maximumBytes: 0)
        directory = ExchangeDirectory()
        alarm = BrokerAlarm()
        knowledge.forgetLongestBody()
        openControlChannel()
        probe()
        openPublishChannel()
        lookUps.open(into: &outbound.bytes)
    }

    func probe() {
        if controlChannel != .closed { alarm.probe(into: &outbound.bytes) }
    }

    /// Settles all, for the connection is gone. Publications that never left have failed for certain; the outcome of
    /// the others is unknown.
    func disconnected() {
        channel = .closed
        controlChannel = .closed
        alarm.ended()
        lookUps.disconnected()
        for published in ledger.reset() {
            let neverLeft = published.entry.streamEnd > outbound.totalSent
            settle(published, .failed(neverLeft ? .brokerUnavailable : .unknown(.connectionLost)))
        }
        fail(parked.takeAll(), .brokerUnavailable)
        fail(inquiries.all(), .brokerUnavailable)
        outbound = OutboundBuffer()
    }

    /// The reason why the broker cannot be believed any more.
    var failure: BrokerError? {
        content.isOutOfOrder ? .framesOutOfOrder : nil
    }
    var rest: Duration? { nil }

    func handle(
        _ frame: InboundFrame, on frameChannel: UInt16 = FrameWriter.publishChannel, now: MonotonicTime
    ) {
        if let message = content.take(frame, on: frameChannel) { markReturned(message, on: frameChannel) }
        // The connection ends, and the outcome of publications under way is unknown.
        guard !content.isOutOfOrder else { return }
        switch frame {
        // What is said of tags on another channel is not said of ours.
        case .acknowledged where frameChannel != FrameWriter.publishChannel: break
        case .refused where frameChannel != FrameWriter.publishChannel: break
        case .acknowledged(let tag, let multiple):
            settle(ledger.tags(of: tag, multiple: multiple), now: now, isNack: false)
        case .refused(let tag, let multiple):
            settle(ledger.tags(of: tag, multiple: multiple), now: now, isNack: true)
        case .channelOpened(FrameWriter.controlChannel):
            controlChannel = .open
        case .confirmSelected:
            channel = .open
            admitParked(now: now)
        case .transactionRolledBack: learn(lookUps.rolledBack(), now: now)
        case .channelClosed(let close): closed(close, now: now)
        case .blocked(let reason):
            alarm.raised(reason)
            // What has not been published will not be soon: better to say so than to wait.
            fail(parked.takeAll(), .brokerBlocked(reason: reason))
            fail(inquiries.all(), .brokerBlocked(reason: reason))
        case .unblocked: alarm.ended()
        case .connectionClosed, .connectionCloseConfirmed, .channelOpened, .channelCloseConfirmed, .returned, .header,
            .body, .content, .delivered, .exchangeFound, .queueDeclared, .queueBound, .queueUnbound, .consuming,
            .consumerCancelled, .started, .tuned, .challenged, .connectionOpened, .otherVersion, .other:
            break
        }
    }

    /// Gives up on what has waited too long.
    func expire(now: MonotonicTime) {
        guard let deadline, deadline <= now else { return }
        var lostProbe = false
        while let published = ledger.expire(now: now) {
            counters.timedOut.add(1)
            if published.entry.isProbe {
                directory.probeFailed(published.entry.request.exchange)
                lostProbe = true
            }
            settle(published, .failed(.unknown(.confirmTimedOut)))
        }
        // Parked requests have not been published (any more): that is certain.
        if let first = parked.deadline, first <= now { fail(parked.expired(now: now), .brokerSilent) }
        if let first = inquiries.deadline, first <= now { fail(inquiries.expired(now: now), .brokerSilent) }
        if lostProbe { admitParked(now: now) }
        if let due = lookUps.deadline, due <= now { lookUps.takeTurn(now: now, into: &outbound.bytes) }
    }

    /// Takes the answer of a look-up, on this connection or another one. `nil`: there may be a turn for this one.
    func learn(_ answer: ExchangeAnswer?, now: MonotonicTime) {
        guard channel != .closed else { return }
        if let answer {
            directory.learn(answer)
            for tell in inquiries.told(by: answer) { tell(.success(answer.finding)) }
            if inquiries.isWaited(for: answer.exchange) {
                lookUps.ask(answer.exchange, now: now, into: &outbound.bytes)
            }
            admitParked(now: now)
        }
        lookUps.takeTurn(now: now, into: &outbound.bytes)
    }

    private func settle(_ tags: Range<UInt64>, now: MonotonicTime, isNack: Bool) {
        var proved = false
        for tag in tags {
            guard let published = ledger.settle(tag) else { continue }
            if published.entry.isProbe {
                directory.proved(published.entry.request.exchange)
                proved = true
            }
            settle(
                published,
                isNack ? .failed(.brokerNack) : .confirmed(published.isReturned ? .unroutable : .routed))
        }
        if proved { admitParked(now: now) }
    }

    private func markReturned(_ message: ContentAssembler.Message, on frameChannel: UInt16) {
        // Ours are called by the delivery tags of this channel.
        guard message.source == .returned, frameChannel == FrameWriter.publishChannel,
            let tag = UInt64(message.messageID)
        else { return }
        ledger.markReturned(tag: tag)
    }

    private func closed(_ close: ChannelClose, now: MonotonicTime) {
        channelClosed?(close)
        switch close.channel {
        case FrameWriter.controlChannel: controlChannelClosed(close)
        case FrameWriter.lookUpChannel:
            learn(lookUps.closed(close, into: &outbound.bytes), now: now)
        case FrameWriter.publishChannel: publishChannelClosed(close, now: now)
        // One that we have not opened.
        default: break
        }
    }

    private func publishChannelClosed(_ close: ChannelClose, now: MonotonicTime) {
        FrameWriter.channelCloseOK(FrameWriter.publishChannel, into: &outbound.bytes)
        openPublishChannel()
        if let oversize = close.oversize {
            closedOverSize(oversize)
        } else if let exchange = close.exchange(among: Set(ledger.unsettled.map(\.entry.request.exchange))) {
            closedOver(exchange, close, now: now)
        } else {
            // The ledger starts anew, and with it every probe that was under way.
            directory = ExchangeDirectory()
            for published in ledger.reset() { settle(published, .failed(.unknown(.channelClosed))) }
        }
    }

    private func closedOver(_ exchange: String, _ close: ChannelClose, now: MonotonicTime) {
        let rejection: PublishRequest.Outcome =
            close.isNotFound
            ? .confirmed(.noExchange) : .failed(.brokerRefused(exchange: exchange, reason: close.text))
        let closed = ledger.resetClosed(overOneOf: { $0.request.exchange == exchange })
        lookUps.publishFailed(now: now)
        if let rejected = closed.rejected {
            directory.learn(ExchangeAnswer(exchange: exchange, finding: close.finding, asOf: rejected.entry.sent))
            settle(rejected, rejection)
        }
        settle(unknown: closed.unknown)
        sendAgain(closed.discarded)
    }

    /// The broker has met a message that is longer than it takes. Messages before it may have been routed. Those behind
    /// it were discarded, and are published again, unless they are too long as well or belong to the same emit.
    private func closedOverSize(_ oversize: ChannelClose.Oversize) {
        knowledge.learn(longestBody: oversize.limit)
        let closed = ledger.reset(closedOverFirst: { $0.publication.body.count > oversize.limit })
        guard let rejected = closed.rejected, rejected.entry.publication.body.count == oversize.size else {
            // It was given up on already, so it is unknown which messages stood before it.
            settle(unknown: closed.unknown + [closed.rejected].compactMap { $0 } + closed.discarded)
            return
        }
        settle(unknown: closed.unknown)
        var again: [Published] = []
        for published in [rejected] + closed.discarded {
            let entry = published.entry
            guard entry.request === rejected.entry.request || entry.publication.body.count > oversize.limit else {
                again.append(published)
                continue
            }
            if entry.isProbe { directory.probeFailed(published.entry.request.exchange) }
            let size = max(entry.publication.body.count, oversize.size)
            settle(published, .failed(.messageTooLarge(bytes: size, limit: oversize.limit)))
        }
        sendAgain(again)
    }

    private func settle(unknown: [Published]) {
        for published in unknown {
            if published.entry.isProbe { directory.probeFailed(published.entry.request.exchange) }
            settle(published, .failed(.unknown(.channelClosed)))
        }
    }

    /// Puts the messages that the broker discarded at the head of the queue, with the time that they have left.
    private func sendAgain(_ discarded: [Published]) {
        for published in discarded where published.entry.isProbe {
            directory.probeFailed(published.entry.request.exchange)
        }
        let again = discarded.map { Parked(request: $0.entry.request, indices: $0.entry.index..<$0.entry.index + 1) }
        parked.putBack(again)
    }

    private func controlChannelClosed(_ close: ChannelClose) {
        FrameWriter.channelCloseOK(FrameWriter.controlChannel, into: &outbound.bytes)
        openControlChannel()
        alarm.probeRefused(by: close)
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

    private func settle(_ published: ConfirmLedger<Entry>.Published, _ outcome: PublishRequest.Outcome) {
        release(published.entry.request, published.entry.index, outcome)
    }

    private func settle(_ parked: Parked, _ outcome: PublishRequest.Outcome) {
        for index in parked.indices { release(parked.request, index, outcome) }
    }

    private func fail(_ failed: [Parked], _ error: PublishError) {
        for each in failed { settle(each, .failed(error)) }
        withdrawLookUps(of: directory.beingLookedUp)
    }

    private func fail(_ failed: [(exchange: String, completion: ExchangeInquiries.Completion)], _ error: PublishError) {
        for (_, tell) in failed { tell(.failure(error)) }
        withdrawLookUps(of: failed.map(\.exchange))
    }

    /// Takes back look-ups that no publication and no caller waits for any more.
    private func withdrawLookUps(of exchanges: [String]) {
        let waitedFor = Set(parked.waiters.map(\.exchange))
        for exchange in exchanges where !waitedFor.contains(exchange) {
            directory.withdraw(exchange)
            if !inquiries.isWaited(for: exchange) { lookUps.withdraw(exchange) }
        }
    }

    /// The one place where a publication ends.
    private func release(_ request: PublishRequest, _ index: Int, _ outcome: PublishRequest.Outcome) {
        counters.unsettled.add(-1)
        counters.count(outcome, knowsRecipients: request.publications[index].knowsRecipients)
        guard let result = request.settle(outcome) else { return }
        // Not message by message: the request keeps all of them until its end.
        unsettledBytes -= request.encodedSize
        request.ended(result)
    }
}
