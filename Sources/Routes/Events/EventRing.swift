package import AMQPBridge
internal import JSON

/// The last events, by number: the oldest make room for the newest.
struct EventRing {
    struct Limits {
        /// The most events that are kept.
        var events = 10_000
        /// The most bytes that they take, about.
        var bytes = 8 << 20
    }

    /// An event, with what filters need. Its id, which depends on its number, is not in it.
    struct Entry {
        let kind: ClusterEvent.Kind
        let namespace: String?
        let room: RoomName?
        /// A JSON object without the id.
        let json: [UInt8]

        init(_ event: ClusterEvent) {
            kind = event.kind
            namespace = event.namespace
            room = event.room
            json = JSONWriter.bytes(capacity: 160) { $0.object { $0.members(of: event) } }
        }

        /// The bytes that it takes, its place in the ring included.
        fileprivate var size: Int {
            json.count + (namespace?.utf8.count ?? 0) + (room?.text.utf8.count ?? 0) + 160
        }
    }

    private let limits: Limits
    /// `nil`: a number without an event, or an event that has made room.
    private var entries: [Entry?] = []
    /// The number of places at the beginning that have made room.
    private var head = 0
    private var bytes = 0
    /// The number of the next event.
    private(set) var next: UInt64 = 1

    init(_ limits: Limits = Limits()) { self.limits = limits }

    var count: Int { entries.count - head }
    /// The number of the oldest event that is there.
    var first: UInt64 { next - UInt64(count) }

    mutating func append(_ entry: Entry) { append(optional: entry) }

    /// Leaves a number out: what comes is not the sequel of what has been.
    mutating func skip() { append(optional: nil) }

    /// Forgets all events, and leaves a number out.
    mutating func clear() {
        entries = []
        head = 0
        bytes = 0
        next += 1
    }

    /// The event of a number from ``first`` on and below ``next``; `nil`: the number was left out.
    subscript(number: UInt64) -> Entry? { entries[head + Int(number - first)] }

    private mutating func append(optional entry: Entry?) {
        entries.append(entry)
        bytes += entry?.size ?? 0
        next += 1
        while count > limits.events || bytes > limits.bytes, count > 1 { drop() }
    }

    private mutating func drop() {
        bytes -= entries[head]?.size ?? 0
        entries[head] = nil
        head += 1
        if head > 1_024, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
    }
}

extension ClusterEvent {
    /// The event as it is published: a JSON object.
    @Sendable package static func json(_ event: ClusterEvent, id: String) -> [UInt8] {
        JSONWriter.bytes(capacity: 192) { json in
            json.object {
                $0.member("id", id)
                $0.members(of: event)
            }
        }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func members(of event: ClusterEvent) {
        member("type", event.kind.rawValue)
        member("time", UTCTime.text(milliseconds: event.time))
        if let namespace = event.namespace { member("namespace", namespace) }
        if let room = event.room { member("room", room) }
        if let socket = event.socket { member("socket", socket) }
        if let server = event.server { member("server", server) }
        if let reason = event.reason { member("reason", reason) }
    }
}
