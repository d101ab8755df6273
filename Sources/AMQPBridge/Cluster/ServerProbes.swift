internal import EventLoop

/// Asks the broker whether servers are still there: a `mandatory` message to the key that a server names in its
/// heartbeat comes back when its queue is gone (docs/cluster-protocol.md, `probe`).
///
/// There is one probe at a time for each server, for all questions together.
struct ServerProbes {
    enum Return: Equatable {
        /// The server is not on the broker.
        case gone(uid: String)
        /// The server has been heard of since the probe was sent, perhaps before it left the broker: the return says
        /// nothing.
        case outdated(uid: String)
    }

    private struct Probe {
        let uid: String
        let sent: MonotonicTime
        var isOutdated = false
    }

    private static let prefix = "probe-"

    private var probes: [String: Probe] = [:]
    /// The message id of the last probe for each server.
    private var last: [String: String] = [:]
    private var number = 0

    /// The number of servers that have been asked about.
    var count: Int { probes.count }

    static func isProbe(_ messageID: String) -> Bool { messageID.hasPrefix(prefix) }

    /// A probe is to be sent, unless one was `since` then: its outcome answers for all.
    ///
    /// - Returns: its message id; `nil` if it is not needed.
    mutating func begin(_ uid: String, since: MonotonicTime, now: MonotonicTime) -> String? {
        if let probe = last[uid].flatMap({ probes[$0] }), !probe.isOutdated, probe.sent >= since { return nil }
        forget(uid)
        number += 1
        let id = "\(Self.prefix)\(number)"
        probes[id] = Probe(uid: uid, sent: now)
        last[uid] = id
        return id
    }

    /// Takes back a probe that no queue took. `nil`: a later one has been sent, or the answer is not needed any more.
    mutating func returned(_ id: String) -> Return? {
        guard let probe = probes[id] else { return nil }
        forget(probe.uid)
        return probe.isOutdated ? .outdated(uid: probe.uid) : .gone(uid: probe.uid)
    }

    /// The server has given a sign of life.
    mutating func heard(of uid: String) {
        if let id = last[uid] { probes[id]?.isOutdated = true }
    }

    /// Forgets the probes of all other servers, for they are not known any more.
    mutating func keep(where isKnown: (_ uid: String) -> Bool) {
        for uid in last.keys where !isKnown(uid) { forget(uid) }
    }

    private mutating func forget(_ uid: String) {
        if let id = last.removeValue(forKey: uid) { probes[id] = nil }
    }
}
