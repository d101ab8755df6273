package import AMQP
package import EventLoop
internal import JSON

/// Has servers count, on an event loop's own connection. That takes no step from thread to thread, and no confirm.
///
/// Its answers are complete: all known servers have given theirs within ``patience``. In any other case the
/// ``ClusterClient`` asks once more, and says what is missing, and why: a server is slow, away or not known yet, an
/// answer is large or cannot be read, the broker says nothing. Then nothing is asked here for a while.
///
/// Callers share a question as long as it has not left. Later it may be answered already, while what has been changed
/// since then was confirmed on the client's connection.
///
/// `@unchecked Sendable`: used on its loop's thread only, by tasks that prefer the loop as their executor.
package final class LoopQuestions: ClusterService, GuestChannel, @unchecked Sendable {
    private enum State {
        case closed, opening, open
        /// The channel is of no use on this connection.
        case useless
    }

    /// Is given `nil` if the question is to be asked in the other way.
    private typealias Caller = UnsafeContinuation<ClusterAnswer<SocketCounts>?, Never>

    /// A question under way.
    private final class Entry {
        let namespace: String
        /// What tells it from other questions to the namespace.
        let data: JSONText
        let gathering: any Gathering<SocketCounts>
        var servers: [String]
        /// A bit for each of the servers that has not answered.
        var pending: UInt64
        var callers: [Caller] = []
        let deadline: MonotonicTime
        private(set) var hasEnded = false

        init(_ question: Question<SocketCounts>, _ servers: [String], deadline: MonotonicTime) {
            namespace = question.namespace
            data = question.data
            gathering = question.gathering
            self.servers = servers
            self.deadline = deadline
            pending = (1 << UInt64(servers.count)) - 1
        }

        func isSame(as question: Question<SocketCounts>) -> Bool {
            namespace.hasBytes(of: question.namespace) && data.bytes == question.data.bytes
        }

        func end(_ answer: ClusterAnswer<SocketCounts>?) {
            hasEnded = true
            for caller in callers { caller.resume(returning: answer) }
            callers = []
        }

        /// What all servers have answered.
        var answer: ClusterAnswer<SocketCounts> {
            ClusterAnswer(
                gathering.result,
                servers: ServerTally(expected: servers.count, responded: servers.count, missing: []))
        }
    }

    /// The questions under way by their numbers, which count from 0. All have the same time, so the first is due first.
    private struct UnderWay {
        private var entries: [Entry] = []
        private var head = 0
        private var firstNumber: UInt64 = 0

        var next: UInt64 { firstNumber + UInt64(entries.count - head) }
        /// The oldest, if there is any.
        var first: Entry? { head < entries.count ? entries[head] : nil }
        var all: ArraySlice<Entry> { entries[head...] }

        /// `nil`: there is none, or it has ended.
        subscript(number: UInt64) -> Entry? {
            guard number >= firstNumber, number < next else { return nil }
            let entry = entries[head + Int(number - firstNumber)]
            return entry.hasEnded ? nil : entry
        }

        mutating func append(_ entry: Entry) { entries.append(entry) }

        /// Takes out those that have ended, but for some that stand behind one that has not.
        mutating func removeEnded() {
            while head < entries.count, entries[head].hasEnded {
                head += 1
                firstNumber += 1
            }
            guard head == entries.count || head > entries.count / 2 else { return }
            entries.removeFirst(head)
            head = 0
        }
    }

    /// The time for which nothing is asked here after a question that had to be asked again; twice as long after each
    /// further one, up to the most.
    private static let rest: Duration = .seconds(10)
    private static let mostRest: Duration = .seconds(600)
    /// The most servers that are asked here.
    static let mostServers = 32
    /// The most bytes of rooms and options that a question here has.
    private static let mostBytes = 4 << 10
    /// The most callers that wait here.
    private static let mostCallers = 1_000
    /// The most questions that are looked through for the same one.
    private static let mostJoinable = 8
    private static let tag = "replies"
    private static let replyTo = "amq.rabbitmq.reply-to"

    private let client: ClusterClient
    private let link: BrokerLink
    /// The time that all servers have to answer.
    private let patience: Duration
    private let outlines = KnownOutlines(maximumDepth: ServerText.maximumDepth, allowsRepeatedKeys: true)
    private var state = State.closed
    private var underWay = UnderWay()
    /// Questions that were written behind all that has left: who asks the same gets the same answers.
    private var joinable: [Entry] = []
    /// Where the first of them begins in the stream to the broker.
    private var joinableFrom: UInt64 = 0
    /// Whether the connection has ended while the channel was being opened: the broker may allow no further one, and
    /// nothing is tried again.
    private var isBarred = false
    private var callers = 0
    /// The beginning of this channel's request ids, behind which the question's number stands: 64 random bits, so that no
    /// answer is mistaken for another's.
    private var idStart = LoopQuestions.freshStart()
    private var restsUntil = MonotonicTime(nanoseconds: 0)
    private var nextRest = LoopQuestions.rest
    /// The servers of the namespace that was asked last, by a version of what is known.
    private var known: (namespace: String, version: Int, servers: [String]) = ("", -1, [])

    /// - Parameters:
    ///   - link: the loop's, whose guest this becomes.
    ///   - patience: the time that all servers have to answer. Callers with less than twice that are the client's.
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
        link.loop.assertCurrent()
        guard timeout >= patience * 2, let entry = entry(for: command, now: .now()) else {
            return try await client.ask(command, timeout: timeout)
        }
        // Unsafe only in that nothing checks for the one resume: who waits is in one list, of what ends once.
        let answer: ClusterAnswer<SocketCounts>? = await withUnsafeContinuation { caller in
            // This may be another turn.
            if entry.hasEnded { return caller.resume(returning: nil) }
            entry.callers.append(caller)
            callers += 1
        }
        if let answer {
            client.counters.count(answer.servers)
            return answer
        }
        if Task.isCancelled { throw .abandoned }
        // The same for all who have waited: equal questions with the same time are one.
        return try await client.ask(command, timeout: timeout - patience)
    }

    /// Asks, or finds who asks the same; `nil`: it cannot be asked here.
    private func entry(for command: CountSockets, now: MonotonicTime) -> Entry? {
        guard restsUntil <= now, callers < min(Self.mostCallers, client.mostWaiting), link.hasRoomForGuest, hasOpened()
        else { return nil }
        let question = command.question(timeout: patience)
        guard question.features.isEmpty, question.data.bytes.count <= Self.mostBytes else { return nil }
        if joinableFrom < link.sent { joinable = [] }
        if let entry = joinable.first(where: { $0.isSame(as: question) }) { return entry }
        if joinable.isEmpty { joinableFrom = link.written }
        let servers = servers(of: question.namespace)
        guard !servers.isEmpty, publish(question) else { return nil }
        let entry = Entry(question, servers, deadline: now + patience)
        underWay.append(entry)
        if joinable.count < Self.mostJoinable { joinable.append(entry) }
        return entry
    }

    private func servers(of namespace: String) -> [String] {
        let version = client.version
        if known.version != version || !known.namespace.hasBytes(of: namespace) {
            known = (namespace, version, client.uids(of: namespace, most: Self.mostServers))
        }
        return known.servers
    }

    private func publish(_ question: Question<SocketCounts>) -> Bool {
        let id = idStart + RequestID.hexadecimal(underWay.next)
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
        if state == .closed, !isBarred {
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

    package var deadline: MonotonicTime? { underWay.first?.deadline }

    package func expire(now: MonotonicTime) {
        while let first = underWay.first, first.deadline <= now { askAgain(first, now: now) }
    }

    package func disconnected() {
        if state == .opening { isBarred = true }
        state = .closed
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
        guard let number = number(of: id), let entry = underWay[number] else { return }
        switch progress(of: entry, message) {
        case .ignored: break
        case .done where entry.pending == 0:
            nextRest = Self.rest
            end(entry, entry.answer)
        case .done: break
        case .partial, .tooLarge, .finished:
            askAgain(entry, now: now)
        }
    }

    /// The progress of a question with a message. One that cannot be counted is part of an answer that nobody has all of.
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
        end(entry, nil)
    }

    private func endAll() {
        joinable = []
        idStart = Self.freshStart()
        for entry in underWay.all { end(entry, nil) }
        underWay = UnderWay()
    }

    private func end(_ entry: Entry, _ answer: ClusterAnswer<SocketCounts>?) {
        joinable.removeAll { $0 === entry }
        callers -= entry.callers.count
        entry.end(answer)
        underWay.removeEnded()
    }

    private func rest(now: MonotonicTime) {
        guard restsUntil <= now else { return }
        restsUntil = now + nextRest
        nextRest = min(nextRest * 2, Self.mostRest)
    }

    // MARK: Request ids

    private static func freshStart() -> String { RequestID.hexadecimal(.random(in: .min ... .max)) }

    /// The number of the question behind the beginning of a request id; `nil`: it is of another connection, or not ours.
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
