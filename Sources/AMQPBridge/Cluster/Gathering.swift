internal import JSON

/// Gathers the answers of servers to one question. Lives on the cluster client's thread.
protocol Gathering: AnyObject {
    /// Takes a server's answer.
    func take(_ answer: ServerMessage) -> GatheringProgress
    /// What is kept of the answers takes, in bytes.
    var heldBytes: Int { get }
    /// Whether it keeps no more than a page, whatever comes.
    var isBounded: Bool { get }
}

extension Gathering {
    /// Numbers take nothing.
    var heldBytes: Int { 0 }
    var isBounded: Bool { true }
}

enum GatheringProgress {
    /// It says nothing that was asked for.
    case ignored
    /// More will come from this server.
    case partial
    /// The server has given all of its answer.
    case done
    /// Nobody else needs to answer any more.
    case finished
}

extension String {
    /// By code point, as servers sort. (`<` compares canonically equivalent strings as equal.)
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

/// Sockets of all servers, each once, in order, as many as were asked for.
final class SocketGathering: Gathering {
    private let command: FetchSockets
    private var sockets: FirstOfList<ClusterSocket>

    init(_ command: FetchSockets) {
        self.command = command
        sockets = FirstOfList(limit: command.limit)
    }

    var heldBytes: Int { sockets.bytes }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse, let list = answer.data?.members["sockets"], list.kind == .array
        else { return .ignored }
        list.forEachElement { _, value in
            guard let socket = socket(value, of: answer.uid) else { return }
            sockets.put(socket, at: Array(socket.id.utf8), size: socket.heldBytes)
        }
        sockets.trim()
        return .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: SocketPage = {
        sockets.trim()
        return SocketPage(sockets: sockets.ordered.map(\.value), hasMore: sockets.isCut)
    }()

    private func socket(_ value: CheckedJSON, of server: String) -> ClusterSocket? {
        let members = value.members
        // Unmodified members know neither `id` nor `after`, nor which fields are wanted.
        // Nobody could ask for one whose id is longer.
        guard let id = members["id"]?.string, id.utf8.count <= Publication.maximumNameBytes,
            command.selection.id?.hasBytes(of: id) ?? true,
            command.after.map({ $0.precedes(id) }) ?? true, sockets.wants(Array(id.utf8))
        else { return nil }
        func text(_ field: SocketField) -> JSONText? {
            command.fields.contains(field) ? members[field.rawValue]?.text : nil
        }
        return ClusterSocket(
            id: id, rooms: text(.rooms), data: text(.data),
            handshake: command.fields.contains(.handshake) ? members["handshake"]?.withoutCredentials : nil,
            server: server)
    }
}

extension ClusterSocket {
    /// What it takes, in bytes, about.
    fileprivate var heldBytes: Int {
        512 + 2 * id.utf8.count + [rooms, data, handshake].reduce(0) { $0 + ($1?.bytes.count ?? 0) }
    }
}

extension CheckedJSON {
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
    private func filtered(_ keep: (_ key: String, _ value: CheckedJSON) -> JSONText?) -> JSONText {
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

final class RoomGathering: Gathering {
    private let command: ListRooms
    private var rooms: FirstOfList<RoomTally>
    /// Of the sockets that were counted here, the number of the last.
    private var lastSocket = 0

    init(_ command: ListRooms) {
        self.command = command
        rooms = FirstOfList(limit: command.limit)
    }

    var heldBytes: Int { rooms.bytes }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        let ids = command.includesPrivate ? [] : counts.idHashes
        lastSocket = counts.forEachRoom(after: lastSocket) { room, sockets in
            guard isWanted(room), !ids.contains(room.hashValue), rooms.wants(room) else { return }
            var tally = rooms[room] ?? RoomTally()
            tally.add(sockets)
            rooms.put(tally, at: room, size: 128 + room.count)
        }
        rooms.trim()
        return .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: RoomPage = {
        let ordered = rooms.ordered.map {
            RoomPage.Room(name: String(decoding: $0.name, as: UTF8.self), sockets: $0.value.sockets)
        }
        return RoomPage(rooms: ordered, hasMore: rooms.isCut)
    }()

    /// What unmodified members send has not been filtered.
    private func isWanted(_ room: [UInt8]) -> Bool {
        (1...Publication.maximumNameBytes).contains(room.count) && room.starts(with: command.prefix.utf8)
            && (command.after.map { $0.utf8.lexicographicallyPrecedes(room) } ?? true)
    }
}

final class CountGathering: Gathering {
    private let rooms: [String]
    private var sockets = 0
    /// Of the rooms that were asked for, by the bytes of their names: strings that Unicode calls equal are different rooms.
    private var tallies: [[UInt8]: RoomTally]
    /// Of the sockets that were counted here, the number of the last.
    private var lastSocket = 0

    init(_ command: CountSockets) {
        rooms = command.rooms.withoutDuplicates
        tallies = Dictionary(uniqueKeysWithValues: rooms.map { (Array($0.utf8), RoomTally()) })
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        sockets += counts.sockets
        lastSocket = counts.forEachRoom(after: lastSocket) { room, sockets in tallies[room]?.add(sockets) }
        return .done
    }

    var result: SocketCounts {
        SocketCounts(
            sockets: sockets,
            rooms: rooms.map { RoomPage.Room(name: $0, sockets: tallies[Array($0.utf8)]?.sockets ?? 0) })
    }
}

/// How many sockets something was done to.
final class MatchGathering: Gathering {
    /// `nil` if a server did not say.
    private(set) var matched: Int? = 0

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse else { return .ignored }
        let count = answer.data?.members["matched"]?.amount
        matched = matched.flatMap { sum in count.map { sum + $0 } }
        return .done
    }
}

/// What servers answer to an event of their own.
final class ServerResponseGathering: Gathering {
    private(set) var responses: [ServerResponse] = []
    private(set) var heldBytes = 0
    let isBounded = false

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .serverSideEmitResponse, let data = answer.data?.members else { return .ignored }
        // A server where nobody listens has answered, and has no value.
        guard data["handled"]?.boolean != false else { return .done }
        var value = JSONText(verbatim: Array("null".utf8)[...])
        if let packet = data["packet"] {
            guard let text = packet.replacingPlaceholders(by: data["attachments"]) else { return .ignored }
            value = text
        }
        responses.append(ServerResponse(server: answer.uid, value: value))
        heldBytes += value.heldBytes
        return .done
    }
}

/// Clients' acknowledgements: how many there will be, and each of them.
final class AcknowledgementGathering: Gathering {
    private let mode: AcknowledgementMode
    /// By server: how many clients it has sent it to, and how many of them have answered.
    private var servers: [String: (clients: Int?, received: Int)] = [:]
    private(set) var responses: [JSONText] = []
    private(set) var heldBytes = 0
    let isBounded = false

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
            guard let arguments = Self.arguments(data) else { return .ignored }
            server.received += 1
            responses.append(arguments)
            heldBytes += arguments.heldBytes
        default: return .ignored
        }
        servers[answer.uid] = server
        if mode == .first, !responses.isEmpty { return .finished }
        return server.clients.map { server.received >= $0 } ?? false ? .done : .partial
    }

    /// All arguments of an answer; members that know only the first send `packet`. No `packet` is no argument.
    ///
    /// - Returns: `nil` if they would be absurdly large.
    private static func arguments(_ data: [String: CheckedJSON]) -> JSONText? {
        if let arguments = data["args"], arguments.kind == .array {
            return arguments.replacingPlaceholders(by: data["attachments"])
        }
        var json: [UInt8] = []
        json.append(json: "[")
        if let packet = data["packet"] {
            guard let text = packet.replacingPlaceholders(by: data["attachments"]) else { return nil }
            json.append(json: text)
        }
        json.append(json: "]")
        return JSONText(verbatim: json[...])
    }
}
