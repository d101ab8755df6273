internal import AMQPBridge
internal import JSON

/// `/v1/servers…`: the servers themselves.
struct ServerRoutes: Sendable {
    let cluster: any ClusterService
    let emitter: any EmitService
    let timeout: Duration

    @Sendable func list(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        // Any namespace, unless one is asked for.
        let namespace = fields.has("namespace") ? fields.namespace() : nil
        let timeout = fields.timeout(default: timeout)
        try fields.finish()
        try fields.check(request.caller) { $0.places(beyondNamespace: namespace) }
        let servers = try await asking { () async throws(ClusterError) in
            try await cluster.servers(timeout: timeout)
        }
        let wanted = servers.filter { server in
            namespace.map { namespace in server.namespaces.contains { $0.hasBytes(of: namespace) } } ?? true
        }
        return .json { json in
            json.list("servers") { list in
                for server in wanted { list.object { $0.members(of: server, for: request.caller) } }
            }
        }
    }

    @Sendable func emit(_ request: Request) async throws(Problem) -> Response {
        var fields = try Fields(request)
        let event = fields.string("event")
        if !fields.has("event") { fields.fail("event", "is required") }
        var command = ServerSideEmit(namespace: fields.namespace(), event: event ?? "")
        if event != nil, let fault = command.eventFault { fields.fail([fault]) }
        if fields.boolean("binary") == true {
            (command.arguments, command.attachments) = fields.binaryArguments("args")
        } else {
            command.arguments = fields.arguments("args")
        }
        command.trace = request.head.trace
        let acknowledgement = fields.acknowledgement(hasMode: false)
        try fields.finish()
        let question = command
        request.notes?.note(question)
        try fields.check(request.caller) { $0.places(beyond: question) }
        guard let acknowledgement else { return try await tell(question, request) }
        let answer = try await asking { () async throws(ClusterError) in
            try await cluster.ask(question, timeout: acknowledgement.timeout ?? timeout)
        }
        return .json { json in
            json.list("responses") { list in
                for response in answer.value {
                    list.object { json in
                        json.member("server", response.server)
                        json.member("value", response.value)
                    }
                }
            }
            json.servers(answer.servers)
        }
    }
}

extension ServerRoutes {
    /// Without answers it is an emit like any other.
    private func tell(_ command: ServerSideEmit, _ request: Request) async throws(Problem) -> Response {
        do throws(EmitError) {
            let receipt = try await emitter.emit(toServers: command)
            request.note(.emit(EmitRemark(event: command.event, rooms: nil, receipt)))
            return .emitted(receipt, .broker)
        } catch {
            request.note(.emit(EmitRemark(event: command.event, rooms: nil, nil)))
            throw Problem(error)
        }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func members(of server: ServerDescription, for caller: Caller) {
        member("uid", server.uid)
        member("namespaces", server.namespaces.filter(caller.reach.namespaces.matches))
        member("lastSeenMs", Int(server.lastSeen.nanoseconds / 1_000_000))
        member("subscriptionMode", server.subscriptionMode)
        member("features", server.features?.sorted())
        member("adapter", server.adapter)
    }
}
