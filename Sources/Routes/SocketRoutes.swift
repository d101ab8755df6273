internal import AMQPBridge
internal import JSON

/// `/v1/sockets…`: who is there, and what is to be done with them.
struct SocketRoutes: Sendable {
    let cluster: any ClusterService
    let emitter: any EmitService
    /// How long servers have to answer, unless the request says so.
    let timeout: Duration

    private static let pageSizes = 1...1_000
    private static let usualPageSize = 100

    // MARK: Reading

    @Sendable func list(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let selection = SocketSelection(
            namespace: fields.namespace(), rooms: fields.roomNames("rooms", parameter: "room", alias: "in") ?? [],
            except: fields.roomNames("except", parameter: "except", allowsNone: true) ?? [])
        let command = FetchSockets(
            selection, fields: wantedFields(&fields), after: fields.string("cursor"),
            limit: fields.integer("limit", in: Self.pageSizes) ?? Self.usualPageSize)
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try check(command, request.caller, fields)
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.ask(command, timeout: timeout)
        }
        let page = answer.value
        return .json { json in
            json.list("sockets") { list in
                for socket in page.sockets { list.object { $0.members(of: socket, for: request.caller) } }
            }
            json.nextCursor(page.hasMore ? page.sockets.last?.id : nil)
            json.servers(answer.servers)
        }
    }

    @Sendable func get(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let selection = SocketSelection(namespace: fields.namespace(), id: try id(request))
        let command = FetchSockets(selection, fields: wantedFields(&fields), limit: 1)
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try check(command, request.caller, fields)
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.ask(command, timeout: timeout)
        }
        guard let socket = answer.value.sockets.first else { throw Self.missing(answer.servers) }
        return .json { json in
            json.members(of: socket, for: request.caller)
            json.servers(answer.servers)
        }
    }

    private func check(_ command: FetchSockets, _ caller: Caller, _ fields: Fields) throws(Problem) {
        if command.fields.contains(.handshake) { try caller.check(.readHandshakes) }
        try fields.check(caller) { $0.places(beyond: command.selection, list: "rooms") }
    }

    private func wantedFields(_ fields: inout Fields) -> [SocketField] {
        // The id is always there.
        let names = fields.words("fields", "id, rooms, data or handshake") {
            $0 == "id" || SocketField(rawValue: $0) != nil
        }
        guard let names else { return [.rooms, .data] }
        return SocketField.allCases.filter { names.contains($0.rawValue) }
    }

    // MARK: Changing one

    @Sendable func disconnectOne(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let selection = SocketSelection(namespace: fields.namespace(), id: try id(request))
        let close = fields.boolean("close") ?? false
        return try await change(request, selection, .disconnect(close: close), &fields)
    }

    @Sendable func joinOne(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let selection = SocketSelection(namespace: fields.namespace(), id: try id(request))
        return try await change(request, selection, .join(rooms(&fields)), &fields)
    }

    @Sendable func leaveOne(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let selection = SocketSelection(namespace: fields.namespace(), id: try id(request))
        return try await change(request, selection, .leave(rooms(&fields)), &fields)
    }

    // MARK: Changing many

    @Sendable func disconnect(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let close = fields.boolean("close") ?? false
        return try await change(request, selection(&fields), .disconnect(close: close), &fields)
    }

    @Sendable func join(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        return try await change(request, selection(&fields), .join(rooms(&fields)), &fields)
    }

    @Sendable func leave(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        return try await change(request, selection(&fields), .leave(rooms(&fields)), &fields)
    }

    /// Everybody only when the request says so.
    private func selection(_ fields: inout Fields) -> SocketSelection {
        let namespace = fields.namespace()
        let names = fields.roomNames("in", parameter: "in")
        switch (names, fields.boolean("all")) {
        case (nil, nil) where !fields.has("in"): fields.fail("in", "name rooms or sockets, or say \"all\": true")
        case (nil, false?): fields.fail("all", "is false, and no rooms or sockets are named in 'in'")
        case (.some, .some): fields.fail("all", "not together with 'in'")
        default: break
        }
        let except = fields.roomNames("except", parameter: "except", allowsNone: true) ?? []
        return SocketSelection(namespace: namespace, rooms: names ?? [], except: except)
    }

    private func rooms(_ fields: inout Fields) -> [RoomName] {
        let rooms = fields.roomNames("rooms", parameter: "rooms")
        if rooms == nil, !fields.has("rooms") { fields.fail("rooms", "is required") }
        return rooms ?? []
    }

    private func change(
        _ request: Request, _ selection: SocketSelection, _ change: ChangeSockets.Change, _ fields: inout Fields
    ) async throws(Problem) -> Response {
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        request.notes?.note(selection, change)
        try fields.check(request.caller) { $0.places(beyond: selection, list: "in") + $0.places(beyond: change) }
        var command = ChangeSockets(selection, change)
        command.trace = request.head.trace
        let receipt: ChangeReceipt
        do throws(EmitError) {
            receipt = try await emitter.change(command, timeout: timeout)
        } catch {
            throw Problem(error)
        }
        switch receipt {
        case .published:
            return .json(202) { json in
                json.member("status", plain: "accepted")
                json.member("matched", nil as Int?)
                json.member("verified", false)
            }
        case .done(let answer):
            if selection.id != nil, answer.value == 0 { throw Self.missing(answer.servers) }
            return .json { json in
                json.member("status", plain: answer.servers.isComplete ? "confirmed" : "partial")
                json.member("matched", answer.value)
                json.servers(answer.servers)
            }
        }
    }

    private func id(_ request: Request) throws(Problem) -> String {
        let id = try Query.decoded(request.parameter.utf8, plusIsSpace: false)
        let faults = CommandFault.names([id], "id")
        guard faults.isEmpty else { throw Problem(.invalidRequest, at: [.init(.path("id"), faults[0].detail)]) }
        return id
    }

    /// Only when every server has answered it is certain that none has the socket.
    private static func missing(_ servers: ServerTally) -> Problem {
        servers.isComplete
            ? Problem(.notFound, "no server has this socket")
            : Problem(
                .incomplete,
                "\(servers.expected - servers.responded) of \(servers.expected) servers have not answered, and the others do not have it"
            )
    }
}

/// Tells why servers could not be asked as a problem.
func asking<Value>(_ ask: () async throws(ClusterError) -> Value) async throws(Problem) -> Value {
    do throws(ClusterError) {
        return try await ask()
    } catch {
        throw Problem(error)
    }
}
