internal import AMQP
internal import EventLoop
internal import JSON

/// Publishes events to a topic exchange, from one of all gateways: the one whose consumer of the lock's queue is the
/// active one (`x-single-active-consumer`, RabbitMQ's documentation of consumers).
///
/// The broker does not tell a consumer that it has become the active one, and a message that is never acknowledged ends
/// its channel after half an hour (`consumer_timeout`). So every gateway that is not the sender writes to the queue
/// twice a second: who gets such a message is the sender from then on, until its connection ends.
struct EventPublisher {
    static let channel: UInt16 = 5
    static let tag = "lock"
    /// The time between two messages to the lock's queue.
    private static let tick: Duration = .milliseconds(500)
    /// The time until it is tried again, after the broker has refused something.
    private static let refusalTime: Duration = .seconds(60)
    /// The most events that wait to be sent; beyond, all is told anew.
    private static let mostWaiting = 500_000
    /// The most bytes that are handed over at once.
    private static let mostPending = 1 << 20

    private enum State {
        case closed
        case opening
        /// Another gateway is the sender, or nobody is yet.
        case standby
        case sender
        /// The broker has refused something.
        case refused(until: MonotonicTime)
    }

    let exchange: String
    private let encode: (ClusterEvent, _ id: String) -> [UInt8]
    private var state = State.closed
    private var nextTick = MonotonicTime(nanoseconds: 0)
    private var waiting: [ClusterEvent] = []
    /// The number of them that have been sent.
    private var sent = 0
    /// Whether more has happened than could wait.
    private var hasMissed = false
    private let epoch = RequestID.next().prefix(13)
    private var number = 0

    init(_ configuration: EventExchange) {
        exchange = configuration.name
        encode = configuration.encode
    }

    var isSender: Bool { if case .sender = state { true } else { false } }

    private var lock: String { exchange + ".lock" }

    // MARK: The channel

    mutating func open(into buffer: inout [UInt8]) {
        state = .opening
        FrameWriter.channelOpen(Self.channel, into: &buffer)
        FrameWriter.durableExchangeDeclare(exchange, type: "topic", channel: Self.channel, into: &buffer)
        FrameWriter.lockDeclare(lock, channel: Self.channel, into: &buffer)
        FrameWriter.consume(lock, consumerTag: Self.tag, channel: Self.channel, into: &buffer)
    }

    mutating func disconnected() {
        state = .closed
        forget()
    }

    mutating func handle(_ frame: InboundFrame, now: MonotonicTime, into buffer: inout [UInt8]) {
        switch (state, frame) {
        case (_, .channelClosed):
            FrameWriter.channelCloseOK(Self.channel, into: &buffer)
            state = .refused(until: now + Self.refusalTime)
            forget()
        case (.opening, .consuming):
            state = .standby
            nextTick = now
        // The queue was deleted: whoever is the sender, it is not certain any more.
        case (.standby, .consumerCancelled), (.sender, .consumerCancelled):
            FrameWriter.channelClose(Self.channel, into: &buffer)
            state = .refused(until: now + Self.tick)
            forget()
        default: break
        }
    }

    /// A message has come by the lock's queue.
    ///
    /// - Returns: whether the gateway has become the sender by that.
    mutating func takeLock() -> Bool {
        guard case .standby = state else { return false }
        state = .sender
        return true
    }

    private mutating func forget() {
        waiting = []
        sent = 0
        hasMissed = false
    }

    // MARK: Events

    /// The gateway has become the sender: tells which rooms are occupied.
    mutating func tell(state: [(namespace: String, rooms: [RoomName])], at time: Int64) {
        guard isSender else { return }
        for (namespace, rooms) in state {
            take([ClusterEvent(.sync, time: time, namespace: namespace, reason: SyncReason.sender.rawValue)])
            take(rooms.map { ClusterEvent(.roomOccupied, time: time, namespace: namespace, room: $0) })
        }
    }

    mutating func take(_ events: [ClusterEvent]) {
        guard isSender else { return }
        guard waiting.count - sent + events.count <= Self.mostWaiting else {
            forget()
            hasMissed = true
            return
        }
        waiting += events.filter { !$0.kind.isOfMembers }
    }

    /// Writes what can be sent.
    ///
    /// - Parameter pending: the bytes that wait for the socket.
    /// - Returns: the number of events written.
    mutating func write(pending: Int, frameMax: Int, now: MonotonicTime, into buffer: inout [UInt8]) -> Int {
        if case .standby = state, nextTick <= now {
            nextTick = now + Self.tick
            let tick = Publication(exchange: "", routingKey: lock, expiration: 2_000, body: [])
            _ = FrameWriter.publish(
                tick, messageID: .text("lock"), isMandatory: false, channel: Self.channel, frameMax: frameMax,
                into: &buffer)
        }
        if case .refused(let until) = state, until <= now { open(into: &buffer) }
        let first = sent
        let end = buffer.count + max(Self.mostPending - pending, 0)
        while isSender, sent < waiting.count, buffer.count < end {
            number += 1
            let event = waiting[sent]
            let id = "\(epoch)-\(number)"
            let publication = Publication(
                exchange: exchange, routingKey: event.kind.rawValue, body: encode(event, id))
            _ = FrameWriter.publish(
                publication, messageID: .text(id), isMandatory: false, channel: Self.channel, frameMax: frameMax,
                into: &buffer)
            sent += 1
        }
        let count = sent - first
        if sent == waiting.count {
            waiting = []
            sent = 0
        }
        return count
    }

    /// Whether all has to be told anew, now that there is room for it.
    mutating func takeMissed() -> Bool {
        defer { hasMissed = false }
        return hasMissed
    }

    /// The time at which ``write(pending:frameMax:now:into:)`` has something to do.
    func deadline(pending: Int) -> MonotonicTime? {
        switch state {
        case .standby: nextTick
        case .refused(let until): until
        case .sender where hasMissed || sent < waiting.count && pending < Self.mostPending:
            MonotonicTime(nanoseconds: 0)
        case .closed, .opening, .sender: nil
        }
    }
}

/// The topic exchange to which one of all gateways publishes events, with their types as routing keys.
package struct EventExchange: Sendable {
    package let name: String
    /// Writes an event as JSON.
    let encode: @Sendable (ClusterEvent, _ id: String) -> [UInt8]

    package init(_ name: String, encode: @escaping @Sendable (ClusterEvent, _ id: String) -> [UInt8]) {
        self.name = name
        self.encode = encode
    }
}

extension ClusterEvent.Kind {
    /// Whether there is one for each room of each socket.
    package var isOfMembers: Bool { self == .socketJoined || self == .socketLeft }
}
