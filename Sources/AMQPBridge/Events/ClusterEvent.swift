/// Something that has happened in the cluster: who came or went, which room has sockets now and had none.
package struct ClusterEvent: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A room has sockets, and had none on any server.
        case roomOccupied = "room.occupied"
        /// A room has no sockets any more, on no server.
        case roomVacated = "room.vacated"
        case socketConnected = "socket.connected"
        /// With the reason that Socket.IO gives. Sockets of a server that is lost have none of their own.
        case socketDisconnected = "socket.disconnected"
        case socketJoined = "socket.joined"
        case socketLeft = "socket.left"
        case serverUp = "server.up"
        /// A server has said goodbye, or was not heard of for three of its intervals.
        case serverLost = "server.lost"
        /// What was told before may have missed something: ask again for what is to be certain.
        case sync
    }

    package var kind: Kind
    /// Milliseconds since 1970.
    package var time: Int64
    package var namespace: String?
    package var room: RoomName?
    /// A socket's id.
    package var socket: String?
    /// A server's uid.
    package var server: String?
    package var reason: String?

    package init(
        _ kind: Kind, time: Int64, namespace: String? = nil, room: RoomName? = nil, socket: String? = nil,
        server: String? = nil, reason: String? = nil
    ) {
        self.kind = kind
        self.time = time
        self.namespace = namespace
        self.room = room
        self.socket = socket
        self.server = server
        self.reason = reason
    }
}

/// What is wanted of the servers' events.
package struct EventWants: Sendable, Equatable {
    /// Whether ``ClusterEvent/Kind/socketJoined`` and ``ClusterEvent/Kind/socketLeft`` are wanted, too: a message for
    /// each room of each socket.
    package var members: Bool

    package init(members: Bool = false) { self.members = members }
}
