/// What a server says has changed in one of its namespaces (docs/cluster-protocol.md, Events).
struct ServerChanges {
    /// A room has local sockets, or has none any more.
    struct Room: Equatable {
        let name: RoomName
        let isThere: Bool
    }

    struct Socket: Equatable {
        let id: String
        let isConnected: Bool
        /// Socket.IO's reason for the end.
        var reason: String?
    }

    /// A socket has joined a room, or left it.
    struct Member: Equatable {
        let room: RoomName
        let socket: String
        let isThere: Bool
    }

    let server: String
    let namespace: String
    /// Counts from 1, for each server and namespace, without holes unless something was missed.
    let sequence: Int
    var rooms: [Room] = []
    var sockets: [Socket] = []
    var members: [Member] = []
}

/// A page of the list of a server's rooms.
struct ListedRooms {
    /// The number of the server's last message before it.
    let sequence: Int
    let rooms: [RoomName]
    /// Whether no room comes behind them.
    let isLast: Bool
}
