package import AMQPBridge
internal import JSON

/// An event in the feed, with what filters need. Its id, which depends on its number, is not in it.
struct EventEntry: RingEntry {
    let kind: ClusterEvent.Kind
    let namespace: String?
    let room: RoomName?
    /// A JSON object without the id.
    let json: [UInt8]
    /// The same without the server, if it is one that not every reader is told of.
    let jsonWithoutServer: [UInt8]?

    init(_ event: ClusterEvent) {
        kind = event.kind
        namespace = event.namespace
        room = event.room
        json = Self.json(event)
        var anonymous = event
        anonymous.server = nil
        jsonWithoutServer = event.kind == .sync && event.server != nil ? Self.json(anonymous) : nil
    }

    private static func json(_ event: ClusterEvent) -> [UInt8] {
        JSONWriter.bytes(capacity: 160) { $0.object { $0.members(of: event) } }
    }

    var size: Int {
        json.count + (jsonWithoutServer?.count ?? 0) + (namespace?.utf8.count ?? 0) + (room?.text.utf8.count ?? 0) + 160
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
