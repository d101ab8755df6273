package import JSON

// What comes back from a cluster.

/// A value gathered from servers, and the tally of these servers.
package struct ClusterAnswer<Value: Sendable>: Sendable {
    package let value: Value
    package let servers: ServerTally

    package init(_ value: Value, servers: ServerTally) {
        self.value = value
        self.servers = servers
    }
}

extension ClusterAnswer: Equatable where Value: Equatable {}

/// The tally of servers that have answered, and of those that have not.
public struct ServerTally: Sendable, Equatable {
    public let expected: Int
    public let responded: Int
    /// The uids of those that have not.
    public let missing: [String]
    /// The uids of those whose answer, or a part of it, was too large to be sent. They are neither missing nor have
    /// they responded.
    public let tooLarge: [String]

    public init(expected: Int, responded: Int, missing: [String], tooLarge: [String] = []) {
        self.expected = expected
        self.responded = responded
        self.missing = missing
        self.tooLarge = tooLarge
    }

    public var isComplete: Bool { missing.isEmpty && tooLarge.isEmpty }
}

/// The outcome of an emit that clients were asked to acknowledge. Unknown members are `nil`.
package struct AcknowledgedReceipt: Sendable, Equatable {
    package let id: String
    package let routed: Bool?
    /// The reason why ``routed`` is `false`; `nil` where it is not.
    package let reason: UnroutedReason?
    /// The number of clients that the event was sent to.
    package let recipients: Int?
    /// The arguments of each answer: a JSON array.
    package let responses: [JSONText]
    /// Whether all awaited clients have answered: all recipients or, if that was asked for, the first.
    package let isComplete: Bool?
    package let servers: ServerTally?
}

package struct ServerDescription: Sendable, Equatable {
    package let uid: String
    package let namespaces: [String]
    package let lastSeen: Duration
    package let subscriptionMode: String
    /// The features, of those that not every server has, that this one has; `nil`: an early companion, which does not
    /// say.
    package var features: Set<String>?
    /// The class of the adapter that its companion stands beside; `nil`: not told.
    package var adapter: String?
}

/// The reason why a question has no answer at all.
public enum ClusterError: Error, Sendable, Equatable {
    /// No server answers questions on this exchange.
    case noServers(exchange: String)
    /// This gateway asks no servers: its operator does not want it to.
    case turnedOff
    case brokerUnavailable
    /// The broker says nothing any more: neither has it confirmed anything nor has a server answered. Nothing was done.
    case brokerSilent
    case brokerBlocked(reason: String)
    /// The broker does not let us use the exchange.
    case brokerRefused(exchange: String)
    /// Too many questions are under way.
    case overloaded
    /// A server cannot do what it would be asked for.
    case notSupported(ServerFeature, server: String)
    /// The question does not fit into a message.
    case tooLarge
    /// The connection broke behind something that may have been done.
    case unknown
    /// The broker has not confirmed in time, nor has a server answered: it may have been done.
    case unconfirmed
    /// A queue has not taken it (`basic.nack`), and no server has answered: it may have been done.
    case brokerNack
    /// The caller does not wait any more.
    case abandoned
}
