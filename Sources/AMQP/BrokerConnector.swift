package import EventLoop
internal import Glibc
package import Logging
internal import Synchronization

/// The protocol spoken on a connection, as a state machine without I/O: the broker's frames go in, bytes for it come
/// out.
///
/// Lives on one event loop.
package protocol BrokerSession: AnyObject, SendableMetatype {
    /// Bytes for the broker.
    var outbound: OutboundBuffer { get set }
    /// Whether the broker has opened what the session needs.
    var isOpen: Bool { get }
    /// The reason why the broker takes no messages (`connection.blocked`); `nil` if it does.
    var blockedReason: String? { get }
    /// The time at which ``expire(now:)`` has something to do.
    var deadline: MonotonicTime? { get }
    /// The reason why the session cannot go on with this connection; `nil` if it can.
    var failure: BrokerError? { get }
    /// The time to stay away from the broker after a failure, unless a caller needs it; `nil`: the usual short while.
    var rest: Duration? { get }

    /// A new connection: asks for what the session needs.
    func connected(frameMax: Int)
    /// The connection is gone, or could not be made.
    func disconnected()
    func handle(_ frame: InboundFrame, on channel: UInt16, now: MonotonicTime)
    /// Gives up on what has waited too long.
    func expire(now: MonotonicTime)
    /// Makes an idle broker say whether it is blocked.
    func probe()
}

/// An event loop's connection to the broker: connects, and connects again, and moves a session's bytes.
///
/// `@unchecked Sendable`: everything but the status is touched on the loop's thread only; whatever can block (name
/// resolution, connecting, logging in) happens on a thread of its own, which hands the connection over whole.
package final class BrokerConnector<Session: BrokerSession>: EventSource, @unchecked Sendable {
    private enum Phase {
        case waiting(until: MonotonicTime)
        case connecting
        case connected(AMQPConnection, since: MonotonicTime)
        case closed
    }

    /// Called whenever the session has been opened.
    package var opened: (() -> Void)?
    /// Called once, on the loop, when the first attempt to connect has ended: the session is open, or why not. A broker
    /// that is blocked is a failure, although the connector goes on. To be set before the loop runs.
    package var firstAttemptEnded: ((Result<Void, BrokerError>) -> Void)?
    private let configuration: BrokerLink.Configuration
    private let loop: EventLoop
    private let logger: Logger
    private let session: Session
    private let keeping: ContentKeeping
    private let currentStatus = Atomic<UInt8>(BrokerLink.Status.disconnected.rawValue)
    /// The index, among the configuration's brokers, of the one that the status is about; -1: none.
    private let currentBroker = Atomic<Int>(-1)
    /// The brokers in the order in which they are tried. It is not the configuration's order, or all loops and all
    /// gateways would be at the first.
    private var endpoints: [BrokerEndpoint]
    // What each turn of the loop asks for is not watched for overlapping accesses: it is read and written in one step.
    @exclusivity(unchecked) private var phase = Phase.waiting(until: .now()) {
        didSet {
            if case .connected(let connection, _) = phase {
                (descriptor, isTLS) = (connection.descriptor, connection.isTLS)
            } else {
                descriptor = -1
            }
        }
    }
    /// The connection's descriptor; -1: there is no connection.
    @exclusivity(unchecked) private var descriptor: Int32 = -1
    @exclusivity(unchecked) private var isTLS = false
    private var backoff = Backoff()
    private var lastAttempt = MonotonicTime.now()
    private var hasOpened = false
    @exclusivity(unchecked) private var lastReceived = MonotonicTime.now()
    @exclusivity(unchecked) private var lastSent = MonotonicTime.now()
    /// The time at which the loop's turn began.
    @exclusivity(unchecked) private var turn = MonotonicTime.now()
    private var lastProbe = MonotonicTime.now()
    @exclusivity(unchecked) private var nextCheck = MonotonicTime.now()
    /// The time between two looks at heartbeats, probes and their time-outs.
    private static var checkInterval: Duration { .milliseconds(250) }
    /// The time that a connection is idle before it is asked whether it is blocked.
    private static var probeInterval: Duration { .seconds(2) }
    /// The least time between two attempts to connect, however often callers ask.
    private static var shortestRest: Duration { .seconds(1) }
    private var failures = BrokerFailures()

    /// - Parameter keeping: the messages that come in of which the session wants the bytes.
    package init(
        _ configuration: BrokerLink.Configuration, session: Session, keeping: ContentKeeping, loop: EventLoop,
        logger: Logger
    ) {
        self.configuration = configuration
        endpoints = configuration.endpoints.shuffled()
        self.session = session
        self.keeping = keeping
        self.loop = loop
        self.logger = logger
    }

    /// May be read on any thread.
    package var status: BrokerLink.Status {
        BrokerLink.Status(rawValue: currentStatus.load(ordering: .relaxed)) ?? .disconnected
    }

    /// The broker with which the connection is open, blocked or not; `nil`: there is no connection. May be read on any
    /// thread.
    package var broker: BrokerEndpoint? {
        let index = currentBroker.load(ordering: .relaxed)
        return index < 0 ? nil : configuration.endpoints[index]
    }

    // MARK: EventSource

    package var pollInterest: (descriptor: Int32, events: Int16)? {
        guard descriptor >= 0 else { return nil }
        let hasOutput = session.outbound.pending > 0
        if isTLS, case .connected(let connection, _) = phase { return connection.interest(hasOutput: hasOutput) }
        return (descriptor, Int16(POLLIN) | Int16(hasOutput ? POLLOUT : 0))
    }

    package var deadline: MonotonicTime? {
        switch phase {
        case .waiting(let until): min(session.deadline ?? until, until)
        case .connecting: session.deadline
        case .closed: nil
        case .connected: hasMore ? MonotonicTime(nanoseconds: 0) : min(session.deadline ?? nextCheck, nextCheck)
        }
    }

    /// Whether TLS has bytes that its socket tells nothing of.
    private var hasMore: Bool {
        guard isTLS, case .connected(let connection, _) = phase else { return false }
        return connection.hasMore
    }

    package func process(events: Int16, now: MonotonicTime) {
        loop.assertCurrent()
        turn = now
        switch phase {
        case .waiting(let until):
            session.expire(now: now)
            if until <= now { connect() }
        case .connecting: session.expire(now: now)
        case .closed: break
        case .connected: serve(events: events, now: now)
        }
    }

    package func flush() {
        guard session.outbound.pending > 0, case .connected(let connection, _) = phase else { return }
        do throws(BrokerError) {
            let before = session.outbound.totalSent
            try session.outbound.drain { bytes throws(BrokerError) in try connection.send(bytes) }
            if session.outbound.totalSent != before { lastSent = turn }
        } catch {
            lose(error, now: .now())
        }
    }

    /// Ends the connection, politely if nothing is half sent. The outcome of messages that are not confirmed by then
    /// stays unknown.
    package func close() {
        loop.assertCurrent()
        if case .connected(let connection, _) = phase { sayGoodbye(on: connection) }
        phase = .closed
        hasOpened = false
        session.disconnected()
        updateStatus()
    }

    /// Sends what is pending and `connection.close`, and waits for the answer, at most a second: closing a socket with
    /// unread bytes in it resets the connection, and the broker loses what it had not read yet.
    private func sayGoodbye(on connection: AMQPConnection) {
        let deadline = MonotonicTime.now() + .seconds(1)
        var isConfirmed = false
        FrameWriter.connectionClose(into: &session.outbound.bytes)
        do throws(BrokerError) {
            while !isConfirmed {
                try session.outbound.drain { bytes throws(BrokerError) in try connection.send(bytes) }
                guard connection.wait(hasOutput: session.outbound.pending > 0, until: deadline) else { return }
                try connection.receive { frame, channel throws(BrokerError) in
                    session.handle(frame, on: channel, now: .now())
                    isConfirmed = isConfirmed || frame == .connectionCloseConfirmed
                }
            }
            connection.sayGoodbye()
        } catch {
            // It is gone already.
        }
    }

    // MARK: Connecting

    /// The next round begins with the broker behind this one, which is the last to be tried.
    private func begin(behind endpoint: BrokerEndpoint) {
        guard let index = endpoints.firstIndex(of: endpoint) else { return }
        endpoints = Array(endpoints[(index + 1)...] + endpoints[...index])
    }

    /// Ends a rest, because a caller needs the connection: at the earliest a second after the last attempt.
    package func wake() {
        loop.assertCurrent()
        guard case .waiting(let until) = phase else { return }
        phase = .waiting(until: min(until, lastAttempt + Self.shortestRest))
    }

    private func connect() {
        phase = .connecting
        lastAttempt = .now()
        let round = BrokerRound(endpoints, configuration, keeping: keeping)
        // For as long as connecting may take: a weak reference would make every retain of the connector slow.
        let isStarted = SystemThread.detach(name: "amqp-connect") { [self] in
            let result: Result<AMQPConnection, BrokerError>
            var failures: [BrokerRound.Failure] = []
            do throws(BrokerError) {
                result = .success(try round.connect(&failures))
            } catch {
                result = .failure(error)
            }
            loop.execute { [failures] in self.connected(result, failures) }
        }
        guard !isStarted else { return }
        log([BrokerRound.Failure(endpoint: endpoints[0], error: .noThread)], isReplaced: false, now: .now())
        retry(after: .noThread, now: .now())
    }

    private func connected(_ result: Result<AMQPConnection, BrokerError>, _ failures: [BrokerRound.Failure]) {
        guard case .connecting = phase else { return }  // closed meanwhile: the connection goes with its last reference
        let now = MonotonicTime.now()
        log(failures, isReplaced: (try? result.get()) != nil, now: now)
        switch result {
        case .success(let connection):
            phase = .connected(connection, since: now)
            begin(behind: connection.endpoint)
            (lastReceived, lastSent) = (now, now)
            session.connected(frameMax: connection.frameMax)
        case .failure(let error):
            // Another one first: a name that takes for ever to be looked up must not be the first in every round.
            begin(behind: endpoints[0])
            retry(after: error, now: now)
        }
    }

    private func serve(events: Int16, now: MonotonicTime) {
        do throws(BrokerError) {
            if events != 0 || hasMore { try receive(after: events, now: now) }
            session.expire(now: now)
            if nextCheck <= now {
                nextCheck = now + Self.checkInterval
                try keepAlive(now: now)
            }
        } catch {
            lose(error, now: now)
        }
    }

    private func receive(after events: Int16, now: MonotonicTime) throws(BrokerError) {
        guard case .connected(let connection, _) = phase, connection.mayRead(after: events) else { return }
        let wasBlocked = session.blockedReason != nil
        lastReceived = now
        try connection.receive { frame, channel throws(BrokerError) in
            if case .connectionClosed(let close) = frame { throw BrokerError.connectionClosed(close) }
            session.handle(frame, on: channel, now: now)
        }
        if let failure = session.failure { throw failure }
        noticeOpening()
        updateStatus()
        // What the alarm held up has its time from now on.
        if wasBlocked, session.blockedReason == nil { phase = .connected(connection, since: now) }
    }

    private func keepAlive(now: MonotonicTime) throws(BrokerError) {
        guard case .connected(let connection, let since) = phase else { return }
        let patience = connection.endpoint.connectTimeout ?? configuration.connectTimeout
        // A blocked broker opens nothing until its alarm is over.
        if !hasOpened, session.blockedReason == nil, since + patience <= now {
            throw BrokerError("the broker did not open a channel in time")
        }
        if hasOpened, session.outbound.pending == 0, max(lastSent, lastProbe) + Self.probeInterval <= now {
            session.probe()
            lastProbe = now
        }
        guard let heartbeat = connection.heartbeat else { return }
        if lastReceived + heartbeat * 2 <= now { throw BrokerError("the broker has fallen silent") }
        if lastSent + heartbeat / 2 <= now {
            // Behind unsent bytes it would tell the broker nothing that they do not.
            if session.outbound.pending == 0 { FrameWriter.heartbeat(into: &session.outbound.bytes) }
            lastSent = now
        }
    }

    private func noticeOpening() {
        guard !hasOpened, session.isOpen else { return }
        hasOpened = true
        backoff.reset()
        opened?()
        if case .connected(let connection, _) = phase {
            failures.forget(connection.endpoint)
            logger.info("broker connected", metadata: ["broker": "\(connection.endpoint)"])
        }
        endFirstAttempt(.success(()))
    }

    private func endFirstAttempt(_ result: Result<Void, BrokerError>) {
        firstAttemptEnded?(result)
        firstAttemptEnded = nil
    }

    private func lose(_ error: BrokerError, now: MonotonicTime) {
        if case .connected(let connection, _) = phase {
            log([BrokerRound.Failure(endpoint: connection.endpoint, error: error)], isReplaced: false, now: now)
        }
        hasOpened = false
        retry(after: error, now: now)
    }

    private func retry(after error: BrokerError, now: MonotonicTime) {
        session.disconnected()
        let delay = session.rest ?? backoff.next(jitter: .random(in: 0..<1))
        phase = .waiting(until: now + delay)
        updateStatus()
        endFirstAttempt(.failure(error))
    }

    /// - Parameter isReplaced: whether another broker has let us in instead.
    private func log(_ failed: [BrokerRound.Failure], isReplaced: Bool, now: MonotonicTime) {
        for failure in failed where failures.isNews(failure, isReplaced: isReplaced, now: now) {
            logger.warning(
                "broker unavailable", metadata: ["broker": "\(failure.endpoint)", "reason": "\(failure.error)"])
        }
    }

    private func updateStatus() {
        let status: BrokerLink.Status = session.blockedReason != nil ? .blocked : hasOpened ? .ready : .disconnected
        guard status.rawValue != currentStatus.load(ordering: .relaxed) else { return }
        currentStatus.store(status.rawValue, ordering: .relaxed)
        currentBroker.store(indexOfBroker, ordering: .relaxed)
        if status == .blocked {
            let reason = session.blockedReason ?? ""
            logger.warning("broker blocked", metadata: ["reason": "\(reason)"])
            endFirstAttempt(.failure(BrokerError(PublishError.brokerBlocked(reason: reason).cause)))
        }
    }
    private var indexOfBroker: Int {
        guard case .connected(let connection, _) = phase else { return -1 }
        return configuration.endpoints.firstIndex(of: connection.endpoint) ?? -1
    }
}
