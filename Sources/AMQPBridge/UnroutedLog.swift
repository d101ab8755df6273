internal import EventLoop
package import Logging
internal import Synchronization

/// Says in the log that an emit had no receiver, and what may be wrong: once a minute of each exchange, and of each
/// namespace that no server has. One for all event loops of a process.
package final class UnroutedLog: Sendable {
    private struct Subject: Hashable {
        let reason: UnroutedReason
        let exchange: String
        /// The namespace, if no server has it; otherwise `nil`.
        let namespace: String?
    }

    private let logger: Logger
    private let wireFormat: String
    private let virtualHost: String
    private let limiter = Mutex(WarningLimiter<Subject>(mostSubjects: 20))

    /// - Parameter wireFormat: its name.
    package init(_ logger: Logger, wireFormat: String, virtualHost: String) {
        self.logger = logger
        self.wireFormat = wireFormat
        self.virtualHost = virtualHost
    }

    func note(
        _ reason: UnroutedReason, exchange: String, namespace: String, cluster: ClusterClient?, now: MonotonicTime
    ) {
        let missing = reason == .noNamespace ? namespace : nil
        let subject = Subject(reason: reason, exchange: exchange, namespace: missing)
        guard limiter.withLock({ $0.allows(subject, now: now) }) else { return }
        var metadata: Logger.Metadata = [
            "reason": "\(reason.rawValue)", "exchange": "\(exchange)", "virtualHost": "\(virtualHost)",
            "wireFormat": "\(wireFormat)",
        ]
        if let missing { metadata["namespace"] = "\(missing)" }
        let servers = cluster?.servers(of: namespace).known ?? 0
        let (adapters, namespaces) = cluster?.summary(most: Self.mostNames) ?? ([], [])
        if servers > 0 { metadata["servers"] = "\(servers)" }
        if !adapters.isEmpty { metadata["adapters"] = "\(adapters.joined(separator: ", "))" }
        metadata["hint"] =
            "\(Self.hint(reason, servers: servers, namespaces, areTheirs: exchange == cluster?.exchange))"
        // Some of many rooms may be empty at any time.
        logger.log(level: reason == .noMember ? .notice : .warning, "nobody was there for an emit", metadata: metadata)
    }

    private static let mostNames = 10

    /// - Parameter areTheirs: whether the servers that are known take events from this very exchange.
    private static func hint(
        _ reason: UnroutedReason, servers: Int, _ namespaces: [String], areTheirs: Bool
    ) -> String {
        let answering =
            servers == 1 ? "the responder of a server is there" : "responders of \(servers) servers are there"
        switch reason {
        case .noMember where servers > 0 && !areTheirs:
            return "nobody is in the rooms; or, for \(answering), wireFormat is not theirs"
        case .noMember: return "nobody is in the rooms"
        case .noNamespace: return "the servers that answer have \(namespaces.joined(separator: ", "))"
        case _ where servers > 0 && areTheirs: return "the servers have gone since they were last heard of"
        case _ where servers > 0: return "\(answering): is wireFormat right? Is the exchange theirs?"
        case .noExchange:
            return
                "no server has declared it here (python-socketio's do so for their first client): are wireFormat, exchange "
                + "and virtual host those of the servers?"
        case .noServer: return "no server listens there: are wireFormat, exchange and virtual host theirs?"
        }
    }
}
