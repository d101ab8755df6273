/// One message as it goes to RabbitMQ, made by a wire format from a command.
public struct Publication: Sendable, Equatable {
    public var exchange: String
    /// The routing key, of at most ``maximumNameBytes`` bytes.
    public var routingKey: String
    /// Further routing keys, as the `CC` header (RabbitMQ's sender-selected distribution).
    public var carbonCopies: [String]
    /// The time that the message may wait in a queue, in milliseconds; `nil`: for ever.
    public var expiration: Int?
    public var body: [UInt8]
    /// Whether a queue that takes it is a server that wanted it.
    public var knowsRecipients = true
    /// The trace to put into the headers, as `traceparent` and `tracestate`; `nil`: neither.
    public var trace: TraceContext?

    /// A short string's limit (AMQP 0-9-1, section 4.2.5.3): exchanges, routing keys and so room names.
    public static let maximumNameBytes = 255

    public init(
        exchange: String, routingKey: String, carbonCopies: [String] = [], expiration: Int? = nil, body: [UInt8]
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.carbonCopies = carbonCopies
        self.expiration = expiration
        self.body = body
    }

    /// The bytes that the publication takes on the wire, about.
    package var encodedSize: Int {
        body.count + routingKey.utf8.count + exchange.utf8.count
            + carbonCopies.reduce(0) { $0 + $1.utf8.count + 5 } + 128 + (trace?.encodedSize ?? 0)
    }
}

extension TraceContext {
    /// The most bytes that it takes in the headers.
    fileprivate var encodedSize: Int { traceparent.utf8.count + (tracestate?.utf8.count ?? 0) + 40 }
}

extension Publication {
    /// The same message, in this trace.
    func with(_ trace: TraceContext) -> Publication {
        var publication = self
        publication.trace = trace
        return publication
    }
}

extension [Publication] {
    package var encodedSize: Int { reduce(0) { $0 + $1.encodedSize } }

    /// The same messages, in this trace. Wire formats know nothing of it: it is beside what they write.
    package func with(_ trace: TraceContext) -> [Publication] { map { $0.with(trace) } }
}
