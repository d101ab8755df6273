internal import JSON
package import SettingTypes

/// python-socketio's AsyncAioPikaManager and KombuManager, version 5.15.1 and later (observed: 5.18.1).
///
/// A fanout exchange: every server receives every message and does its part. No content type is set: with
/// `application/json` kombu would decode `{"__type__": …}` objects in the caller's data, and an unknown one stopped the
/// server's listener (observed).
public struct PythonSocketIO: ManagerFormat {
    public static let name = "python-socketio"

    /// The library's `channel`.
    public var exchange: String
    /// The time that a message may wait for a server, in milliseconds: the queue of a dead one collects for five
    /// minutes.
    public var expiration: Int?
    /// The id of the publisher: servers ignore messages with their own. 32 hexadecimal digits, random per process.
    public let hostID: String

    public let knowsRecipients = false

    public static let defaultExchange = "socketio"

    public init(
        exchange: String = Self.defaultExchange, expiration: Int? = 60_000, hostID: String = Self.randomHostID()
    ) {
        self.exchange = exchange
        self.expiration = expiration
        self.hostID = hostID
    }

    public static func randomHostID() -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<32).map { _ in digits[Int.random(in: 0..<16)] })
    }

    public var exchanges: [ServerExchange] { [ServerExchange(name: exchange, kind: .fanout)] }

    package var callbackAddress: CallbackAddress { CallbackAddress(exchange: exchange, hostID: hostID) }
    package let exceptsRooms = false

    /// Every server has a queue for all of its namespaces.
    public func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason {
        .noServer
    }

    /// The library's own messages for one socket, and for emptying a room. Its treatment of some rooms was observed
    /// with 5.18.1: it lets a socket leave the room of its own id, by which alone it can be reached; joining or
    /// emptying that of another socket is an error in the server (`ValueError`: "cannot enter a sid room", "cannot
    /// close a sid room").
    package func publications(for command: ChangeSockets) throws(NotExpressible) -> [Publication]? {
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
            // All sockets in a room leave it.
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
        let body = JSONWriter.bytes { json in
            json.object { json in
                json.member("method", plain: method)
                json.member("sid", ifPresent: sid)
                json.member("room", ifPresent: room)
                json.member("namespace", selection.namespace)
                json.member("host_id", hostID)
            }
        }
        return publication(body)
    }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] {
        [publication(try body(of: emit))]
    }

    public func messages(for emit: Emit) throws(NotExpressible) -> Publications {
        Publications(publication(try body(of: emit)))
    }

    /// An emit whose clients' answers come back with this number. The library answers to the room it was sent to, so
    /// there has to be one.
    package func publication(for emit: Emit, callback number: Int) throws(NotExpressible) -> Publication {
        guard let room = emit.rooms.first else {
            throw NotExpressible(
                CommandField("rooms"),
                "python-socketio servers return acknowledgements only for rooms; name them, or install the responder")
        }
        let body = try body(of: emit) { json in
            json.list { list in
                list.element(room)
                list.element(emit.namespace)
                list.element(number)
            }
        }
        return publication(body)
    }

    private func publication(_ body: [UInt8]) -> Publication {
        var publication = Publication(exchange: exchange, routingKey: "*", expiration: expiration, body: body)
        publication.knowsRecipients = knowsRecipients
        return publication
    }

    private func body(
        of emit: Emit, callback: (inout JSONWriter) -> Void = { $0.null() }
    ) throws(NotExpressible) -> [UInt8] {
        if !emit.except.isEmpty {
            throw NotExpressible(
                CommandField("except"),
                "python-socketio servers can leave out sockets but not rooms: name socket ids in exceptSockets, or install the "
                    + "responder and post the emit by itself, in no batch")
        }
        let rooms = emit.rooms.withoutDuplicates
        let skipped = emit.exceptSockets.withoutDuplicates
        return JSONWriter.bytes(capacity: emit.arguments.bytes.count + emit.event.utf8.count + 256) { json in
            json.object { json in
                json.member("method", plain: "emit")
                json.member("event", emit.event)
                json.list("data") { Self.write(emit.arguments, emit.attachments, to: &$0) }
                json.member("binary", !emit.attachments.isEmpty)
                json.member("namespace", emit.namespace)
                json.member("room") { room in
                    switch rooms.count {
                    case 0: room.null()
                    case 1: rooms[0].write(to: &room)
                    default: rooms.write(to: &room)
                    }
                }
                json.member("skip_sid", skipped.isEmpty ? nil : skipped)
                json.member("callback", callback)
                json.member("host_id", hostID)
            }
        }
    }

    /// The arguments themselves; or, if there are bytes among them, the list of them, and behind it one base64 string
    /// for each placeholder.
    private static func write(_ arguments: JSONText, _ attachments: [String], to data: inout JSONListWriter) {
        guard !attachments.isEmpty else { return data.elements(verbatim: arguments) }
        data.list { $0.elements(verbatim: arguments) }
        for attachment in attachments { data.element(attachment) }
    }
}

extension PythonSocketIO: ConfiguredFormat {
    package static let settings = [exchangeSetting.setting, expirationSetting.setting]

    private static let exchangeSetting = SettingRow(
        "GATEWAY_PYTHON_SOCKETIO_EXCHANGE", "pythonSocketio.exchange", .exchangeName, default: defaultExchange,
        help: "python-socketio: the manager's channel.")
    private static let expirationSetting = SettingRow(
        "GATEWAY_PYTHON_SOCKETIO_EXPIRATION", "pythonSocketio.expiration",
        // RabbitMQ's longest expiration is a 32-bit number of milliseconds.
        .duration(from: .zero, to: .milliseconds(UInt32.max)), default: "60s",
        help: "python-socketio: how long a message may wait for a server that is down; 0: for ever.")

    package init<Reader: SettingReader>(_ reader: Reader) throws(Reader.Failure) {
        let exchange = try reader.read(Self.exchangeSetting)
        let expiration = try reader.read(Self.expirationSetting)
        self.init(
            exchange: exchange, expiration: expiration == .zero ? nil : Int(expiration.nanoseconds / 1_000_000))
    }
}
