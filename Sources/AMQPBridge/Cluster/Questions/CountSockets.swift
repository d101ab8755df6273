internal import JSON

/// The number of sockets of a namespace, and of each of these rooms.
package struct CountSockets: Sendable, Hashable {
    package var namespace: String
    package var rooms: [RoomName]

    package init(namespace: String = "/", rooms: [RoomName] = []) {
        self.namespace = namespace
        self.rooms = rooms
    }
}

package struct SocketCounts: Sendable, Equatable {
    package let sockets: Int
    /// The rooms with their counts, in the order of the question.
    package let rooms: [RoomPage.Room]
}

extension CountSockets: ClusterCommand {
    package func question(timeout: Duration) -> Question<SocketCounts> {
        Question(
            .fetchSockets, namespace, isRead: true, timeout: timeout, features: rooms.nameNumbers ? [.numbers] : [],
            CountGathering(self)
        ) { json in
            json.options(SocketSelection(namespace: namespace))
            json.member("fields", ["rooms"])
            json.member("count", true)
            json.member("rooms", rooms.withoutDuplicates)
            json.member("numbers", true)
        }
    }
}

final class CountGathering: Gathering {
    private let rooms: [RoomName]
    private var sockets = 0
    /// The tallies of the rooms that were asked for.
    private var tallies: [RoomName: RoomTally]
    /// The number of the last socket that was counted here.
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
