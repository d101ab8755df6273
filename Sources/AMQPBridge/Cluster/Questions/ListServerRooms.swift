internal import JSON

/// A page of the rooms of one server, which says how much of what the server reports is in it: `nil` if the server
/// does not report events, or has not answered.
struct ListServerRooms: ClusterCommand {
    /// The most rooms of a page.
    static let limit = 10_000

    let listing: Listing
    /// The question's own: a page of an earlier one would be older than what made it necessary.
    let number: Int

    func question(timeout: Duration) -> Question<ListedRooms?> {
        Question(
            .fetchSockets, listing.namespace, isRead: true, server: listing.server, number: number, timeout: timeout,
            ServerRoomsGathering(listing.server)
        ) { json in
            json.options(SocketSelection(namespace: listing.namespace))
            json.member("fields", ["rooms"])
            json.member("count", true)
            json.object("list") { list in
                list.member("prefix", "")
                list.member("after", ifPresent: listing.after)
                list.member("limit", Self.limit)
                list.member("private", false)
            }
            json.member("numbers", true)
        }
    }
}

final class ServerRoomsGathering: Gathering {
    private let server: String
    private(set) var result: ListedRooms?

    init(_ server: String) { self.server = server }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.uid == server, let counts = RoomCounts(answer), counts.isCounted else { return .ignored }
        guard let sequence = counts.sequence else { return .finished }
        var rooms: [RoomName] = []
        var listed = 0
        _ = counts.forEachRoom(after: 0) { room, _ in
            listed += 1
            if let room, room.fault == nil { rooms.append(room) }
        }
        result = ListedRooms(
            sequence: sequence, rooms: rooms, isLast: !counts.hasMore && listed < ListServerRooms.limit)
        return .finished
    }
}
