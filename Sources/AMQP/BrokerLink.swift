public import EventLoop
package import Logging

/// Publishes on one event loop's connection to the broker.
///
/// `@unchecked Sendable`: everything but the status and the counters is touched on the loop's thread only.
public final class BrokerLink: EventSource, @unchecked Sendable {
    public struct Configuration: Sendable {
        /// The brokers of one cluster; at least one. Of several any will do.
        public var endpoints: [BrokerEndpoint]
        /// The name that RabbitMQ's management shows.
        public var connectionName = "socketio-gateway"
        /// Whole seconds; half of it without traffic and a heartbeat is sent, twice of it without any and the
        /// connection is given up.
        public var heartbeat: Duration = .seconds(10)
        public var connectTimeout: Duration = .seconds(10)
        public var confirmTimeout: Duration = .seconds(5)
        /// The most bytes that may wait to be sent or confirmed, per loop.
        public var pendingBytes = 32 << 20

        /// - Parameters:
        ///   - url: `amqp://user:password@host:port/vhost`, `amqps://…` for TLS, with RabbitMQ's query parameters; or
        ///     several with `;` between them. Each may have several hosts, with commas between them.
        ///   - tls: the settings of TLS, as far as a URL that asks for it does not have its own.
        public init(url: String, tls: BrokerTLS = BrokerTLS()) throws(BrokerURLError) {
            endpoints = try BrokerURL.endpoints(of: url, tls: tls)
        }

        /// The brokers as logs and messages show them: without user and password.
        public var place: String {
            guard endpoints.count > 1 else { return "\(endpoint)" }
            return "\(endpoints.map(\.place).joined(separator: ", ")), virtual host \(endpoint.virtualHost)"
        }

        /// A URL, or several, with stars for the passwords.
        package static func withoutPasswords(_ url: String) -> String { BrokerURL.withoutPasswords(url) }

        /// The first broker, for what all have in common.
        public var endpoint: BrokerEndpoint { endpoints[0] }
    }

    /// The state of the connection, for health checks.
    package enum Status: UInt8, Sendable {
        case disconnected, blocked, ready
    }

    package let counters: PublisherCounters
    package let loop: EventLoop
    private let configuration: Configuration
    private let knowledge: BrokerKnowledge
    private let publisher: Publisher
    private let connector: BrokerConnector<Publisher>
    private let waits = ConfirmWaits()

    /// - Parameter knowledge: one for all links of the process to this broker.
    package init(
        _ configuration: Configuration, knowledge: BrokerKnowledge = BrokerKnowledge(), loop: EventLoop, logger: Logger
    ) {
        self.configuration = configuration
        self.knowledge = knowledge
        self.loop = loop
        counters = PublisherCounters()
        publisher = Publisher(
            limits: .init(confirmTimeout: configuration.confirmTimeout, pendingBytes: configuration.pendingBytes),
            counters: counters, knowledge: knowledge)
        connector = BrokerConnector(
            configuration, session: publisher, keeping: .ofGuest, loop: loop, logger: logger)
        connector.opened = { [counters] in counters.connects.add(1) }
        let log = ChannelCloseLog(logger, counters.channelsClosed)
        publisher.channelClosed = { log.note($0, now: .now()) }
        // Until it is closed: a weak reference would make every retain of the link slow (they are counted elsewhere
        // then).
        knowledge.listen(publisher.asker) { [self] answer in
            loop.execute { self.publisher.learn(answer, now: .now()) }
        }
    }

    /// The most bytes that one emit may take.
    package var largestEmit: Int { configuration.pendingBytes / 2 }

    /// May be read on any thread.
    package var status: Status { connector.status }

    /// The broker with which the connection is open, blocked or not; `nil`: there is no connection. May be read on any
    /// thread.
    package var broker: BrokerEndpoint? { connector.broker }

    // MARK: Publishing

    /// Publishes and waits for the broker's confirms.
    ///
    /// - Returns: where they went; ``Routing/routed`` if any of them went into a queue.
    package func publish(_ publications: [Publication]) async throws(PublishError) -> Routing {
        // Unsafe only in that nothing checks for the one resume: a request completes exactly once (see its tests).
        let result: Result<Routing, PublishError> = await withUnsafeContinuation { continuation in
            publish(Publications(publications)) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Publishes, and tells the outcome once, by the deadline, perhaps before this returns. The outcome of messages
    /// that are not confirmed by then is unknown to the caller; they stay under way.
    package func publish(
        _ publications: Publications, until deadline: MonotonicTime,
        completion: @escaping (Result<Routing, PublishError>) -> Void
    ) {
        loop.assertCurrent()
        let id = waits.begin(until: deadline, completion)
        publish(publications) { [self] in waits.end(id)?($0) }
    }

    /// Publishes, and tells the request once what became of it, perhaps before this returns.
    package func publish(_ request: consuming PublishRequest) {
        // As `assertCurrent`, which is called even where it does nothing: this is for every emit.
        assert(loop.isOwnedHere, "not on the event loop that this lives on")
        publisher.publish(request, now: .now())
    }

    private func publish(_ publications: Publications, completion: @escaping (Result<Routing, PublishError>) -> Void) {
        publish(ClosureRequest(publications, completion: completion))
    }

    /// Asks the broker whether the exchange takes messages.
    package func lookUp(_ exchange: String) async throws(PublishError) -> ExchangeAnswer.Finding {
        loop.assertCurrent()
        // Unsafe only in that nothing checks for the one resume: a waiting caller is taken out before it is told.
        let result: Result<ExchangeAnswer.Finding, PublishError> = await withUnsafeContinuation { continuation in
            publisher.lookUp(exchange, now: .now()) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The reason why these could not be published, as far as that can be told without trying; `nil`: there is none.
    package func fault(of publications: [Publication]) -> PublishError? {
        loop.assertCurrent()
        return publisher.fault(of: publications)
    }

    /// Whether this would take more than half of the room that all share.
    package func isCrowded(with request: PublishRequest) -> Bool { publisher.isCrowded(with: request) }

    /// The reason why the request cannot be taken now; `nil` if it can.
    package func refusal(of request: PublishRequest) -> PublishError? { publisher.refusal(of: request) }

    /// See ``BrokerConnector/firstAttemptEnded``.
    package var firstAttemptEnded: ((Result<Void, BrokerError>) -> Void)? {
        get { connector.firstAttemptEnded }
        set { connector.firstAttemptEnded = newValue }
    }

    // MARK: The guest channel

    /// Gives the guest channel to somebody. To be called before the loop runs.
    package func take(in guest: any GuestChannel) { publisher.guest = guest }

    /// Whether something of the guest's can be sent now: the connection is open, the broker takes messages, and not
    /// too many bytes wait.
    package var hasRoomForGuest: Bool { publisher.hasRoomForGuest }

    /// How many bytes have left on the connection, and how many have been written.
    package var sent: UInt64 { publisher.outbound.totalSent }
    package var written: UInt64 { publisher.outbound.streamEnd }

    /// Writes for the guest, whose bytes leave with the turn's others.
    package func write<Result>(_ write: (_ buffer: inout [UInt8], _ frameMax: Int) -> Result) -> Result {
        loop.assertCurrent()
        return publisher.write(write)
    }

    // MARK: EventSource

    package var pollInterest: (descriptor: Int32, events: Int16)? { connector.pollInterest }

    package var deadline: MonotonicTime? {
        var deadline = connector.deadline
        if let waiting = waits.deadline { deadline = min(waiting, deadline ?? waiting) }
        if let guests = publisher.guest?.deadline { deadline = min(guests, deadline ?? guests) }
        return deadline
    }

    package func process(events: Int16, now: MonotonicTime) {
        // Confirms that have come count, however late it is.
        connector.process(events: events, now: now)
        if let guest = publisher.guest, let deadline = guest.deadline, deadline <= now { guest.expire(now: now) }
        guard let deadline = waits.deadline, deadline <= now else { return }
        for tell in waits.expired(now: now) { tell(.failure(.unknown(.confirmTimedOut))) }
    }

    package func flush() { connector.flush() }

    /// Ends the connection, politely if nothing is half sent. The outcome of messages that are not confirmed by then
    /// stays unknown.
    package func close() {
        connector.close()
        knowledge.stopListening(publisher.asker)
    }
}
