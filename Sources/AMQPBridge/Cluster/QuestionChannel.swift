internal import AMQP
internal import EventLoop

/// The channel on which the gateway asks servers and is answered (direct reply-to belongs to the channel that asks),
/// with publisher confirms. A value, without I/O.
struct QuestionChannel {
    static let number: UInt16 = 1
    static let tag = "replies"
    private static let replyTo = "amq.rabbitmq.reply-to"

    /// A message that the broker has not confirmed.
    private enum Sent {
        /// - Parameter streamEnd: the position in the outbound stream where it ends.
        case question(id: String, streamEnd: UInt64)
        /// Servers are called to announce themselves, for the time of this number.
        case call(number: Int)
        case other
    }

    private let exchange: String
    private let knowledge: BrokerKnowledge
    private var ledger = ConfirmLedger<Sent>()
    /// The questions under way.
    var table: QuestionTable
    var frameMax = 4_096

    init(exchange: String, limits: QuestionTable.Limits, knowledge: BrokerKnowledge) {
        self.exchange = exchange
        self.knowledge = knowledge
        table = QuestionTable(limits: limits)
    }

    /// Asks for what is needed on the channel, which is being opened.
    func listen(into buffer: inout [UInt8]) {
        FrameWriter.confirmSelect(Self.number, into: &buffer)
        FrameWriter.consume(Self.replyTo, consumerTag: Self.tag, channel: Self.number, into: &buffer)
    }

    /// The connection is gone.
    ///
    /// - Parameter totalSent: the position in the outbound stream up to which it was sent.
    mutating func disconnected(totalSent: UInt64) {
        for sent in ledger.reset() {
            if case .question(let id, let end) = sent.entry, end > totalSent { table.neverLeft(id) }
        }
        table.disconnected()
    }

    /// The broker has closed the channel over a message that is longer than it takes.
    mutating func closed(over oversize: ChannelClose.Oversize) {
        knowledge.learn(longestBody: oversize.limit)
        table.fail(longerThan: oversize.limit, .tooLarge)
    }

    /// The broker has taken these messages, or a queue has not (`basic.nack`): either way it has said something.
    ///
    /// - Returns: the numbers of the calls among them.
    mutating func settle(_ tag: UInt64, multiple: Bool, isTaken: Bool) -> [Int] {
        var calls: [Int] = []
        for tag in ledger.tags(of: tag, multiple: multiple) {
            switch ledger.settle(tag)?.entry {
            case .question(let id, _): table.confirm(id, isTaken: isTaken)
            case .call(let number): calls.append(number)
            case .other, nil: break
            }
        }
        return calls
    }

    /// Takes an answer. Late ones are dropped unread.
    mutating func receive(_ message: ContentAssembler.Message, _ reader: ServerReader, now: MonotonicTime) {
        let id = message.correlationID
        guard table.isUnderWay(id), let answer = reader.read(message.body, now: now) else { return }
        table.receive(answer, for: id, size: message.body.count)
    }

    /// Calls all servers. `mandatory`: if there is none, the broker says so.
    mutating func send(_ call: ServerRoster.Call, now: MonotonicTime, into outbound: inout OutboundBuffer) {
        guard write(call.publication, messageID: call.messageID, into: &outbound) else { return }
        ledger.append(.call(number: call.number), deadline: now)
    }

    /// Sends a message to which there is no answer here.
    mutating func send(
        _ publication: Publication, messageID: String, now: MonotonicTime, into outbound: inout OutboundBuffer
    ) {
        if write(publication, messageID: messageID, into: &outbound) { ledger.append(.other, deadline: now) }
    }

    /// Asks all servers of the question's namespace, or joins those that ask the same.
    ///
    /// - Parameter id: the question's: 32 hexadecimal digits, never the same twice.
    /// - Returns: the reason why it cannot be asked, and `completion` is not called; `nil`: it is called once.
    mutating func ask<Answer>(
        _ question: Question<Answer>, id: String, waiter: Int, of presence: Presence, deadline: MonotonicTime,
        now: MonotonicTime, into outbound: inout OutboundBuffer, _ completion: @escaping Waits<Answer>.Completion
    ) -> ClusterError? {
        guard question.namespace.utf8.count <= Publication.maximumNameBytes else { return .tooLarge }
        guard !presence.isEmpty else { return .noServers(exchange: exchange) }
        for feature in question.features {
            guard let server = presence.server(without: feature, of: question.namespace) else { continue }
            return .notSupported(feature, server: server)
        }
        if table.join(question, waiter: waiter, completion) { return nil }
        let expected = presence.servers(for: question)
        var publication = Publication(
            exchange: exchange,
            routingKey: question.server.flatMap { presence.server($0)?.traits.probe } ?? question.namespace,
            expiration: question.expires ? (deadline - now).wholeMilliseconds : nil, body: question.body(id: id))
        publication.trace = question.trace
        guard publication.body.count <= knowledge.longestBody,
            write(publication, messageID: id, replyTo: Self.replyTo, into: &outbound)
        else { return .tooLarge }
        ledger.append(.question(id: id, streamEnd: outbound.streamEnd), deadline: deadline)
        // One that nobody knows has the same time as one that may not be there.
        let isPatient = expected.isEmpty || presence.hasProbes(of: expected)
        table.begin(
            question, id: id, size: publication.body.count, expected: expected, away: presence.away(of: expected),
            waiter: waiter, asked: isPatient ? now : nil, deadline: deadline, completion)
        return nil
    }

    /// Writes a message, which belongs into the ledger.
    ///
    /// - Returns: whether it fits into frames; if not, nothing was written.
    private func write(
        _ publication: Publication, messageID: String, replyTo: String? = nil, into outbound: inout OutboundBuffer
    ) -> Bool {
        FrameWriter.publish(
            publication, messageID: .text(messageID), replyTo: replyTo, channel: Self.number, frameMax: frameMax,
            into: &outbound.bytes)
    }
}

extension Presence {
    fileprivate func servers<Answer>(for question: Question<Answer>) -> Set<String> {
        guard let server = question.server else {
            return servers(of: question.namespace, includingLost: question.includesLost)
        }
        return self.server(server) == nil ? [] : [server]
    }
}
