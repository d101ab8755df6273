internal import Synchronization

/// The servers that cannot tell rooms that are numbers from others, for whoever publishes without asking them: kept by
/// the cluster client's thread, read by any.
final class EarlyServers: Sendable {
    private let namespaces = Mutex<[String: [String]]>([:])

    /// Takes what a server says of itself; `nil`: it has gone.
    func note(_ uid: String, _ server: Presence.Server?) {
        let own = server.flatMap { $0.traits.has(.numbers) ? nil : $0.namespaces }
        namespaces.withLock { if $0[uid] != own { $0[uid] = own } }
    }

    /// The uid of one that has the namespace.
    func server(of namespace: String) -> String? {
        namespaces.withLock { all in
            all.first { $0.value.contains { $0.hasBytes(of: namespace) } }?.key
        }
    }
}
