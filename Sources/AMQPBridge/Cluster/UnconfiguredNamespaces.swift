/// Finds the namespaces that servers with socket.io-amqp0 have, by their companions' heartbeats, and that the gateway
/// does not emit to: on one exchange those take each other's events.
struct UnconfiguredNamespaces {
    /// The beginning of the names of socket.io-amqp0's classes (7.0.2: `AmqpAdapter`, and its `AmqpAdapterWrapper`).
    private static let adapters = "AmqpAdapter"
    /// The most namespaces that are told: enough to see what is meant.
    private static let most = 20

    private let configured: [String]
    private var isTold = false

    init(configured: [String]) {
        self.configured = configured
    }

    /// The namespaces that are to be told, in order; `nil`: none, or they have been told. Once is enough: its reader
    /// looks at them all.
    mutating func news(of servers: [Presence.Server]) -> [String]? {
        guard !isTold else { return nil }
        let namespaces = servers.filter { $0.traits.adapter?.hasPrefix(Self.adapters) ?? false }.flatMap(\.namespaces)
        let unknown = namespaces.withoutDuplicates.filter { name in !configured.contains { $0.hasBytes(of: name) } }
        guard !unknown.isEmpty else { return nil }
        isTold = true
        return Array(unknown.sorted { $0.precedes($1) }.prefix(Self.most))
    }
}
