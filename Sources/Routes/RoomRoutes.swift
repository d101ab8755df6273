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
            try await cluster.ask(command, timeout: timeout)
        }
        return .json { json in
            json.member("rooms", answer.value.rooms)
            json.nextCursor(answer.value.hasMore ? answer.value.rooms.last?.name.cursor : nil)
            json.servers(answer.servers)
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
            try await cluster.count(command, timeout: timeout)
        }
        return .json { json in
            // How many there are in all is of everyone.
            json.member("sockets", request.caller.seesEveryRoom ? answer.value.sockets : nil)
            let numbers = answer.value.rooms.filter(\.name.isNumber)
            json.object("rooms") { $0.counts(of: answer.value.rooms.filter { !$0.name.isNumber }) }
            // Keys are strings: the rooms "42" and 42 would have the same.
            if !numbers.isEmpty { json.object("numbers") { $0.counts(of: numbers) } }
            json.servers(answer.servers)
        }
    }
}

extension JSONObjectWriter {
    /// Writes how many sockets are in each room, under its name.
    fileprivate mutating func counts(of rooms: [RoomPage.Room]) {
        for room in rooms { member(named: room.name.text, room.sockets) }
    }
}
