/// Sockets of a namespace: the union of some rooms, minus others.
package struct SocketSelection: Sendable, Hashable {
    package var namespace: String
    /// Rooms and socket ids; empty means every socket.
    package var rooms: [RoomName]
    /// Rooms and socket ids that are left out.
    package var except: [RoomName]
    /// The id of the one socket that is selected, which ``rooms`` then holds, too: a socket's id is a room.
    package let id: String?

    package init(namespace: String = "/", rooms: [RoomName] = [], except: [RoomName] = []) {
        self.namespace = namespace
        self.rooms = rooms
        self.except = except
        id = nil
    }

    package init(namespace: String = "/", id: String) {
        self.namespace = namespace
        self.id = id
        rooms = [.name(id)]
        except = []
    }

    /// Whether it names rooms that are numbers.
    var namesNumbers: Bool { rooms.nameNumbers || except.nameNumbers }
}
