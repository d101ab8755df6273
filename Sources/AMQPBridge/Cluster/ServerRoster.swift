internal import AMQP
internal import EventLoop

/// Which servers are there, and how that is made certain: they are called to announce themselves, once more before
/// those that have fallen silent are given up, and the broker is asked about those that do not answer. A value, without
/// I/O.
struct ServerRoster {
    static let channel = FrameWriter.controlChannel
    static let tag = "presence"
    /// The most bytes that may wait in the queue of heartbeats; beyond that the oldest is dropped.
    private static let queueBytes: Int32 = 16 << 20

    /// The call to all servers to announce themselves.
    struct Call {
        let publication: Publication
        let number: Int
        let messageID: String
    }

    /// The meaning of a message from `#presence`.
    enum Word: Equatable {
        case gone(uid: String)
        /// - Parameters:
        ///   - isThere: whether the server is known, and not only remembered.
        ///   - isNew: whether it was not there before.
        case server(Presence.Server, isThere: Bool, isNew: Bool)
        /// There are too many servers, or they say too much of themselves.
        case notKept
        case nothing
    }

    /// The look at servers that have fallen silent: all are called once more, by way of the broker, which may have
    /// fallen silent itself.
    private enum SilenceCheck {
        case none
        case called
        /// The broker has taken the call; servers have until then to announce themselves.
        case confirmed(until: MonotonicTime)
    }

    /// The time that servers have to announce themselves. Slower ones are known from their next heartbeat on.
    private static let discoveryTime: Duration = .milliseconds(500)

    private(set) var presence = Presence()
    private var probes = ServerProbes()
    private var silenceCheck = SilenceCheck.none
    private var calls = 0

    /// Asks for what is needed on the channel, which is being opened.
    static func listen(on exchange: String, into buffer: inout [UInt8]) {
        FrameWriter.queueDeclare(maximumBytes: queueBytes, channel: channel, into: &buffer)
        FrameWriter.queueBind(exchange: exchange, routingKey: "#presence", channel: channel, into: &buffer)
        FrameWriter.consume("", consumerTag: tag, channel: channel, into: &buffer)
    }

    mutating func disconnected() {
        silenceCheck = .none
        probes = ServerProbes()
    }

    // MARK: Calls

    /// All servers are to be called, also to find those that were not heard of. What was held against silent ones is
    /// forgotten.
    mutating func discover(on exchange: String) -> Call {
        silenceCheck = .none
        return call(on: exchange)
    }

    private mutating func call(on exchange: String) -> Call {
        calls += 1
        let body = ClusterMessage.write(.initialHeartbeat, namespace: nil)
        return Call(
            publication: Publication(exchange: exchange, routingKey: "#discover", expiration: 5_000, body: body),
            number: calls, messageID: lastCall)
    }

    /// The message id of the last call: what becomes of an earlier one says too little.
    private var lastCall: String { "discover-\(calls)" }

    /// Whether this is the message id of the last call. If it comes back, there is no server.
    func isLastCall(_ messageID: String) -> Bool { messageID == lastCall }

    /// The broker has taken a call.
    ///
    /// - Returns: the time until which servers have to announce themselves; `nil`: there was a later call.
    mutating func taken(_ number: Int, now: MonotonicTime) -> MonotonicTime? {
        guard number == calls else { return nil }
        let until = now + Self.discoveryTime
        if case .called = silenceCheck { silenceCheck = .confirmed(until: until) }
        return until
    }

    // MARK: Heartbeats

    mutating func hear(_ message: ServerMessage, now: MonotonicTime) -> Word {
        probes.heard(of: message.uid)
        let wasThere = presence.isThere(message.uid)
        if let gone = presence.hear(message, now: now) { return .gone(uid: gone) }
        guard let server = presence.server(message.uid) else {
            return message.kind == .heartbeat ? .notKept : .nothing
        }
        return .server(server, isThere: presence.isThere(message.uid), isNew: !wasThere)
    }

    /// Begins the time of all servers anew: for a while none could be heard.
    mutating func forgive(now: MonotonicTime) { presence.forgive(now: now) }

    /// The call that is to be sent before silent servers are given up; `nil`: there is none, or it was sent.
    mutating func callToSilent(on exchange: String, now: MonotonicTime) -> Call? {
        guard presence.hasSilent(now: now) else {
            silenceCheck = .none
            return nil
        }
        guard case .none = silenceCheck else { return nil }
        silenceCheck = .called
        return call(on: exchange)
    }

    /// Forgets the servers that have fallen silent, once that is certain, and those that have been away for too long.
    ///
    /// - Returns: their uids.
    mutating func expire(now: MonotonicTime) -> [String] {
        let gone = presence.expire(now: now, sparesSilent: !isSilenceCertain(now: now))
        probes.keep { [presence] in presence.server($0) != nil }
        return gone
    }

    /// Whether servers of which nothing was heard in their time are silent, and not the broker.
    private mutating func isSilenceCertain(now: MonotonicTime) -> Bool {
        switch silenceCheck {
        case .none: return !presence.hasSilent(now: now)
        case .called: return false
        case .confirmed(let until):
            guard until <= now else { return false }
            silenceCheck = .none
            return true
        }
    }

    // MARK: Probes

    /// Whether the broker can be asked about the server, and has not said yet that it is not there.
    func canAnswer(_ uid: String) -> Bool {
        guard let server = presence.server(uid) else { return false }
        return server.traits.probe != nil && server.awayUntil == nil
    }

    /// The message with which the broker is asked whether a server is there; `nil`: there is no way to, or it was asked
    /// since then.
    mutating func probe(
        _ uid: String, since: MonotonicTime, now: MonotonicTime, on exchange: String
    ) -> (publication: Publication, messageID: String)? {
        guard let key = presence.server(uid)?.traits.probe, let id = probes.begin(uid, since: since, now: now) else {
            return nil
        }
        let body = ClusterMessage.write(.heartbeat, namespace: nil)
        return (Publication(exchange: exchange, routingKey: key, expiration: 5_000, body: body), id)
    }

    /// Takes back a probe. See ``ServerProbes/returned(_:)``.
    mutating func probeReturned(_ messageID: String, now: MonotonicTime) -> ServerProbes.Return? {
        let answer = probes.returned(messageID)
        if case .gone(let uid)? = answer { presence.returned(uid, now: now) }
        return answer
    }

    /// Takes the return of a question as the return of a probe of each server that was to answer.
    mutating func questionReturned(to uids: Set<String>, now: MonotonicTime) {
        for uid in uids where presence.server(uid)?.traits.probe != nil { presence.returned(uid, now: now) }
    }
}
