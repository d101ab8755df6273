internal import AMQPBridge
internal import EventLoop

/// Connections that are over on our side while their clients still send: closing a socket with unread bytes in it
/// resets it, and the answer that was sent is lost on the way.
///
/// Further bytes are dropped until the client has ended its side, has been silent for a while, or has gone on for too
/// long. Each counts as a connection until then.
struct LingerTable {
    struct Limits: Sendable, Equatable {
        /// The time that a client may be silent.
        var silence: Duration = .seconds(5)
        /// The time that it may go on in all.
        var total: Duration = .seconds(30)
    }

    private struct Entry {
        let countedAs: ClientAddress?
        let number: Int
        let end: MonotonicTime
        var silenceEnds: MonotonicTime
    }

    /// Whether closing a connection now would take back the answer that was just sent.
    ///
    /// - Parameters:
    ///   - isCut: whether it was ended under libmicrohttpd: then no client waits for an answer.
    ///   - hasUnreadBody: whether the client may still send a body that is not read.
    ///   - readableBytes: the number of bytes that have come and were not read.
    static func isNeeded(isCut: Bool, hasUnreadBody: Bool, readableBytes: @autoclosure () -> Int32) -> Bool {
        !isCut && (hasUnreadBody || readableBytes() > 0)
    }

    private let limits: Limits
    private var entries: [Int32: Entry] = [:]
    /// The connections in the order in which they came; some of them are gone.
    private var order: [(descriptor: Int32, number: Int)] = []
    /// The index in the order before which all are gone.
    private var first = 0
    private var number = 0
    /// The time by which all end, because the gateway does.
    private var lastCall: MonotonicTime?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }
    /// The number of connections that are remembered, those that are gone included.
    var tracked: Int { order.count }

    func contains(_ descriptor: Int32) -> Bool { entries[descriptor] != nil }

    mutating func add(_ descriptor: Int32, countedAs: ClientAddress?, now: MonotonicTime) {
        number += 1
        entries[descriptor] = Entry(
            countedAs: countedAs, number: number, end: now + limits.total, silenceEnds: now + limits.silence)
        order.append((descriptor, number))
        if order.count > 2 * entries.count + 64 {
            order.removeAll { entries[$0.descriptor]?.number != $0.number }
            first = 0
        }
    }

    /// Bytes have come.
    mutating func heard(_ descriptor: Int32, now: MonotonicTime) {
        entries[descriptor]?.silenceEnds = now + limits.silence
    }

    /// Takes one out.
    ///
    /// - Returns: the client that it counted against; `nil` if it is not there.
    mutating func remove(_ descriptor: Int32) -> ClientAddress?? {
        entries.removeValue(forKey: descriptor).map(\.countedAs)
    }

    /// The one that has been here longest.
    mutating func oldest() -> Int32? {
        while first < order.count {
            if entries[order[first].descriptor]?.number == order[first].number { return order[first].descriptor }
            first += 1
        }
        return nil
    }

    var all: [Int32] { Array(entries.keys) }

    /// The connections whose time is over.
    func due(now: MonotonicTime) -> [Int32] {
        entries.filter { _, entry in min(entry.end, entry.silenceEnds, lastCall ?? entry.end) <= now }.map(\.key)
    }

    /// Ends all connections by this time, because the gateway ends.
    mutating func end(by time: MonotonicTime) {
        lastCall = time
    }
}
