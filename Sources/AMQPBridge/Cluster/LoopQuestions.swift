package import AMQP
package import EventLoop
internal import JSON

/// Has servers count on an event loop's own connection, which takes no step from thread to thread and no
/// confirm: half the time that ``ClusterClient`` takes beside the servers'.
///
/// What it answers is complete: all servers that are known have answered, and soon. Everything else is the client's,
/// which is asked instead, and knows why: servers that are slow, away or not known yet, answers that are large or
/// cannot be read, a broker that says nothing. A read may be asked twice.
///
/// `@unchecked Sendable`: used on its loop's thread only, by tasks that prefer the loop as their executor.
package final class LoopQuestions: ClusterService, GuestChannel, @unchecked Sendable {
    private enum State {
        case closed, opening, open
        /// The channel is of no use on this connection.
        case useless
    }

    /// A question under way.
    private final class Entry {
        let namespace: String
        /// What tells it from other questions to the namespace.
        let data: JSONText
        let gathering: any Gathering<SocketCounts>
        var servers: [String]
        /// A bit for each of the servers that has not answered.
        var pending: UInt64
        var callers: [UnsafeContinuation<ServerTally?, Never>] = []

        init(_ question: Question<SocketCounts>, _ servers: [String]) {
            namespace = question.namespace
            data = question.data
            gathering = question.gathering
            self.servers = servers
            pending = (1 << UInt64(servers.count)) - 1
        }

        func isSame(as question: Question<SocketCounts>) -> Bool {
            namespace.hasBytes(of: question.namespace) && data.bytes == question.data.bytes
        }

        /// - Parameter tally: `nil`: it is to be asked in the other way.
        func end(_ tally: ServerTally?) {
            for caller in callers { caller.resume(returning: tally) }
            callers = []
        }

        func end() { end(ServerTally(expected: servers.count, responded: servers.count, missing: [])) }
    }

    /// The time for which nothing is asked here after a question that had to be asked again; twice as long after each
    /// further one, up to the most.
    private static let rest: Duration = .seconds(10)
    private static let mostRest: Duration = .seconds(600)
    /// The most servers that are asked here.
    static let mostServers = 32
    /// The most callers that wait here.
    private static let mostCallers = 1_000
    /// The most questions under way that are looked through for the same one.
    private static let mostJoinable = 8
    private static let tag = "replies"
    private static let replyTo = "amq.rabbitmq.reply-to"

    private let client: ClusterClient
    private let link: BrokerLink
    private let patience: Duration
    private let outlines = KnownOutlines(maximumDepth: ServerText.maximumDepth, allowsRepeatedKeys: true)
    private var state = State.closed
    private var questions = ConfirmLedger<Entry>()
    /// Questions under way that no server has answered yet: who asks the same gets the same answers.
    private var joinable: [Entry] = []
    private var callers = 0
    /// The beginning of this connection's request ids, behind which the ledger's tag stands: 64 random bits, so that no
    /// answer is mistaken for another's.
    private var idStart = LoopQuestions.freshStart()
    private var restsUntil = MonotonicTime(nanoseconds: 0)
    private var nextRest = LoopQuestions.rest
    /// The servers of the namespace that was asked last, by a version of what is known.
    private var known: (namespace: String, version: Int, servers: [String]) = ("", -1, [])

    /// - Parameters:
    ///   - link: the loop's, whose guest this becomes.
    ///   - patience: the time that all servers have to answer.
    package init(_ client: ClusterClient, link: BrokerLink, patience: Duration = .milliseconds(100)) {
        self.client = client
        self.link = link
        self.patience = patience
        link.take(in: self)
    }

    package func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] {
        try await client.servers(timeout: timeout)
    }

    package func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer> { try await client.ask(command, timeout: timeout) }

    package func count(
        _ command: CountSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketCounts> {
        guard timeout >= patience * 2 else { return try await client.ask(command, timeout: timeout) }
        let start = MonotonicTime.now()
        if let entry = begin(command, now: start), let tally = await end(of: entry) {
            client.counters.count(tally)
            return ClusterAnswer(entry.gathering.result, servers: tally)
        }
        return try await client.ask(command, timeout: timeout - (.now() - start))
    }

    /// Asks, or finds who asks the same.
    ///
    /// - Returns: `nil`: it cannot be asked here.
    private func begin(_ command: CountSockets, now: MonotonicTime) -> Entry? {
        guard restsUntil <= now, callers < Self.mostCallers, link.hasRoomForGuest, hasOpened() else { return nil }
        let question = command.question(timeout: patience)
        guard question.features.isEmpty else { return nil }
        if let entry = joinable.first(where: { $0.isSame(as: question) }) { return entry }
        let servers = servers(of: question.namespace)
        guard !servers.isEmpty, servers.count <= Self.mostServers, publish(question) else { return nil }
        let entry = Entry(question, servers)
        questions.append(entry, deadline: now + patience)
        if joinable.count < Self.mostJoinable { joinable.append(entry) }
        return entry
    }

    /// - Returns: `nil`: the question is to be asked in the other way.
    private func end(of entry: Entry) async -> ServerTally? {
        callers += 1
        defer { callers -= 1 }
        // Unsafe only in that nothing checks for the one resume: an entry that ends has no callers any more.
        return await withUnsafeContinuation { entry.callers.append($0) }
    }

    private func servers(of namespace: String) -> [String] {
        let version = client.version
        if known.version != version || !known.namespace.hasBytes(of: namespace) {
            known = (namespace, version, client.uids(of: namespace))
        }
        return known.servers
    }

    private func publish(_ question: Question<SocketCounts>) -> Bool {
        let id = idStart + Self.hexadecimal(questions.nextTag)
        let publication = Publication(
            exchange: client.exchange, routingKey: question.namespace, expiration: patience.wholeMilliseconds,
            body: question.body(id: id))
        guard question.namespace.utf8.count <= Publication.maximumNameBytes else { return false }
        return link.write { buffer, frameMax in
            FrameWriter.publish(
                publication, messageID: .text(id), replyTo: Self.replyTo, channel: FrameWriter.guestChannel,
                frameMax: frameMax, into: &buffer)
        }
    }

    // MARK: The channel

    /// Whether questions can be asked; a channel that is closed is opened for the next ones.
    private func hasOpened() -> Bool {
        if state == .closed {
            state = .opening
            link.write { buffer, _ in
                FrameWriter.channelOpen(FrameWriter.guestChannel, into: &buffer)
                FrameWriter.consume(
                    Self.replyTo, consumerTag: Self.tag, channel: FrameWriter.guestChannel, into: &buffer)
            }
        }
        return isOpen
    }

    var isOpen: Bool { state == .open }

    package var deadline: MonotonicTime? { questions.earliestDeadline }

    package func expire(now: MonotonicTime) {
        while let late = questions.expire(now: now) { askAgain(late.entry, now: now) }
    }

    package func disconnected() {
        state = .closed
        idStart = Self.freshStart()
        endAll()
    }

    package func handle(_ frame: InboundFrame, now: MonotonicTime) {
        switch frame {
        case .consuming: state = .open
        case .consumerCancelled:
            state = .useless
            endAll()
        case .channelClosed:
            link.write { buffer, _ in FrameWriter.channelCloseOK(FrameWriter.guestChannel, into: &buffer) }
            state = .closed
            rest(now: now)
            endAll()
        default: break
        }
    }

    package func receive(_ message: ContentAssembler.Message, now: MonotonicTime) {
        let id = message.source == .returned ? message.messageID : message.correlationID
        guard let number = number(of: id), let entry = questions.entry(of: number) else { return }
        joinable.removeAll { $0 === entry }
        switch progress(of: entry, message) {
        case .ignored: break
        case .done where entry.pending == 0:
            _ = questions.settle(number)
            nextRest = Self.rest
            entry.end()
        case .done: break
        case .partial, .tooLarge, .finished:
            _ = questions.settle(number)
            askAgain(entry, now: now)
        }
    }

    /// The progress of a question with a message; what has to be asked in the other way counts as ``GatheringProgress/partial``.
    private func progress(of entry: Entry, _ message: ContentAssembler.Message) -> GatheringProgress {
        guard message.source != .returned, !message.isTooLong,
            case (let answer?, nil) = ServerMessage.read(message.body, known: outlines), !answer.isTooLarge
        else { return .partial }
        guard let index = entry.servers.firstIndex(of: answer.uid) else {
            // One that has come since, or of which nothing was heard yet.
            guard entry.servers.count < Self.mostServers * 2 - 1 else { return .partial }
            let progress = entry.gathering.take(answer)
            if progress == .done { entry.servers.append(answer.uid) }
            return progress
        }
        let bit: UInt64 = 1 << UInt64(index)
        guard entry.pending & bit != 0 else { return .ignored }
        let progress = entry.gathering.take(answer)
        if progress == .done { entry.pending &= ~bit }
        return progress
    }

    private func askAgain(_ entry: Entry, now: MonotonicTime) {
        rest(now: now)
        joinable.removeAll { $0 === entry }
        entry.end(nil)
    }

    private func endAll() {
        joinable = []
        for under in questions.reset() { under.entry.end(nil) }
    }

    private func rest(now: MonotonicTime) {
        guard restsUntil <= now else { return }
        restsUntil = now + nextRest
        nextRest = min(nextRest * 2, Self.mostRest)
    }

    // MARK: Request ids

    private static func freshStart() -> String { hexadecimal(.random(in: .min ... .max)) }

    private static func hexadecimal(_ number: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { digits in
            for place in 0..<16 { digits[place] = digit(number >> (60 - 4 * UInt64(place)) & 0xF) }
            return 16
        }
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(value) + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }

    /// The ledger's tag behind the beginning of a request id; `nil`: it is of another connection, or not ours.
    private func number(of id: String) -> UInt64? {
        var id = id
        let start = idStart
        return id.withUTF8 { id in
            guard id.count == 32, id.prefix(16).elementsEqual(start.utf8) else { return nil }
            var number: UInt64 = 0
            for digit in id.dropFirst(16) {
                switch digit {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"):
                    number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
                default: return nil
                }
            }
            return number
        }
    }
}
