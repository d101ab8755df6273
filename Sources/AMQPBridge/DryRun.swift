/// An emit that is to be checked, and not published.
public struct DryRunRequest: Sendable, Equatable {
    /// How the emit would have been sent: not every way can do all.
    public enum Way: Sendable {
        case alone, acknowledged, inBatch
    }

    public var emit: Emit
    public let way: Way
    /// Whether servers are to be asked how many sockets would receive it.
    public let countsRecipients: Bool

    public init(_ emit: Emit, _ way: Way, countsRecipients: Bool) {
        self.emit = emit
        self.way = way
        self.countsRecipients = countsRecipients
    }
}

/// Where an emit would have gone.
public struct DryRun: Sendable, Equatable {
    public let exchange: String
    /// Whether the exchange exists.
    public let exists: Bool
    /// Of all messages, one at least.
    public let routingKeys: [String]
    /// How many sockets would receive it from servers that listen there, each counted once: none if the exchange does not exist; `nil`: not
    /// all servers have said so.
    public let recipients: Int?
    /// Who has been asked for that; `nil`: nobody, or nobody had to be.
    public let servers: ServerTally?

    public init(exchange: String, exists: Bool, routingKeys: [String], recipients: Int?, servers: ServerTally?) {
        self.exchange = exchange
        self.exists = exists
        self.routingKeys = routingKeys
        self.recipients = recipients
        self.servers = servers
    }
}
