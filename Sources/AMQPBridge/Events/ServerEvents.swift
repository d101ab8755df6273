internal import AMQP
internal import EventLoop
internal import JSON

/// The gateway's part in the servers' events on one connection, without I/O: says that they are wanted, hears them, and
/// keeps the view of the cluster that is made of them.
///
/// Its queue is its own: events that come faster than they are read must not push out heartbeats. What RabbitMQ drops of
/// them is a gap.
struct ServerEvents {
    static let channel: UInt16 = 4
    static let tag = "events"
    /// What of a server's messages is not returned to anybody.
    static let messageID = "events-wanted"
    /// Servers split what is longer than 1 MiB.
    static let longestMessage = 2 << 20
    private static let queueBytes: Int32 = 64 << 20
    /// The time between two words to the servers that events are wanted; they believe it for three times as long.
    private static let interval: Duration = .seconds(5)

    private(set) var wants: EventWants
    var view: ClusterView
    /// Whether the queue is read.
    private var isHearing = false
    private var nextWord = MonotonicTime(nanoseconds: 0)

    init(_ wants: EventWants, _ limits: ClusterView.Limits) {
        self.wants = wants
        view = ClusterView(limits)
    }

    /// Asks for all that is needed to hear events.
    func open(exchange: String, into buffer: inout [UInt8]) {
        FrameWriter.channelOpen(Self.channel, into: &buffer)
        FrameWriter.exchangeDeclare(exchange, type: "direct", channel: Self.channel, into: &buffer)
        FrameWriter.queueDeclare(maximumBytes: Self.queueBytes, channel: Self.channel, into: &buffer)
        FrameWriter.queueBind(exchange: exchange, routingKey: "#events", channel: Self.channel, into: &buffer)
        FrameWriter.consume("", consumerTag: Self.tag, channel: Self.channel, into: &buffer)
    }

    mutating func isOpen() { isHearing = true }

    /// What is wanted has changed.
    mutating func want(_ wants: EventWants, now: MonotonicTime) {
        if wants.members, !self.wants.members { sayAgain(now: now) }
        self.wants = wants
    }

    /// The servers are known.
    mutating func begin(_ servers: [Presence.Server], at time: NewsTime) {
        view.know(servers.map { ($0.uid, $0.namespaces, $0.reportsEvents) }, at: time)
        guard isHearing else { return }
        sayAgain(now: time.monotonic)
        view.connected()
    }

    mutating func heard(_ server: Presence.Server, isNew: Bool, at time: NewsTime) {
        if isNew, server.reportsEvents { sayAgain(now: time.monotonic) }
        view.heard(server.uid, namespaces: server.namespaces, reports: server.reportsEvents, at: time)
    }

    mutating func disconnected() {
        isHearing = false
        view.disconnected()
    }

    /// The word that events are wanted, if it is time for it.
    mutating func word(now: MonotonicTime) -> [UInt8]? {
        guard isHearing, nextWord <= now else { return nil }
        nextWord = now + Self.interval
        let members = wants.members
        return ClusterMessage.write(.eventsWanted, namespace: nil) { json in
            json.member("intervalMs", Int(Self.interval.wholeMilliseconds))
            json.member("members", members)
        }
    }

    private mutating func sayAgain(now: MonotonicTime) { nextWord = min(nextWord, now) }

    mutating func receive(_ message: ServerMessage, at time: NewsTime) {
        guard let changes = ServerChanges(message) else { return }
        view.take(changes, at: time)
    }

    /// - Parameter maySend: whether something can be sent now.
    func deadline(maySend: Bool) -> MonotonicTime? {
        [view.deadline(mayAsk: maySend), maySend && isHearing ? nextWord : nil].compactMap(\.self).min()
    }
}

extension Presence.Server {
    /// Whether it reports events, and can be asked alone for its rooms.
    var reportsEvents: Bool { traits.has(.events) && traits.has(.numbers) && traits.probe != nil }
}
