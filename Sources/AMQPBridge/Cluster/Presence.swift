internal import EventLoop
internal import JSON

/// The servers that are there, by what they say of themselves: heartbeats, and a goodbye.
struct Presence {
    struct Server: Equatable {
        let uid: String
        let namespaces: [String]
        let interval: Duration
        let subscriptionMode: String
        var traits = ServerTraits()
        var lastSeen: MonotonicTime
        /// The broker has said that the server is not there: until then it is missed all the same, for its clients may
        /// still be connected.
        var awayUntil: MonotonicTime?

        func serves(_ namespace: String) -> Bool { namespaces.contains { $0.hasBytes(of: namespace) } }

        /// Whether nothing was heard of it for so long that it is gone.
        func isSilent(now: MonotonicTime) -> Bool {
            awayUntil == nil && lastSeen + interval * Presence.missedIntervals <= now
        }
    }

    /// The intervals of silence after which a server is gone.
    fileprivate static let missedIntervals = 3
    private static let intervals: ClosedRange<Int> = 100...600_000
    /// A broker with more of them is not ours.
    private static let mostServers = 10_000
    /// The most bytes that the knowledge of all servers may take.
    private static let mostBytes = 64 << 20

    /// The time that a server that has fallen silent, or is not on the broker, is remembered: it may come back.
    private static let memory: Duration = .seconds(60)

    private var servers: [String: Server] = [:]
    /// The bytes that the knowledge of each server takes, by its uid.
    private var sizes: [String: Int] = [:]
    private var bytes = 0
    private var lost: [String: (server: Server, until: MonotonicTime)] = [:]

    var isEmpty: Bool { servers.isEmpty }
    var count: Int { servers.count }

    /// All servers, in the order of their uids.
    var all: [Server] { servers.values.sorted { $0.uid < $1.uid } }

    /// The uids of the servers that have the namespace.
    ///
    /// - Parameter includingLost: whether those count, too, that have fallen silent without a goodbye, and may come
    ///   back.
    func servers(of namespace: String, includingLost: Bool = false) -> Set<String> {
        let known = Array(servers.values) + (includingLost ? lost.values.map(\.server) : [])
        return Set(known.lazy.filter { $0.serves(namespace) }.map(\.uid))
    }

    /// Whether a server is known, and not only remembered.
    func isThere(_ uid: String) -> Bool { servers[uid] != nil }

    /// A server that is known, or remembered.
    func server(_ uid: String) -> Server? { servers[uid] ?? lost[uid]?.server }

    /// The uid of a server of the namespace that cannot do this; `nil`: there is none.
    func server(without feature: ServerFeature, of namespace: String) -> String? {
        servers.values.lazy.filter { !$0.traits.has(feature) && $0.serves(namespace) }.map(\.uid).min()
    }

    /// Whether the broker can be asked about any of these.
    func hasProbes(of uids: Set<String>) -> Bool { uids.contains { server($0)?.traits.probe != nil } }

    /// The servers, of these, that are not on the broker: they cannot answer.
    func away(of uids: Set<String>) -> Set<String> { uids.filter { server($0)?.awayUntil != nil } }

    /// The broker has no queue of this server.
    mutating func returned(_ uid: String, now: MonotonicTime) {
        if servers[uid] != nil { servers[uid]?.awayUntil = now + Self.memory }
        if lost[uid] != nil { lost[uid]?.server.awayUntil = now + Self.memory }
    }

    /// Begins the time of all servers anew: for a while none could be heard, so silence says nothing.
    mutating func forgive(now: MonotonicTime) {
        for uid in servers.keys { servers[uid]?.lastSeen = now }
    }

    /// Takes a message from `#presence`.
    ///
    /// - Returns: the uid of a server that has just gone.
    mutating func hear(_ message: ServerMessage, now: MonotonicTime) -> String? {
        switch message.kind {
        case .adapterClose:
            let wasLost = lost.removeValue(forKey: message.uid) != nil
            giveBack(message.uid)
            let wasThere = servers.removeValue(forKey: message.uid) != nil
            return wasThere || wasLost ? message.uid : nil
        case .heartbeat, .initialHeartbeat:
            guard takePlace(of: message) else {
                // What it says anew is not taken, but it is there.
                servers[message.uid]?.lastSeen = now
                return nil
            }
            lost[message.uid] = nil
            let interval = message.members["intervalMs"]?.integer ?? 5_000
            servers[message.uid] = Server(
                uid: message.uid, namespaces: message.members["namespaces"]?.strings() ?? ["/"],
                interval: .milliseconds(min(max(interval, Self.intervals.lowerBound), Self.intervals.upperBound)),
                subscriptionMode: message.members["mode"]?.string ?? "static",
                traits: ServerTraits(message.members), lastSeen: now)
            return nil
        default: return nil
        }
    }

    /// Whether what a server says of itself can be kept. Servers that have fallen silent keep their place for as long
    /// as they are remembered: made-up servers must not make the gateway forget the real ones.
    private mutating func takePlace(of message: ServerMessage) -> Bool {
        let known = sizes[message.uid]
        // A short name takes more in memory than in the text.
        let size = 1_024 + 8 * message.size
        guard known != nil || sizes.count < Self.mostServers, bytes - (known ?? 0) + size <= Self.mostBytes else {
            return false
        }
        bytes += size - (known ?? 0)
        sizes[message.uid] = size
        return true
    }

    private mutating func giveBack(_ uid: String) { bytes -= sizes.removeValue(forKey: uid) ?? 0 }

    /// Whether any has fallen silent that the broker has not said to be away.
    func hasSilent(now: MonotonicTime) -> Bool { servers.values.contains { $0.isSilent(now: now) } }

    /// Forgets the servers that have fallen silent, or have been away for too long.
    ///
    /// - Parameter sparesSilent: whether the silent ones stay, for it may be the broker that is silent.
    mutating func expire(now: MonotonicTime, sparesSilent: Bool = false) -> [String] {
        for (uid, server) in lost where server.until <= now {
            lost[uid] = nil
            giveBack(uid)
        }
        let gone = servers.values.filter { server in
            server.awayUntil.map { $0 <= now } ?? (!sparesSilent && server.isSilent(now: now))
        }
        for server in gone {
            servers[server.uid] = nil
            if server.awayUntil == nil { lost[server.uid] = (server, now + Self.memory) } else { giveBack(server.uid) }
        }
        return gone.map(\.uid)
    }
}
