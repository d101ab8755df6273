internal import JSON

extension CheckedJSON {
    /// A number of sockets or clients. Whatever servers say, the sum of it is an `Int`.
    var amount: Int? { integer.map { min(max($0, 0), 1 << 40) } }
}

/// The number of sockets of a server, and of each of its rooms: as the server has counted them or, if it sends its
/// sockets instead, as they are counted here. Read from the answer each time: there may be millions of rooms, of which
/// a page is wanted.
struct RoomCounts {
    private let counted: Int?
    /// Whether the server has left something out, for its size.
    let hasMore: Bool
    /// The number of the server's last message about events in front of this answer; `nil`: it sends none.
    let sequence: Int?
    private let rooms: CheckedJSON?
    private let list: CheckedJSON?

    /// `nil` for an answer that is none.
    init?(_ answer: ServerMessage) {
        guard answer.kind == .fetchSocketsResponse, let data = answer.dataMembers else { return nil }
        hasMore = data["more"]?.boolean == true
        counted = data["count"]?.amount
        sequence = data["seq"]?.integer.flatMap { (0...ServerChanges.sequences.upperBound).contains($0) ? $0 : nil }
        rooms = counted == nil ? nil : data["rooms"]
        list = counted == nil ? data["sockets"] : nil
        guard counted != nil || list?.kind == .array else { return nil }
    }

    /// Whether the server has counted.
    var isCounted: Bool { counted != nil }

    /// The sockets of the namespace.
    var sockets: Int {
        if let counted { return counted }
        var sockets = 0
        forEachSocket { _, _ in sockets += 1 }
        return sockets
    }

    /// The ids of the sockets that are counted here, as hashes, which take a tenth of the space.
    var idHashes: Set<Int> {
        var ids: Set<Int> = []
        forEachSocket { id, _ in ids.insert(RoomName.name(id).hashValue) }
        return ids
    }

    /// Calls `body` with each room and how many of the server's sockets are in it, or with each of these alone; with
    /// `nil` for a room without a valid name.
    ///
    /// - Parameter number: the number of the last socket of another server.
    /// - Returns: the number of the last socket of this one.
    func forEachRoom(after number: Int, _ body: (_ room: RoomName?, _ sockets: RoomTally.Addition) -> Void) -> Int {
        // Servers without ``ServerFeature/numbers`` send an object, and say nothing of other rooms than strings.
        rooms?.forEachMember { room, count in
            if let count = count.amount, count > 0 { body(.name(room), .sockets(count)) }
        }
        rooms?.forEachElement { _, pair in
            let (room, count) = pair.pair
            if let count = count?.amount, count > 0 { body(room.flatMap(RoomName.init), .sockets(count)) }
        }
        var number = number
        forEachSocket { _, rooms in
            number += 1
            rooms?.forEachElement { _, room in body(RoomName(room), .socket(number)) }
        }
        return number
    }

    private func forEachSocket(_ body: (_ id: String, _ rooms: CheckedJSON?) -> Void) {
        list?.forEachElement { _, value in
            let socket = value.members
            if let id = socket["id"]?.string { body(id, socket["rooms"]) }
        }
    }
}

extension CheckedJSON {
    /// The first two elements of an array.
    fileprivate var pair: (CheckedJSON?, CheckedJSON?) {
        var pair: (CheckedJSON?, CheckedJSON?) = (nil, nil)
        forEachElement { index, element in
            if index == 0 { pair.0 = element } else if index == 1 { pair.1 = element }
        }
        return pair
    }
}

/// The number of sockets in a room.
struct RoomTally {
    enum Addition {
        case sockets(Int)
        /// A socket of a server, by its number: it counts once, however often it names the room.
        case socket(Int)
    }

    private(set) var sockets = 0
    private var lastSocket = 0

    mutating func add(_ addition: Addition) {
        switch addition {
        case .sockets(let count): sockets += count
        case .socket(let number) where number != lastSocket:
            sockets += 1
            lastSocket = number
        case .socket: break
        }
    }
}
