/// The reason why an emit had no receiver, as far as is known.
public enum UnroutedReason: String, Sendable, CaseIterable {
    /// The servers' exchange does not exist: no server was there yet, or its exchange or virtual host is another one.
    case noExchange = "no_exchange"
    /// The exchange exists, and no server takes events from it.
    case noServer = "no_server"
    /// No server has a socket in any of the rooms.
    case noMember = "no_member"
    /// Servers are known, and none of them has the namespace.
    case noNamespace = "no_namespace"
}

/// The servers that tell of themselves in heartbeats, as seen from one namespace. Companions do; other servers are not
/// known.
public struct NamespaceServers: Sendable, Equatable {
    /// The number of servers that are known, whatever namespaces they have.
    public var known = 0
    /// The number of servers that have the namespace.
    public var serving = 0
    /// The number of servers, of those, that take events for rooms only while one of their sockets is in one
    /// (subscription mode `dynamic`).
    public var dynamic = 0

    public init(known: Int = 0, serving: Int = 0, dynamic: Int = 0) {
        self.known = known
        self.serving = serving
        self.dynamic = dynamic
    }

    /// Whether servers are known, and none of them has the namespace.
    var lackNamespace: Bool { known > 0 && serving == 0 }
}
