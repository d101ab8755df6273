/// An emit that is to be checked, and not published.
package struct DryRunRequest: Sendable, Equatable {
    /// The way in which the emit would have been sent: not every way can do all.
    package enum Way: Sendable {
        case alone, acknowledged, inBatch
    }

    package var emit: Emit
    package let way: Way
    /// Whether servers are to be asked how many sockets would receive it.
    package let countsRecipients: Bool

    package init(_ emit: Emit, _ way: Way, countsRecipients: Bool) {
        self.emit = emit
        self.way = way
        self.countsRecipients = countsRecipients
    }
}

/// The destination that an emit would have had.
package struct DryRun: Sendable, Equatable {
    package let exchange: String
    /// Whether the exchange exists.
    package let exists: Bool
    /// The routing keys of all messages, at least one.
    package let routingKeys: [String]
    /// The number of sockets that would receive it from servers that listen there, each counted once: none if the
    /// exchange does not exist; `nil`: not all servers have said so.
    package let recipients: Int?
    /// The tally of the servers that were asked for the recipients; `nil`: none was asked, or none had to be.
    package let servers: ServerTally?

    package init(exchange: String, exists: Bool, routingKeys: [String], recipients: Int?, servers: ServerTally?) {
        self.exchange = exchange
        self.exists = exists
        self.routingKeys = routingKeys
        self.recipients = recipients
        self.servers = servers
    }
}
