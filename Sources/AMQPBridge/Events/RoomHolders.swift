/// The servers that have each room of one namespace.
struct RoomHolders {
    /// A server's rooms as of one listing: listed again, the server is another holder.
    typealias Holder = Int

    private enum Holders {
        case one(Holder)
        case many([Holder])
    }

    private var holders: [RoomName: Holders] = [:]
    /// What the rooms take in memory, about.
    private(set) var bytes = 0

    var count: Int { holders.count }
    var all: [RoomName] { Array(holders.keys) }

    /// - Returns: whether the room had no holder before.
    mutating func insert(_ room: RoomName, _ holder: Holder) -> Bool {
        switch holders[room] {
        case nil:
            holders[room] = .one(holder)
            bytes += Self.size(of: room)
            return true
        case .one(let other):
            if other != holder {
                holders[room] = .many([other, holder])
                bytes += Self.size(ofMore: 2)
            }
        case .many(let others):
            guard !others.contains(holder) else { return false }
            holders[room] = .many(others + [holder])
            bytes += Self.size(ofMore: others.count + 1) - Self.size(ofMore: others.count)
        }
        return false
    }

    /// - Returns: whether the room had this holder, and has none now.
    mutating func remove(_ room: RoomName, _ holder: Holder) -> Bool {
        switch holders[room] {
        case nil: return false
        case .one(let other):
            guard other == holder else { return false }
            holders[room] = nil
            bytes -= Self.size(of: room)
            return true
        case .many(let others):
            let left = others.filter { $0 != holder }
            guard left.count < others.count else { return false }
            holders[room] = left.count == 1 ? .one(left[0]) : .many(left)
            bytes -= Self.size(ofMore: others.count) - (left.count == 1 ? 0 : Self.size(ofMore: left.count))
            return false
        }
    }

    /// - Returns: the rooms that have no holder any more.
    mutating func removeAll(of holder: Holder) -> [RoomName] {
        let rooms = holders.compactMap { room, holders in
            switch holders {
            case .one(let other): other == holder ? room : nil
            case .many(let others): others.contains(holder) ? room : nil
            }
        }
        return rooms.filter { remove($0, holder) }
    }

    /// Gives all that the one holds to the other.
    mutating func hand(_ holder: Holder, to other: Holder) {
        for (room, holders) in holders {
            let isHeld =
                switch holders {
                case .one(let own): own == holder
                case .many(let all): all.contains(holder)
                }
            guard isHeld else { continue }
            _ = insert(room, other)
            _ = remove(room, holder)
        }
    }

    /// A name, its place in the table, and a text's own memory.
    static func size(of room: RoomName) -> Int { 96 + room.text.utf8.count }

    private static func size(ofMore holders: Int) -> Int { 32 + 8 * holders }
}
