internal import AMQPBridge
internal import JSON

extension [UInt8] {
    /// Appends what every answer of servers says of them, behind another member.
    mutating func append(_ servers: ServerTally) {
        append(json: servers.isComplete ? ",\"complete\":true" : ",\"complete\":false")
        append(json: ",\"servers\":")
        append(tally: servers)
    }

    mutating func append(tally servers: ServerTally) {
        append(json: "{\"expected\":")
        append(number: servers.expected)
        append(json: ",\"responded\":")
        append(number: servers.responded)
        append(json: ",\"missing\":")
        append(jsonStrings: servers.missing)
        append(json: ",\"tooLarge\":")
        append(jsonStrings: servers.tooLarge)
        append(json: "}")
    }

    mutating func append(numberOrNull number: Int?) {
        if let number { append(number: number) } else { append(json: "null") }
    }

    mutating func append(number: Int) {
        append(contentsOf: String(number).utf8)
    }

    /// Appends `,"nextCursor":` and where the next page begins, if there is one.
    mutating func append(nextCursor last: String?) {
        append(json: ",\"nextCursor\":")
        if let last { append(jsonString: last) } else { append(json: "null") }
    }

    /// Appends the elements, with commas between them.
    mutating func append<Item>(list: some Sequence<Item>, _ write: (inout [UInt8], Item) -> Void) {
        append(json: "[")
        var isFirst = true
        for element in list {
            if !isFirst { append(json: ",") }
            isFirst = false
            write(&self, element)
        }
        append(json: "]")
    }

    mutating func append(_ room: RoomPage.Room) {
        append(json: "{\"room\":")
        append(room: room.name)
        append(json: ",\"sockets\":")
        append(number: room.sockets)
        append(json: "}")
    }

    /// Appends a socket's members, without the braces; of its rooms those that the caller could have asked for.
    mutating func append(membersOf socket: ClusterSocket, for caller: Caller) {
        append(json: "\"id\":")
        append(jsonString: socket.id)
        for (name, value) in [
            ("rooms", caller.visible(socket.rooms)), ("data", socket.data), ("handshake", socket.handshake),
        ] as [(StaticString, JSONText?)] {
            guard let value else { continue }
            append(json: ",\"")
            append(json: name)
            append(json: "\":")
            append(json: value)
        }
        append(json: ",\"server\":")
        append(jsonString: socket.server)
    }
}
