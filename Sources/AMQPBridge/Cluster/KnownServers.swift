internal import Synchronization

/// The knowledge of servers for emitters that publish without asking them: kept by the cluster client's thread, read by
/// any. Reading takes the same however many servers and namespaces there are, but for their uids.
final class KnownServers: Sendable {
    private struct Server {
        let namespaces: [String]
        let adapter: String?
        let isDynamic: Bool
        /// Whether it cannot tell rooms that are numbers from others.
        let isEarly: Bool
        /// Whether the broker has no queue of it.
        let isAway: Bool

        func isSame(as other: Server) -> Bool {
            isDynamic == other.isDynamic && isEarly == other.isEarly && isAway == other.isAway
                && adapter == other.adapter
                && namespaces.elementsEqual(other.namespaces) { $0.hasBytes(of: $1) }
        }
    }

    /// The number of servers that have a namespace.
    private struct Tally {
        var serving: Int32 = 0
        var dynamic: Int32 = 0
        var early: Int32 = 0
    }

    private struct State {
        var isComplete = false
        /// Whether servers are announcing themselves, so that there may be others.
        var isSearched = false
        var servers: [String: Server] = [:]
        /// The tallies by the namespace's name. Names are told apart by their bytes.
        var tallies: [RoomName: Tally] = [:]

        mutating func count(_ server: Server?, _ one: Int32) {
            guard let server else { return }
            for namespace in Set(server.namespaces.map { RoomName.name($0) }) {
                var tally = tallies[namespace] ?? Tally()
                tally.serving += one
                if server.isDynamic { tally.dynamic += one }
                if server.isEarly { tally.early += one }
                tallies[namespace] = tally.serving > 0 ? tally : nil
            }
        }
    }

    private let state = Mutex(State())
    private let changes = Atomic<Int>(0)

    /// Takes what a server says of itself; `nil`: it has gone.
    func note(_ uid: String, _ server: Presence.Server?) {
        let new = server.map {
            Server(
                namespaces: $0.namespaces, adapter: $0.traits.adapter, isDynamic: $0.subscriptionMode == "dynamic",
                isEarly: !$0.traits.has(.numbers), isAway: $0.awayUntil != nil)
        }
        state.withLock { state in
            let old = state.servers[uid]
            if let new, let old, new.isSame(as: old) { return }
            state.count(old, -1)
            state.count(new, 1)
            state.servers[uid] = new
            changes.add(1, ordering: .releasing)
        }
    }

    /// Whether all that are there have had the time to say so, and can be heard.
    func setComplete(_ isComplete: Bool) {
        state.withLock {
            $0.isComplete = isComplete
            $0.isSearched = false
            changes.add(1, ordering: .releasing)
        }
    }

    /// The servers as seen from one namespace; none while the servers are not known.
    func servers(of namespace: String) -> NamespaceServers {
        state.withLock { state in
            guard state.isComplete else { return NamespaceServers() }
            let tally = state.tallies[.name(namespace)] ?? Tally()
            return NamespaceServers(
                known: state.servers.count, serving: Int(tally.serving), dynamic: Int(tally.dynamic))
        }
    }

    /// The number of changes so far: while it is the same, so is what is known.
    var version: Int { changes.load(ordering: .acquiring) }

    /// All servers are called to announce themselves: until ``setComplete(_:)`` there may be others.
    func setSearched() {
        state.withLock {
            $0.isSearched = true
            changes.add(1, ordering: .releasing)
        }
    }

    /// The uids of the servers that have the namespace; none if there are more than `most`, or one is away, and while
    /// it is not certain which there are. This goes through all servers.
    func uids(of namespace: String, most: Int) -> [String] {
        state.withLock { state in
            guard state.isComplete, !state.isSearched, let tally = state.tallies[.name(namespace)],
                tally.serving <= most
            else { return [] }
            let serving = state.servers.filter { $0.value.namespaces.contains { $0.hasBytes(of: namespace) } }
            return serving.values.contains(where: \.isAway) ? [] : Array(serving.keys)
        }
    }

    /// The classes of the adapters that companions stand beside, and the namespaces of all servers, in order: the first
    /// of each.
    func summary(most: Int) -> (adapters: [String], namespaces: [String]) {
        state.withLock { state in
            (
                Set(state.servers.values.lazy.compactMap(\.adapter)).first(most) { $0.precedes($1) },
                state.tallies.keys.first(most) { $0.precedes($1) }.map(\.text)
            )
        }
    }

    /// The uid of a server of the namespace that cannot tell rooms that are numbers from others, as far as is known at
    /// this moment; `nil`: there is none.
    func serverWithoutNumbers(of namespace: String) -> String? {
        state.withLock { state in
            guard let tally = state.tallies[.name(namespace)], tally.early > 0 else { return nil }
            return state.servers.first {
                $0.value.isEarly && $0.value.namespaces.contains { $0.hasBytes(of: namespace) }
            }?.key
        }
    }
}

extension Collection {
    /// The first elements in this order.
    fileprivate func first(_ most: Int, by precedes: (Element, Element) -> Bool) -> [Element] {
        Array(sorted(by: precedes).prefix(most))
    }
}
