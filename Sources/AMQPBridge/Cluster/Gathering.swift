internal import JSON

/// Gathers the answers of servers to one question. Lives on the cluster client's thread.
protocol Gathering: AnyObject {
    /// Takes a server's answer.
    func take(_ answer: ServerMessage) -> GatheringProgress
    /// Takes what a server says instead of an answer that was too large to be sent.
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress
    /// What is kept of the answers takes, in bytes.
    var heldBytes: Int { get }
    /// Whether it keeps no more than a page, whatever comes.
    var isBounded: Bool { get }
}

extension Gathering {
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress { .tooLarge(isLast: true) }
    /// Numbers take nothing.
    var heldBytes: Int { 0 }
    var isBounded: Bool { true }
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

/// Sockets of all servers, each once, in order, as many as were asked for.
final class SocketGathering: Gathering {
    private let command: FetchSockets
    private var sockets: FirstOfList<ClusterSocket>
    private var end = ListEnd()

    init(_ command: FetchSockets) {
        self.command = command
        sockets = FirstOfList(limit: command.limit)
    }

    var heldBytes: Int { sockets.bytes }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse, let data = answer.data?.members, let list = data["sockets"],
            list.kind == .array
        else { return .ignored }
        var own = ListEnd.Own()
        list.forEachElement { _, value in
            let members = value.members
            guard let id = members["id"]?.string, isWanted(id) else { return }
            own.add(.name(id))
            guard sockets.wants(.name(id)) else { return }
            let socket = socket(id, members, of: answer.uid)
            sockets.put(socket, at: .name(socket.id), size: socket.heldBytes)
        }
        sockets.trim()
        return data["more"]?.boolean == true ? end.breakOff(behind: own) : .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: SocketPage = {
        sockets.trim()
        let told = sockets.ordered.filter { end.includes($0.name) }
        return SocketPage(sockets: told.map(\.value), hasMore: sockets.isCut || end.isEarly)
    }()

    /// Unmodified members know neither `id` nor `after`. Nobody could ask for a socket whose id is longer.
    private func isWanted(_ id: String) -> Bool {
        id.utf8.count <= Publication.maximumNameBytes && command.selection.id?.hasBytes(of: id) ?? true
            && command.after.map { $0.precedes(id) } ?? true
    }

    /// Nor do they know which fields are wanted.
    private func socket(_ id: String, _ members: [String: CheckedJSON], of server: String) -> ClusterSocket {
        func text(_ field: SocketField) -> JSONText? {
            command.fields.contains(field) ? members[field.rawValue]?.text : nil
        }
        return ClusterSocket(
            id: id, rooms: command.fields.contains(.rooms) ? members["rooms"]?.roomsWithNames : nil, data: text(.data),
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
        return JSONText { json in
            json.object { object in
                forEachMember { key, value in
                    if let text = keep(key, value) { object.member(named: key, text) }
                }
            }
        }
    }
}

final class RoomGathering: Gathering {
    private let command: ListRooms
    private var rooms: FirstOfList<RoomTally>
    private var end = ListEnd()
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
        var own = ListEnd.Own()
        var listed = 0
        lastSocket = counts.forEachRoom(after: lastSocket) { room, sockets in
            listed += 1
            guard let room, isWanted(room), !ids.contains(room.hashValue) else { return }
            own.add(room)
            guard rooms.wants(room) else { return }
            var tally = rooms[room] ?? RoomTally()
            tally.add(sockets)
            rooms.put(tally, at: room, size: 128 + room.text.utf8.count)
        }
        rooms.trim()
        // One that lists what is left out here as well ends its list early, too.
        let hasMore = counts.hasMore || counts.isCounted && listed > command.limit && own.count < listed
        return hasMore ? end.breakOff(behind: own) : .done
    }

    /// Made once, when everything has come: many may wait for it.
    private(set) lazy var page: RoomPage = {
        let told = rooms.ordered.filter { end.includes($0.name) }
        return RoomPage(
            rooms: told.map { RoomPage.Room(name: $0.name, sockets: $0.value.sockets) },
            hasMore: rooms.isCut || end.isEarly)
    }()

    /// What unmodified members send has not been filtered.
    private func isWanted(_ room: RoomName) -> Bool {
        let text = room.text.utf8
        return Publication.nameBytes.contains(text.count) && text.starts(with: command.prefix.utf8)
            && (command.after.map { $0.precedes(room) } ?? true)
    }
}

final class CountGathering: Gathering {
    private let rooms: [RoomName]
    private var sockets = 0
    /// Of the rooms that were asked for.
    private var tallies: [RoomName: RoomTally]
    /// Of the sockets that were counted here, the number of the last.
    private var lastSocket = 0

    init(_ command: CountSockets) {
        rooms = command.rooms.withoutDuplicates
        tallies = Dictionary(uniqueKeysWithValues: rooms.map { ($0, RoomTally()) })
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        sockets += counts.sockets
        lastSocket = counts.forEachRoom(after: lastSocket) { room, sockets in
            if let room { tallies[room]?.add(sockets) }
        }
        return counts.hasMore ? .tooLarge(isLast: true) : .done
    }

    var result: SocketCounts {
        SocketCounts(
            sockets: sockets, rooms: rooms.map { RoomPage.Room(name: $0, sockets: tallies[$0]?.sockets ?? 0) })
    }
}

/// How many sockets are selected. A socket is on one server, so it counts once.
final class SelectionGathering: Gathering {
    private(set) var sockets = 0

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        sockets += counts.sockets
        return counts.hasMore ? .tooLarge(isLast: true) : .done
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
    ///
    /// - Returns: `nil` if they would be absurdly large.
    private static func arguments(_ data: [String: CheckedJSON]) -> JSONText? {
        if let arguments = data["args"], arguments.kind == .array {
            return arguments.replacingPlaceholders(by: data["attachments"])
        }
        var elements = JSONText.empty
        if let packet = data["packet"] {
            guard let text = packet.replacingPlaceholders(by: data["attachments"]) else { return nil }
            elements = text
        }
        return JSONText { json in json.list { $0.elements(verbatim: elements) } }
    }
}
