internal import JSON

/// Rooms and how many sockets each has, in the order of their names (by code point; a number by its digits), a page at
/// a time.
package struct ListRooms: Sendable, Hashable {
    package var namespace: String
    /// The beginning of the rooms' names, and of the digits of rooms that are numbers.
    package var prefix: String
    /// The room behind which the list begins; `nil`: it begins with the first room.
    package var after: RoomName?
    package var limit: Int
    /// Whether rooms that are a socket's id are listed, too.
    package var includesPrivate: Bool

    package init(
        namespace: String = "/", prefix: String = "", after: RoomName? = nil, limit: Int = 100,
        includesPrivate: Bool = false
    ) {
        self.namespace = namespace
        self.prefix = prefix
        self.after = after
        self.limit = limit
        self.includesPrivate = includesPrivate
    }
}

package struct RoomPage: Sendable, Equatable {
    package struct Room: Sendable, Equatable {
        package let name: RoomName
        package let sockets: Int
    }

    package let rooms: [Room]
    package let hasMore: Bool
}

extension ListRooms: ClusterCommand {
    package func question(timeout: Duration) -> Question<RoomPage> {
        let isBehindNumber = after?.isNumber == true
        return Question(
            .fetchSockets, namespace, isRead: true, isApart: isBehindNumber, timeout: timeout, RoomGathering(self)
        ) { json in
            json.options(SocketSelection(namespace: namespace))
            json.member("fields", ["rooms"])
            json.member("count", true)
            json.object("list") { list in
                list.member("prefix", prefix)
                // As text, which servers without ``ServerFeature/numbers`` take, too. Others then tell of the number
                // itself again.
                list.member("after", ifPresent: after?.text)
                list.member("limit", limit + (isBehindNumber ? 2 : 1))
                list.member("private", includesPrivate)
            }
            json.member("numbers", true)
        }
    }
}

final class RoomGathering: Gathering {
    private let command: ListRooms
    private var rooms: FirstOfList<RoomTally>
    private var end = ListEnd()
    /// The number of the last socket that was counted here.
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

    var result: RoomPage {
        let told = rooms.ordered.filter { end.includes($0.name) }
        return RoomPage(
            rooms: told.map { RoomPage.Room(name: $0.name, sockets: $0.value.sockets) },
            hasMore: rooms.isCut || end.isEarly)
    }

    /// Whether the room is asked for: unmodified members send rooms unfiltered.
    private func isWanted(_ room: RoomName) -> Bool {
        let text = room.text.utf8
        return Publication.nameBytes.contains(text.count) && text.starts(with: command.prefix.utf8)
            && (command.after.map { $0.precedes(room) } ?? true)
    }
}
