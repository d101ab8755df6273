internal import EventLoop

/// The publishing side of one connection as a state machine without I/O: publications and the broker's frames go in,
/// frames and settled requests come out. ``BrokerLink`` moves the bytes.
///
/// Lives on one event loop.
final class Publisher: BrokerSession {
    private enum Channel {
        case closed, opening, open
    }

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
    @exclusivity(unchecked) private var frameMax = 4_096
    @exclusivity(unchecked) private var channel = Channel.closed
    @exclusivity(unchecked) private var controlChannel = Channel.closed
    @exclusivity(unchecked) private var ledger = ConfirmLedger<MessageUnderWay>()
    /// The assembler of messages: nothing is kept of those that are returned but the message id.
    @exclusivity(unchecked) private var content = Publisher.assembler
    @exclusivity(unchecked) private var exchanges: ExchangeAccess
    @exclusivity(unchecked) private var parked = Waitlist<ParkedMessages>()
    @exclusivity(unchecked) private var unsettledBytes = 0
    /// The one whose channel is no business of the publisher's.
    @exclusivity(unchecked) var guest: (any GuestChannel)?

    /// The longest message for the guest that is kept, in bytes; of longer ones it gets no byte.
    private static let longestForGuest = 16 << 10

    /// - Parameter knowledge: brings what other event loops have learnt of an exchange; it belongs into
    ///   ``learn(_:now:)``.
    init(limits: Limits, counters: PublisherCounters, knowledge: BrokerKnowledge) {
        self.limits = limits
        confirmTimeout = limits.confirmTimeout.nanoseconds
        self.counters = counters
        self.knowledge = knowledge
        exchanges = ExchangeAccess(knowledge)
    }

    /// The asker that this publisher is for ``BrokerKnowledge/listen(_:_:)``.
    var asker: BrokerKnowledge.Asker { exchanges.asker }

    var isOpen: Bool { channel == .open && controlChannel == .open }
    var blockedReason: String? { alarm.reason }

    /// The time at which ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? {
        var earliest = ledger.earliestDeadline
        // Look-ups are under way only while a publication or a caller waits for one.
        guard parked.deadline != nil || exchanges.inquiries.deadline != nil else { return earliest }
        for other in [parked.deadline, exchanges.inquiries.deadline, exchanges.turn] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        return earliest
    }

    // MARK: Requests

    /// Publishes all of a request (to one exchange) or nothing of it, and tells it once what became of it, perhaps
    /// before this returns.
    func publish(_ request: consuming PublishRequest, now: MonotonicTime) {
        if let refusal = refusal(of: request) { return request.ended(.failure(refusal)) }
        request.begin(now: now, deadline: now.advanced(byNanoseconds: confirmTimeout))
        unsettledBytes += request.encodedSize
        counters.unsettled.add(request.publications.count)
        let indices = request.publications.indices
        let messages = ParkedMessages(request: request, indices: indices)
        if channel == .open { admit(messages, now: now) } else { parked.append(messages) }
    }

    /// Asks the broker whether the exchange takes messages, and says so once, perhaps before this returns.
    func lookUp(_ exchange: String, now: MonotonicTime, completion: @escaping ExchangeInquiries.Completion) {
        if channel == .closed { return completion(.failure(.brokerUnavailable)) }
        if let reason = alarm.reason { return completion(.failure(.brokerBlocked(reason: reason))) }
        let deadline = now.advanced(byNanoseconds: confirmTimeout)
        exchanges.inquire(exchange, now: now, deadline: deadline, into: &outbound.bytes, completion)
    }

    /// The reason why these could not be published, as far as that can be told without trying; `nil`: there is none.
    func fault(of publications: [Publication]) -> PublishError? {
        if let refusal = refusal(of: publications, encodedSize: publications.encodedSize) { return refusal }
        if let misfit = FrameWriter.misfit(among: publications, frameMax: frameMax) {
            return .tooLarge(bytes: misfit.encodedSize, limit: frameMax)
        }
        return nil
    }

    /// The reason why the request cannot be taken now; `nil` if it can.
    func refusal(of request: PublishRequest) -> PublishError? {
        refusal(of: request.publications, encodedSize: request.encodedSize)
    }

    @inline(__always)
    private func refusal(of publications: some Collection<Publication>, encodedSize size: Int) -> PublishError? {
        if channel == .closed { return .brokerUnavailable }
        if let reason = alarm.reason { return .brokerBlocked(reason: reason) }
        if size > limits.largestEmit { return .tooLarge(bytes: size, limit: limits.largestEmit) }
        if let refusal = knowledge.refusal(of: publications) { return refusal }
        if max(unsettledBytes, outbound.pending) + size > limits.pendingBytes { return .overloaded }
        return nil
    }

    /// Whether something of the guest's can be sent now.
    var hasRoomForGuest: Bool { isOpen && alarm.reason == nil && outbound.pending < limits.pendingBytes / 2 }

    func write<Result>(_ write: (_ buffer: inout [UInt8], _ frameMax: Int) -> Result) -> Result {
        write(&outbound.bytes, frameMax)
    }

    private static var assembler: ContentAssembler {
        ContentAssembler(maximumBytes: 0, on: [FrameWriter.guestChannel: longestForGuest])
    }

    /// Whether this would take more than half of the room that all share. A request that can wait leaves the rest to
    /// others.
    func isCrowded(with request: PublishRequest) -> Bool {
        max(unsettledBytes, outbound.pending) + request.encodedSize > limits.pendingBytes / 2
    }

    /// Sends or settles messages as the directory says, or lets them wait.
    private func admit(_ messages: consuming ParkedMessages, now: MonotonicTime) {
        switch exchanges.admit(messages.exchange, came: messages.request.came, now: now, into: &outbound.bytes) {
        case .publish: send(messages, isProbe: false, now: now)
        case .publishAsProbe: send(messages, isProbe: true, now: now)
        case .absent: settle(messages, .confirmed(.noExchange))
        case .refused(let reason):
            settle(messages, .failed(.brokerRefused(exchange: messages.exchange, reason: reason)))
        case .wait, .lookUp: parked.append(messages)
        }
    }

    private func admitParked(now: MonotonicTime) {
        guard channel == .open, !parked.isEmpty else { return }
        for each in parked.takeAll() {
            if let refusal = knowledge.refusal(of: each.publications) {
                settle(each, .failed(refusal))
            } else {
                admit(each, now: now)
            }
        }
    }

    private func send(_ messages: ParkedMessages, isProbe: Bool, now: MonotonicTime) {
        let request = messages.request
        for index in messages.indices {
            guard write(index, of: request.publications) else {
                if isProbe { exchanges.directory.probeFailed(request.exchange) }
                release(
                    request, index, .failed(.tooLarge(bytes: request.encodedSize(of: index), limit: frameMax)))
                continue
            }
            let message = MessageUnderWay(
                request: request, index: index, isProbe: isProbe, sent: now, streamEnd: outbound.streamEnd)
            ledger.append(message, deadline: request.deadline)
        }
    }

    /// Writes one of the messages, unless its content header does not fit into a frame. The first is not copied, and
    /// nearly always there is no other.
    private func write(_ index: Int, of publications: borrowing Publications) -> Bool {
        index == 0 ? write(publications.first) : write(publications.others[index - 1])
    }

    private func write(_ publication: borrowing Publication) -> Bool {
        FrameWriter.publish(
            publication, messageID: .number(ledger.nextTag), frameMax: frameMax, into: &outbound.bytes)
    }

    // MARK: The broker's side

    /// A new connection: asks for all channels in one go.
    ///
    /// The probe goes before the publishing channel: under an alarm the broker stops reading at it, so that the channel
    /// does not open, and nothing is published only to be stuck.
    func connected(frameMax: Int) {
        self.frameMax = frameMax
        outbound = OutboundBuffer()
        content = Self.assembler
        exchanges.connected()
        alarm = BrokerAlarm()
        knowledge.forgetLongestBody()
        openControlChannel()
        probe()
        openPublishChannel()
        exchanges.open(into: &outbound.bytes)
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
        exchanges.disconnected()
        for published in ledger.reset() {
            let neverLeft = published.entry.streamEnd > outbound.totalSent
            settle(published, .failed(neverLeft ? .brokerUnavailable : .unknown(.connectionLost)))
        }
        fail(parked.takeAll(), .brokerUnavailable)
        fail(exchanges.inquiries.all(), .brokerUnavailable)
        outbound = OutboundBuffer()
        guest?.disconnected()
    }

    var failure: BrokerError? { content.isOutOfOrder ? .framesOutOfOrder : nil }
    var rest: Duration? { nil }

    func handle(
        _ frame: InboundFrame, on frameChannel: UInt16 = FrameWriter.publishChannel, now: MonotonicTime
    ) {
        let message = content.take(frame, on: frameChannel)
        // The connection ends, and the outcome of publications under way is unknown.
        guard !content.isOutOfOrder else { return }
        if let message {
            if frameChannel == FrameWriter.guestChannel { guest?.receive(message, now: now) }
            markReturned(message, on: frameChannel)
        }
        if frameChannel == FrameWriter.guestChannel { return passOn(frame, now: now) }
        switch frame {
        // What is said of tags on another channel is not said of ours.
        case .acknowledged where frameChannel != FrameWriter.publishChannel: break
        case .refused where frameChannel != FrameWriter.publishChannel: break
        case .acknowledged(let tag, let multiple):
            settle(ledger.tags(of: tag, multiple: multiple), now: now, isNack: false)
        case .refused(let tag, let multiple):
            settle(ledger.tags(of: tag, multiple: multiple), now: now, isNack: true)
        case .channelOpened(FrameWriter.controlChannel): controlChannel = .open
        case .confirmSelected:
            channel = .open
            admitParked(now: now)
        case .transactionRolledBack: learn(exchanges.rolledBack(), now: now)
        case .channelClosed(let close): closed(close, now: now)
        case .blocked(let reason):
            alarm.raised(reason)
            // What has not been published will not be soon: better to say so than to wait.
            fail(parked.takeAll(), .brokerBlocked(reason: reason))
            fail(exchanges.inquiries.all(), .brokerBlocked(reason: reason))
        case .unblocked: alarm.ended()
        case .connectionClosed, .connectionCloseConfirmed, .channelOpened, .channelCloseConfirmed, .returned, .header,
            .body, .content, .delivered, .exchangeFound, .queueDeclared, .queueBound, .queueUnbound, .consuming,
            .consumerCancelled, .started, .tuned, .challenged, .connectionOpened, .otherVersion, .other:
            break
        }
    }

    private func passOn(_ frame: InboundFrame, now: MonotonicTime) {
        if case .channelClosed(let close) = frame { channelClosed?(close) }
        guest?.handle(frame, now: now)
    }

    /// Gives up on what has waited too long.
    func expire(now: MonotonicTime) {
        guard let deadline, deadline <= now else { return }
        var lostProbe = false
        while let published = ledger.expire(now: now) {
            counters.timedOut.add(1)
            if published.entry.isProbe {
                exchanges.directory.probeFailed(published.entry.request.exchange)
                lostProbe = true
            }
            settle(published, .failed(.unknown(.confirmTimedOut)))
        }
        // Parked requests have not been published (any more): that is certain.
        if let first = parked.deadline, first <= now { fail(parked.expired(now: now), .brokerSilent) }
        if let first = exchanges.inquiries.deadline, first <= now {
            fail(exchanges.inquiries.expired(now: now), .brokerSilent)
        }
        if lostProbe { admitParked(now: now) }
        if let due = exchanges.turn, due <= now { exchanges.takeTurn(now: now, into: &outbound.bytes) }
    }

    /// Takes the answer of a look-up, on this connection or another one. `nil`: there may be a turn for this one.
    func learn(_ answer: ExchangeAnswer?, now: MonotonicTime) {
        guard channel != .closed else { return }
        if let answer {
            for tell in exchanges.learn(answer, now: now, into: &outbound.bytes) { tell(.success(answer.finding)) }
            admitParked(now: now)
        }
        exchanges.takeTurn(now: now, into: &outbound.bytes)
    }

    private func settle(_ tags: Range<UInt64>, now: MonotonicTime, isNack: Bool) {
        var proved = false
        for tag in tags {
            guard let published = ledger.settle(tag) else { continue }
            if published.entry.isProbe {
                exchanges.directory.proved(published.entry.request.exchange)
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
        if message.source == .returned, frameChannel == FrameWriter.publishChannel, let tag = UInt64(message.messageID)
        {
            ledger.markReturned(tag: tag)
        }
    }

    private func closed(_ close: ChannelClose, now: MonotonicTime) {
        channelClosed?(close)
        switch close.channel {
        case FrameWriter.controlChannel:
            FrameWriter.channelCloseOK(FrameWriter.controlChannel, into: &outbound.bytes)
            openControlChannel()
            alarm.probeRefused(by: close)
        case FrameWriter.lookUpChannel: learn(exchanges.closed(close, into: &outbound.bytes), now: now)
        case FrameWriter.publishChannel: publishChannelClosed(close, now: now)
        // One that we have not opened.
        default: break
        }
    }

    private func publishChannelClosed(_ close: ChannelClose, now: MonotonicTime) {
        FrameWriter.channelCloseOK(FrameWriter.publishChannel, into: &outbound.bytes)
        openPublishChannel()
        let verdict = ChannelVerdict(close, emptying: &ledger)
        exchanges.learn(verdict, now: now)
        for (message, outcome) in verdict.ended { release(message.request, message.index, outcome) }
        // At the head of the queue, with the time that they have left.
        parked.putBack(verdict.discarded.map { ParkedMessages($0) })
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

    private func settle(_ published: ConfirmLedger<MessageUnderWay>.Published, _ outcome: PublishRequest.Outcome) {
        release(published.entry.request, published.entry.index, outcome)
    }

    private func settle(_ parked: ParkedMessages, _ outcome: PublishRequest.Outcome) {
        for index in parked.indices { release(parked.request, index, outcome) }
    }

    private func fail(_ failed: [ParkedMessages], _ error: PublishError) {
        for each in failed { settle(each, .failed(error)) }
        exchanges.withdraw(exchanges.directory.beingLookedUp, exceptFor: Set(parked.waiters.map(\.exchange)))
    }

    private func fail(_ failed: [(exchange: String, completion: ExchangeInquiries.Completion)], _ error: PublishError) {
        for (_, tell) in failed { tell(.failure(error)) }
        exchanges.withdraw(failed.map(\.exchange), exceptFor: Set(parked.waiters.map(\.exchange)))
    }

    /// The one place where a publication ends.
    private func release(_ request: PublishRequest, _ index: Int, _ outcome: PublishRequest.Outcome) {
        counters.unsettled.add(-1)
        counters.count(outcome, knowsRecipients: request.knowsRecipients(of: index))
        guard let result = request.settle(outcome) else { return }
        // Not message by message: the request keeps all of them until its end.
        unsettledBytes -= request.encodedSize
        request.ended(result)
    }
}
