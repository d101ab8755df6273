internal import AMQPBridge
internal import JSON

/// `/v1/rooms` and `/v1/counts`: how many sockets are where. No server sends descriptions of sockets for it.
struct RoomRoutes: Sendable {
    let cluster: any ClusterService
    let timeout: Duration

    @Sendable func list(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let command = ListRooms(
            namespace: fields.namespace(), prefix: fields.string("prefix") ?? "", after: fields.string("cursor"),
            limit: fields.integer("limit", in: 1...1_000) ?? 100, includesPrivate: fields.boolean("private") ?? false)
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try request.caller.check { $0.places(beyond: command) }
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.listRooms(command, timeout: timeout)
        }
        return .json { json in
            json.append(json: "{\"rooms\":")
            json.append(list: answer.value.rooms) { $0.append($1) }
            json.append(nextCursor: answer.value.hasMore ? answer.value.rooms.last?.name : nil)
            json.append(answer.servers)
            json.append(json: "}")
        }
    }

    @Sendable func counts(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let command = CountSockets(
            namespace: fields.namespace(),
            rooms: fields.roomNames("rooms", parameter: "room", allowsNone: true) ?? [])
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try request.caller.check { $0.places(beyond: command) }
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.countSockets(command, timeout: timeout)
        }
        return .json { json in
            json.append(json: "{\"sockets\":")
            // How many there are in all is of everyone.
            json.append(numberOrNull: request.caller.seesEveryRoom ? answer.value.sockets : nil)
            json.append(json: ",\"rooms\":{")
            for (index, room) in answer.value.rooms.enumerated() {
                if index > 0 { json.append(json: ",") }
                json.append(jsonString: room.name)
                json.append(json: ":")
                json.append(number: room.sockets)
            }
            json.append(json: "}")
            json.append(answer.servers)
            json.append(json: "}")
        }
    }
}
