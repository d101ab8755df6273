internal import JSON

/// python-socketio's AsyncAioPikaManager and KombuManager, version 5.15.1 and later (observed: 5.18.1).
///
/// A fanout exchange: every server receives every message and does its part. No content type is set: with
/// `application/json` kombu would decode `{"__type__": …}` objects in the caller's data, and an unknown one stopped the
/// server's listener (observed).
public struct PythonSocketIO: WireFormat {
    public static let name = "python-socketio"

    /// The library's `channel`.
    public var exchange: String
    /// How long a message may wait for a server, in milliseconds: the queue of a dead one collects for five minutes.
    public var expiration: Int?
    /// Who published: servers ignore messages with their own. 32 hexadecimal digits, random per process.
    public let hostID: String

    public let knowsRecipients = false

    public init(exchange: String = "socketio", expiration: Int? = 60_000, hostID: String = Self.randomHostID()) {
        self.exchange = exchange
        self.expiration = expiration
        self.hostID = hostID
    }

    public static func randomHostID() -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<32).map { _ in digits[Int.random(in: 0..<16)] })
    }

    public var exchanges: [ServerExchange] { [ServerExchange(name: exchange, kind: .fanout)] }

    public var callbackAddress: CallbackAddress? { CallbackAddress(exchange: exchange, hostID: hostID) }
    public let exceptsRooms = false

    /// Every server has a queue for all of its namespaces.
    public func unroutedReason(of emit: Emit, _ servers: NamespaceServers) -> UnroutedReason { .noServer }

    /// The library's own messages for one socket, and for emptying a room. What it does with some rooms was observed with
    /// 5.18.1: it lets a socket leave the room of its own id, by which alone it can be reached; joining or emptying that of
    /// another socket is an error in the server (`ValueError`: "cannot enter a sid room", "cannot close a sid room").
    public func publications(for command: ChangeSockets) throws(NotExpressible) -> [Publication]? {
        let selection = command.selection
        switch command.change {
        case .join(let rooms):
            guard let id = selection.id else { return nil }
            try refuse(rooms, "python-socketio's sockets cannot join the room of another socket's id") {
                $0.isSocketID && $0 != .name(id)
            }
            return rooms.withoutDuplicates.map { native("enter_room", selection, sid: id, room: $0) }
        case .leave(let rooms):
            if let id = selection.id {
                try refuse(rooms, "without the room of its own id a socket could not be reached any more") {
                    $0 == .name(id)
                }
                return rooms.withoutDuplicates.map { native("leave_room", selection, sid: id, room: $0) }
            }
            // Everybody in a room leaves it.
            guard selection.except.isEmpty, rooms.count == 1, rooms == selection.rooms else { return nil }
            try refuse(rooms, "python-socketio's servers do not empty the room of a socket's id") { $0.isSocketID }
            return [native("close_room", selection, room: rooms[0])]
        case .disconnect(let close):
            guard let id = selection.id else { return nil }
            guard !close else {
                throw NotExpressible(
                    CommandField("close"),
                    "without a responder python-socketio's servers end one namespace only, and keep the connection")
            }
            return [native("disconnect", selection, sid: id)]
        }
    }

    private func refuse(
        _ rooms: [RoomName], _ detail: String, where isRefused: (RoomName) -> Bool
    ) throws(NotExpressible) {
        guard let index = rooms.firstIndex(where: isRefused) else { return }
        throw NotExpressible(CommandField("rooms", index: index), detail)
    }

    private func native(
        _ method: StaticString, _ selection: SocketSelection, sid: String? = nil, room: RoomName? = nil
    ) -> Publication {
        var json: [UInt8] = []
        json.append(json: "{\"method\":\"")
        json.append(json: method)
        json.append(json: "\"")
        json.append(member: "sid", sid)
        if let room {
            json.append(json: ",\"room\":")
            json.append(room: room)
        }
        json.append(member: "namespace", selection.namespace)
        json.append(member: "host_id", hostID)
        json.append(json: "}")
        return publication(json)
    }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] {
        [publication(try body(of: emit))]
    }

    /// An emit whose clients' answers come back with this number. The library answers to the room it was sent to, so there
    /// has to be one.
    public func publication(for emit: Emit, callback number: Int) throws(NotExpressible) -> Publication? {
        guard let room = emit.rooms.first else {
            throw NotExpressible(
                CommandField("rooms"),
                "python-socketio servers return acknowledgements only for rooms; name them, or install the responder")
        }
        let body = try body(of: emit) { json in
            json.append(json: "[")
            json.append(room: room)
            json.append(json: ",")
            json.append(jsonString: emit.namespace)
            json.append(json: ",")
            json.append(contentsOf: String(number).utf8)
            json.append(json: "]")
        }
        return publication(body)
    }

    private func publication(_ body: [UInt8]) -> Publication {
        var publication = Publication(exchange: exchange, routingKey: "*", expiration: expiration, body: body)
        publication.knowsRecipients = knowsRecipients
        return publication
    }

    private func body(
        of emit: Emit, callback: (inout [UInt8]) -> Void = { $0.append(json: "null") }
    ) throws(NotExpressible) -> [UInt8] {
        if !emit.except.isEmpty {
            throw NotExpressible(
                CommandField("except"),
                "python-socketio servers can leave out sockets but not rooms: name socket ids in exceptSockets, or install the "
                    + "responder and post the emit by itself, in no batch")
        }
        let rooms = emit.rooms.withoutDuplicates
        let skipped = emit.exceptSockets.withoutDuplicates
        var json: [UInt8] = []
        json.reserveCapacity(emit.arguments.bytes.count + emit.event.utf8.count + 256)
        json.append(json: "{\"method\":\"emit\",\"event\":")
        json.append(jsonString: emit.event)
        json.append(json: ",\"data\":[")
        if emit.attachments.isEmpty {
            json.append(json: emit.arguments)
            json.append(json: "],\"binary\":false,\"namespace\":")
        } else {
            // The list of arguments, and behind it one base64 string for each placeholder.
            json.append(json: "[")
            json.append(json: emit.arguments)
            json.append(json: "]")
            for attachment in emit.attachments {
                json.append(json: ",")
                json.append(jsonString: attachment)
            }
            json.append(json: "],\"binary\":true,\"namespace\":")
        }
        json.append(jsonString: emit.namespace)
        json.append(json: ",\"room\":")
        switch rooms.count {
        case 0: json.append(json: "null")
        case 1: json.append(room: rooms[0])
        default: json.append(rooms: rooms)
        }
        json.append(json: ",\"skip_sid\":")
        if skipped.isEmpty { json.append(json: "null") } else { json.append(jsonStrings: skipped) }
        json.append(json: ",\"callback\":")
        callback(&json)
        json.append(json: ",\"host_id\":")
        json.append(jsonString: hostID)
        json.append(json: "}")
        return json
    }
}
