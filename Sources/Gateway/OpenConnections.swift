internal import AMQPBridge

/// The brokers with which connections are open.
struct OpenConnections: Sendable {
    /// The purpose of a connection.
    enum Purpose: String, CaseIterable {
        /// An event loop's: it publishes.
        case emits
        /// The cluster client's: servers are asked over it.
        case questions
    }

    /// `host:port` of those that are configured, each once, in their order.
    let brokers: [String]
    private let open: [Purpose: [String]]

    /// - Parameters:
    ///   - configured: all brokers there are.
    ///   - emits: the broker of each event loop; `nil`: the loop has none.
    ///   - questions: the broker of the cluster client; `nil`: there is none.
    init(configured: [BrokerEndpoint], emits: [BrokerEndpoint?], questions: BrokerEndpoint?) {
        var seen: Set<String> = []
        brokers = configured.map(\.place).filter { seen.insert($0).inserted }
        open = [.emits: emits.compactMap { $0?.place }, .questions: [questions].compactMap { $0?.place }]
    }

    func count(_ purpose: Purpose, with broker: String) -> Int {
        open[purpose, default: []].count { $0 == broker }
    }

    /// The brokers that event loops publish to.
    var publishing: [String] { brokers.filter { count(.emits, with: $0) > 0 } }
}
