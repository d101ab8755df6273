internal import JSON

/// Gathers the answers of servers to one question. Lives on the cluster client's thread.
protocol Gathering: AnyObject {
    /// Takes a server's answer.
    func take(_ answer: ServerMessage) -> GatheringProgress
    /// Takes what a server says instead of an answer that was too large to be sent.
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress
}

extension Gathering {
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress { .tooLarge(isLast: true) }
}

enum GatheringProgress: Equatable {
    /// It says nothing that was asked for.
    case ignored
    /// More will come from this server.
    case partial
    /// The server has given all of its answer.
    case done
    /// The server could not send all, for its size.
    case tooLarge(isLast: Bool)
    /// Nobody else needs to answer any more.
    case finished
}

extension String {
    /// By code point, as servers sort. (`<` compares canonically equivalent strings as equal.)
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

extension JSONValue {
    /// A number of sockets or clients. Whatever servers say, the sum of it is an `Int`.
    fileprivate var amount: Int? { integer.map { min(max($0, 0), 1 << 40) } }
}

/// Sockets of all servers, each once, in order, as many as were asked for.
final class SocketGathering: Gathering {
    private let command: FetchSockets
    private var sockets: [[UInt8]: ClusterSocket] = [:]
    private var end = ListEnd()

    init(_ command: FetchSockets) {
        self.command = command
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse, let data = answer.data?.members, let list = data["sockets"],
            list.kind == .array
        else { return .ignored }
        var own = ListEnd.Own()
        list.forEachElement { _, value in
            guard let socket = socket(value, of: answer.uid) else { return }
            sockets[Array(socket.id.utf8)] = socket
            own.add(.name(socket.id))
        }
        return data["more"]?.boolean == true ? end.breakOff(behind: own) : .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: SocketPage = {
        let ordered = sockets.values.filter { end.includes(.name($0.id)) }.sorted { $0.id.precedes($1.id) }
        return SocketPage(
            sockets: Array(ordered.prefix(command.limit)), hasMore: ordered.count > command.limit || end.isEarly)
    }()

    private func socket(_ value: JSONValue, of server: String) -> ClusterSocket? {
        let members = value.members
        // Unmodified members know neither `id` nor `after`, nor which fields are wanted.
        guard let id = members["id"]?.string, command.selection.id?.hasBytes(of: id) ?? true,
            command.after.map({ $0.precedes(id) }) ?? true
        else { return nil }
        func text(_ field: SocketField) -> JSONText? {
            command.fields.contains(field) ? members[field.rawValue]?.text : nil
        }
        return ClusterSocket(
            id: id, rooms: command.fields.contains(.rooms) ? members["rooms"]?.roomsWithNames : nil, data: text(.data),
            handshake: command.fields.contains(.handshake) ? members["handshake"]?.withoutCredentials : nil,
            server: server)
    }
}

extension JSONValue {
    /// A handshake without what its client has shown to get in.
    fileprivate var withoutCredentials: JSONText {
        filtered { key, value in
            switch key {
            case "auth": nil
            case "headers":
                value.filtered { name, value in
                    Self.credentialHeaders.contains(name.lowercased()) ? nil : value.text
                }
            default: value.text
            }
        }
    }

    private static let credentialHeaders: Set<String> = ["cookie", "authorization", "proxy-authorization"]

    /// An object whose members are as `keep` says; anything else as it is.
    private func filtered(_ keep: (_ key: String, _ value: JSONValue) -> JSONText?) -> JSONText {
        guard kind == .object else { return text }
        var json: [UInt8] = []
        json.append(json: "{")
        forEachMember { key, value in
            guard let text = keep(key, value) else { return }
            if json.count > 1 { json.append(json: ",") }
            json.append(jsonString: key)
            json.append(json: ":")
            json.append(json: text)
        }
        json.append(json: "}")
        return JSONText(verbatim: json[...])
    }
}

/// The members that a server counted, or, of one that sends its sockets instead, those that are to be counted here.
private struct RoomCounts {
    /// The sockets of the namespace.
    var sockets = 0
    var rooms: [RoomName: Int] = [:]
    /// The ids of those sockets that were counted here.
    var ids: Set<RoomName> = []
    /// Whether the server has counted.
    var isCounted = false
    /// Whether the server has left something out, for its size.
    let hasMore: Bool

    /// `nil` for an answer that is none.
    init?(_ answer: ServerMessage) {
        guard answer.kind == .fetchSocketsResponse, let data = answer.data?.members else { return nil }
        hasMore = data["more"]?.boolean == true
        if let count = data["count"]?.amount {
            isCounted = true
            sockets = count
            // Servers without ``ServerFeature/numbers`` send an object, and say nothing of other rooms than strings.
            data["rooms"]?.forEachMember { room, count in rooms[.name(room)] = count.amount ?? 0 }
            data["rooms"]?.forEachElement { _, pair in
                guard let room = pair.element(0).flatMap(RoomName.init) else { return }
                rooms[room] = pair.element(1)?.amount ?? 0
            }
            return
        }
        guard let list = data["sockets"], list.kind == .array else { return nil }
        list.forEachElement { _, value in
            let socket = value.members
            guard let id = socket["id"]?.string else { return }
            sockets += 1
            ids.insert(.name(id))
            let own = Set(socket["rooms"]?.elements().compactMap(RoomName.init) ?? [])
            for room in own { rooms[room, default: 0] += 1 }
        }
    }
}

final class RoomGathering: Gathering {
    private let command: ListRooms
    private var rooms: [RoomName: Int] = [:]
    private var end = ListEnd()

    init(_ command: ListRooms) {
        self.command = command
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        var own = ListEnd.Own()
        for (room, count) in counts.rooms where count > 0 && isWanted(room, counts.ids) {
            rooms[room, default: 0] += count
            own.add(room)
        }
        // One that lists what is left out here as well ends its list early, too.
        let hasMore =
            counts.hasMore || counts.isCounted && counts.rooms.count > command.limit && own.count < counts.rooms.count
        return hasMore ? end.breakOff(behind: own) : .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: RoomPage = {
        let told = rooms.filter { end.includes($0.key) }
        let ordered = told.sorted { $0.key.precedes($1.key) }.prefix(command.limit).map {
            RoomPage.Room(name: $0.key, sockets: $0.value)
        }
        return RoomPage(rooms: ordered, hasMore: told.count > command.limit || end.isEarly)
    }()

    /// What unmodified members send has not been filtered.
    private func isWanted(_ room: RoomName, _ ids: Set<RoomName>) -> Bool {
        let text = room.text.utf8
        return Publication.nameBytes.contains(text.count) && text.starts(with: command.prefix.utf8)
            && (command.after.map { $0.precedes(room) } ?? true)
            && (command.includesPrivate || !ids.contains(room))
    }
}

final class CountGathering: Gathering {
    private let rooms: [RoomName]
    private var sockets = 0
    private var counts: [RoomName: Int] = [:]

    init(_ command: CountSockets) {
        rooms = command.rooms.withoutDuplicates
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        sockets += counts.sockets
        self.counts.merge(counts.rooms, uniquingKeysWith: +)
        return counts.hasMore ? .tooLarge(isLast: true) : .done
    }

    var result: SocketCounts {
        SocketCounts(
            sockets: sockets, rooms: rooms.map { RoomPage.Room(name: $0, sockets: counts[$0] ?? 0) })
    }
}

/// How many sockets something was done to.
final class MatchGathering: Gathering {
    /// `nil` if a server did not say.
    private(set) var matched: Int? = 0
    /// Whether a server has refused it for some sockets: one of the rooms to join is the id of another socket.
    private(set) var isRefused = false

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse else { return .ignored }
        let data = answer.data?.members
        let count = data?["matched"]?.amount
        matched = matched.flatMap { sum in count.map { sum + $0 } }
        if data?["error"]?.string == "room_is_socket" { isRefused = true }
        return .done
    }

    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress {
        matched = nil
        return .tooLarge(isLast: true)
    }
}

/// What servers answer to an event of their own.
final class ServerResponseGathering: Gathering {
    private(set) var responses: [ServerResponse] = []

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .serverSideEmitResponse, let data = answer.data?.members else { return .ignored }
        // A server where nobody listens has answered, and has no value.
        guard data["handled"]?.boolean != false else { return .done }
        let attachments = data["attachments"]?.strings ?? []
        let value =
            data["packet"]?.replacingPlaceholders(by: attachments) ?? JSONText(verbatim: Array("null".utf8)[...])
        responses.append(ServerResponse(server: answer.uid, value: value))
        return .done
    }
}

/// Clients' acknowledgements: how many there will be, and each of them.
final class AcknowledgementGathering: Gathering {
    private let mode: AcknowledgementMode
    /// By server: how many clients it has sent it to, and how many of them have answered.
    private var servers: [String: (clients: Int?, received: Int)] = [:]
    private(set) var responses: [JSONText] = []

    init(_ mode: AcknowledgementMode) {
        self.mode = mode
    }

    /// How many clients the servers have sent it to, as far as they have said; `nil` if none has.
    var recipients: Int? {
        let told = servers.values.compactMap(\.clients)
        return told.isEmpty ? nil : told.reduce(0, +)
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let data = answer.data?.members else { return .ignored }
        var server = servers[answer.uid] ?? (nil, 0)
        switch answer.kind {
        case .broadcastClientCount:
            guard let count = data["clientCount"]?.amount, server.clients == nil else { return .ignored }
            server.clients = count
        case .broadcastAck:
            // One value for each client, at most.
            if let clients = server.clients, server.received >= clients { return .ignored }
            server.received += 1
            responses.append(Self.arguments(data))
        default: return .ignored
        }
        servers[answer.uid] = server
        if mode == .first, !responses.isEmpty { return .finished }
        return server.clients.map { server.received >= $0 } ?? false ? .done : .partial
    }

    /// One of a server's clients has answered at too great a length; the others are waited for.
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .broadcastAck else { return .tooLarge(isLast: true) }
        var server = servers[answer.uid] ?? (nil, 0)
        if let clients = server.clients, server.received >= clients { return .ignored }
        server.received += 1
        servers[answer.uid] = server
        return .tooLarge(isLast: server.clients.map { server.received >= $0 } ?? false)
    }

    /// All arguments of an answer; members that know only the first send `packet`. No `packet` is no argument.
    private static func arguments(_ data: [String: JSONValue]) -> JSONText {
        let attachments = data["attachments"]?.strings ?? []
        if let arguments = data["args"], arguments.kind == .array {
            return arguments.replacingPlaceholders(by: attachments)
        }
        var json: [UInt8] = []
        json.append(json: "[")
        if let packet = data["packet"] { json.append(json: packet.replacingPlaceholders(by: attachments)) }
        json.append(json: "]")
        return JSONText(verbatim: json[...])
    }
}
