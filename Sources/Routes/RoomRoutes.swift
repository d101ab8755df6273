internal import AMQPBridge
internal import JSON

/// `/v1/rooms` and `/v1/counts`: how many sockets are where. No server sends descriptions of sockets for it.
struct RoomRoutes: Sendable {
    let cluster: any ClusterService
    let timeout: Duration

    @Sendable func list(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let command = ListRooms(
            namespace: fields.namespace(), prefix: fields.string("prefix") ?? "", after: fields.roomCursor("cursor"),
            limit: fields.integer("limit", in: 1...1_000) ?? 100, includesPrivate: fields.boolean("private") ?? false)
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try fields.check(request.caller) { $0.places(beyond: command) }
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.listRooms(command, timeout: timeout)
        }
        return .json { json in
            json.append(json: "{\"rooms\":")
            json.append(list: answer.value.rooms) { $0.append($1) }
            json.append(nextCursor: answer.value.hasMore ? answer.value.rooms.last?.name.cursor : nil)
            json.append(answer.servers)
            json.append(json: "}")
        }
    }

    @Sendable func counts(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let command = CountSockets(
            namespace: fields.namespace(),
            rooms: fields.roomNames("rooms", parameter: "room", alias: "in", allowsNone: true) ?? [])
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try fields.check(request.caller) { $0.places(beyond: command) }
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.countSockets(command, timeout: timeout)
        }
        return .json { json in
            json.append(json: "{\"sockets\":")
            // How many there are in all is of everyone.
            json.append(numberOrNull: request.caller.seesEveryRoom ? answer.value.sockets : nil)
            let numbers = answer.value.rooms.filter(\.name.isNumber)
            json.append(json: ",\"rooms\":")
            json.append(counts: answer.value.rooms.filter { !$0.name.isNumber })
            // Keys are strings: the rooms "42" and 42 would have the same.
            if !numbers.isEmpty {
                json.append(json: ",\"numbers\":")
                json.append(counts: numbers)
            }
            json.append(answer.servers)
            json.append(json: "}")
        }
    }
}

extension [UInt8] {
    /// Appends `{"room":sockets,…}`.
    fileprivate mutating func append(counts rooms: [RoomPage.Room]) {
        append(json: "{")
        for (index, room) in rooms.enumerated() {
            if index > 0 { append(json: ",") }
            append(jsonString: room.name.text)
            append(json: ":")
            append(number: room.sockets)
        }
        append(json: "}")
    }
}
