package import AMQPBridge
public import JSON

extension JSONObjectWriter {
    /// Writes what every answer of servers says of them.
    mutating func servers(_ servers: ServerTally) {
        member("complete", servers.isComplete)
        member("servers", servers)
    }

    /// Writes where the next page begins, if there is one.
    mutating func nextCursor(_ last: String?) {
        member("nextCursor", last)
    }

    /// Writes a socket; of its rooms those that the caller could have asked for.
    mutating func members(of socket: ClusterSocket, for caller: Caller) {
        member("id", socket.id)
        member("rooms", ifPresent: caller.visible(socket.rooms))
        member("data", ifPresent: socket.data)
        member("handshake", ifPresent: socket.handshake)
        member("server", socket.server)
    }
}

extension ServerTally: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("expected", expected)
            json.member("responded", responded)
            json.member("missing", missing)
            json.member("tooLarge", tooLarge)
        }
    }
}

extension RoomPage.Room: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("room", name)
            json.member("sockets", sockets)
        }
    }
}
