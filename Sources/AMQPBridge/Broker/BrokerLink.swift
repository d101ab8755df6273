internal import Glibc
public import Logging
internal import Synchronization

/// One event loop's connection to the broker: connects, and connects again, and moves the ``Publisher``'s bytes.
///
/// `@unchecked Sendable`: everything but the status and the counters is touched on the loop's thread only; whatever can
/// block (name resolution, connecting, logging in) happens on a thread of its own, which hands the connection over whole.
public final class BrokerLink: EventSource, @unchecked Sendable {
    public struct Configuration: Sendable {
        public var endpoint: BrokerEndpoint
        /// The name that RabbitMQ's management shows.
        public var connectionName = "socketio-gateway"
        /// Whole seconds; half of it without traffic and a heartbeat is sent, twice of it without any and the
        /// connection is given up.
        public var heartbeat: Duration = .seconds(10)
        public var connectTimeout: Duration = .seconds(10)
        public var confirmTimeout: Duration = .seconds(5)
        /// How many bytes may wait to be sent or confirmed, per loop.
        public var pendingBytes = 32 << 20

        public init(endpoint: BrokerEndpoint) {
            self.endpoint = endpoint
        }
    }

    /// What a health check wants to know.
    public enum Status: UInt8, Sendable {
        case disconnected, blocked, ready
    }

    private enum Phase {
        case waiting(until: MonotonicTime)
        case connecting
        case connected(AMQPConnection, since: MonotonicTime)
        case closed
    }

    public let counters: PublisherCounters
    private let configuration: Configuration
    let loop: EventLoop
    private let logger: Logger
    private let publisher: Publisher
    private let currentStatus = Atomic<UInt8>(Status.disconnected.rawValue)
    private var phase = Phase.waiting(until: .now())
    private var backoff = Backoff()
    private var hasOpened = false
    private var lastReceived = MonotonicTime.now()
    private var lastSent = MonotonicTime.now()
    private var lastProbe = MonotonicTime.now()
    private var nextCheck = MonotonicTime.now()
    /// How often heartbeats, probes and their time-outs are looked at.
    private static let checkInterval: Duration = .milliseconds(250)
    /// How long a connection is idle before it is asked whether it is blocked.
    private static let probeInterval: Duration = .seconds(2)
    /// The same failure again and again is one line in the log.
    private var lastFailure: String?
    /// Called once, on the loop, when the first attempt to connect has ended: the channels are open, or why not. A broker
    /// that is blocked is a failure, although the link goes on. To be set before the loop runs.
    var firstAttemptEnded: ((Result<Void, BrokerError>) -> Void)?

    public init(_ configuration: Configuration, loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        counters = PublisherCounters()
        publisher = Publisher(
            limits: .init(confirmTimeout: configuration.confirmTimeout, pendingBytes: configuration.pendingBytes),
            counters: counters)
        publisher.refused = { [logger] exchange, reason in
            logger.warning("broker refused", metadata: ["exchange": "\(exchange)", "reason": "\(reason)"])
        }
    }

    /// The most bytes that one emit may take.
    var largestEmit: Int { configuration.pendingBytes / 2 }

    /// May be read on any thread.
    public var status: Status { Status(rawValue: currentStatus.load(ordering: .relaxed)) ?? .disconnected }

    // MARK: Publishing

    /// Publishes and waits for the broker's confirms.
    ///
    /// - Returns: whether the broker had a queue for any of the publications.
    func publish(_ publications: [Publication]) async throws(PublishError) -> Bool {
        // Unsafe only in that nothing checks for the one resume: a ticket completes exactly once (see its tests).
        let result: Result<Bool, PublishError> = await withUnsafeContinuation { continuation in
            publish(publications) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Publishes, and says once what became of it, perhaps before this returns.
    func publish(_ publications: [Publication], completion: @escaping (Result<Bool, PublishError>) -> Void) {
        let ticket = PublishTicket(publications: publications.count, completion: completion)
        publisher.publish(publications, ticket: ticket, now: .now())
    }

    /// Whether these would take more than half of the room that all share.
    func isCrowded(with publications: [Publication]) -> Bool { publisher.isCrowded(with: publications) }

    /// Publishes without waiting. What becomes of it shows in the counters only.
    ///
    /// - Throws: when nothing can be taken now.
    func publishUnconfirmed(_ publications: [Publication]) throws(PublishError) {
        if let refusal = publisher.refusal(of: publications) { throw refusal }
        publisher.publish(publications, ticket: nil, now: .now())
    }

    // MARK: EventSource

    public var pollInterest: (descriptor: Int32, events: Int16)? {
        guard case .connected(let connection, _) = phase else { return nil }
        let output = publisher.outbound.pending > 0 ? POLLOUT : 0
        return (connection.descriptor, Int16(POLLIN) | Int16(output))
    }

    public var deadline: MonotonicTime? {
        switch phase {
        case .waiting(let until): until
        case .connecting, .closed: nil
        case .connected: min(publisher.deadline ?? nextCheck, nextCheck)
        }
    }

    public func process(events: Int16, now: MonotonicTime) {
        switch phase {
        case .waiting(let until): if until <= now { connect() }
        case .connecting, .closed: break
        case .connected(let connection, let since): serve(connection, since: since, events: events, now: now)
        }
    }

    public func flush() {
        guard case .connected(let connection, _) = phase, publisher.outbound.pending > 0 else { return }
        do throws(BrokerError) {
            let before = publisher.outbound.totalSent
            try publisher.outbound.drain { bytes throws(BrokerError) in try connection.send(bytes) }
            if publisher.outbound.totalSent != before { lastSent = .now() }
        } catch {
            lose(error, now: .now())
        }
    }

    /// Ends the connection, politely if nothing is half sent. What is not confirmed by then stays unknown.
    public func close() {
        if case .connected(let connection, _) = phase { sayGoodbye(on: connection) }
        phase = .closed
        hasOpened = false
        publisher.disconnected()
        updateStatus()
    }

    /// Sends what is pending and `connection.close`, and waits for the answer, at most a second: whoever closes a socket
    /// with unread bytes in it resets the connection, and the broker loses what it had not read yet.
    private func sayGoodbye(on connection: AMQPConnection) {
        let deadline = MonotonicTime.now() + .seconds(1)
        var isConfirmed = false
        FrameWriter.connectionClose(into: &publisher.outbound.bytes)
        do throws(BrokerError) {
            while !isConfirmed {
                try publisher.outbound.drain { bytes throws(BrokerError) in try connection.send(bytes) }
                let events = publisher.outbound.pending > 0 ? POLLIN | POLLOUT : POLLIN
                guard connection.wait(for: Int32(events), until: deadline) else { return }
                try connection.receive { frame throws(BrokerError) in
                    publisher.handle(frame, now: .now())
                    isConfirmed = isConfirmed || frame == .connectionCloseConfirmed
                }
            }
        } catch {
            // It is gone already.
        }
    }

    // MARK: Connecting

    private func connect() {
        phase = .connecting
        let configuration = configuration
        let isStarted = SystemThread.detach(name: "amqp-connect") { [loop, weak self] in
            let result: Result<AMQPConnection, BrokerError>
            do throws(BrokerError) {
                result = .success(
                    try AMQPConnection(
                        to: configuration.endpoint, name: configuration.connectionName,
                        heartbeat: configuration.heartbeat, timeout: configuration.connectTimeout))
            } catch {
                result = .failure(error)
            }
            loop.execute { [weak self] in self?.connected(result) }
        }
        if !isStarted { retry(after: BrokerError("the system refuses another thread"), now: .now()) }
    }

    private func connected(_ result: Result<AMQPConnection, BrokerError>) {
        guard case .connecting = phase else { return }  // closed meanwhile: the connection goes with its last reference
        let now = MonotonicTime.now()
        switch result {
        case .success(let connection):
            phase = .connected(connection, since: now)
            (lastReceived, lastSent) = (now, now)
            publisher.connected(frameMax: connection.frameMax)
        case .failure(let error): retry(after: error, now: now)
        }
    }

    private func serve(_ connection: AMQPConnection, since: MonotonicTime, events: Int16, now: MonotonicTime) {
        let wasBlocked = publisher.blockedReason != nil
        do throws(BrokerError) {
            if events & ~Int16(POLLOUT) != 0 {
                lastReceived = now
                try connection.receive { frame throws(BrokerError) in
                    if case .connectionClosed(let code, let text) = frame {
                        throw BrokerError("the broker closed the connection: \(code) \(text)")
                    }
                    publisher.handle(frame, now: now)
                }
                noticeOpening()
                updateStatus()
                // What the alarm held up has its time from now on.
                if wasBlocked, publisher.blockedReason == nil { phase = .connected(connection, since: now) }
            }
            publisher.expire(now: now)
            if nextCheck <= now {
                nextCheck = now + Self.checkInterval
                try keepAlive(connection, since: since, now: now)
            }
        } catch {
            lose(error, now: now)
        }
    }

    private func keepAlive(_ connection: AMQPConnection, since: MonotonicTime, now: MonotonicTime) throws(BrokerError) {
        // A blocked broker opens nothing until its alarm is over.
        if !hasOpened, publisher.blockedReason == nil, since + configuration.connectTimeout <= now {
            throw BrokerError("the broker did not open a channel in time")
        }
        if hasOpened, publisher.outbound.pending == 0, max(lastSent, lastProbe) + Self.probeInterval <= now {
            publisher.probe()
            lastProbe = now
        }
        guard let heartbeat = connection.heartbeat else { return }
        if lastReceived + heartbeat * 2 <= now { throw BrokerError("the broker has fallen silent") }
        if lastSent + heartbeat / 2 <= now {
            // Behind unsent bytes it would tell the broker nothing that they do not.
            if publisher.outbound.pending == 0 { FrameWriter.heartbeat(into: &publisher.outbound.bytes) }
            lastSent = now
        }
    }

    private func noticeOpening() {
        guard !hasOpened, publisher.isOpen else { return }
        hasOpened = true
        backoff.reset()
        lastFailure = nil
        counters.connects.add(1)
        logger.info("broker connected", metadata: ["broker": "\(configuration.endpoint)"])
        endFirstAttempt(.success(()))
    }

    private func endFirstAttempt(_ result: Result<Void, BrokerError>) {
        firstAttemptEnded?(result)
        firstAttemptEnded = nil
    }

    private func lose(_ error: BrokerError, now: MonotonicTime) {
        publisher.disconnected()
        hasOpened = false
        retry(after: error, now: now)
    }

    private func retry(after error: BrokerError, now: MonotonicTime) {
        let delay = backoff.next(jitter: .random(in: 0..<1))
        phase = .waiting(until: now + delay)
        updateStatus()
        endFirstAttempt(.failure(error))
        if lastFailure != error.description {
            lastFailure = error.description
            logger.warning(
                "broker unavailable", metadata: ["broker": "\(configuration.endpoint)", "reason": "\(error)"])
        }
    }

    private func updateStatus() {
        let status: Status = publisher.blockedReason != nil ? .blocked : hasOpened ? .ready : .disconnected
        guard status.rawValue != currentStatus.load(ordering: .relaxed) else { return }
        currentStatus.store(status.rawValue, ordering: .relaxed)
        if status == .blocked {
            let reason = publisher.blockedReason ?? ""
            logger.warning("broker blocked", metadata: ["reason": "\(reason)"])
            endFirstAttempt(.failure(BrokerError("the broker has raised an alarm: \(reason)")))
        }
    }
}
