internal import AMQPBridge
internal import JSON

/// What a request named: an event and whom it is for, or sockets and what is to be done with them.
struct TailSubject: Sendable {
    enum Command: Sendable {
        /// Without its arguments.
        case emit(Emit)
        case change(SocketSelection, ChangeSockets.Change)
        /// Without its arguments.
        case servers(ServerSideEmit)
    }

    let command: Command
    /// `nil`: there is none, or nobody wants it.
    let payload: TailPayload?

    init(_ command: Command, _ payload: TailPayload?) {
        self.command = command
        self.payload = payload
    }

    /// Whether a caller might have sent it.
    func isWithin(_ reach: Reach) -> Bool {
        switch command {
        case .emit(let emit): reach.covers(emit)
        case .change(let selection, let change): reach.covers(selection, change)
        case .servers(let command): reach.covers(command)
        }
    }

    var event: String? {
        switch command {
        case .emit(let emit): emit.event
        case .servers(let command): command.event
        case .change: nil
        }
    }

    /// The rooms that it is for, or that are changed, and the socket.
    func names(where matches: (RoomName) -> Bool) -> Bool {
        switch command {
        case .emit(let emit): emit.rooms.contains(where: matches)
        case .change(let selection, .join(let rooms)), .change(let selection, .leave(let rooms)):
            rooms.contains(where: matches) || selection.rooms.contains(where: matches)
        case .change(let selection, .disconnect): selection.rooms.contains(where: matches)
        case .servers: false
        }
    }

    /// The bytes that it takes, about.
    var size: Int {
        let names =
            switch command {
            case .emit(let emit): emit.rooms.size + emit.except.size + 32 * emit.exceptSockets.count
            case .change(let selection, .join(let rooms)), .change(let selection, .leave(let rooms)):
                selection.rooms.size + selection.except.size + rooms.size
            case .change(let selection, .disconnect): selection.rooms.size + selection.except.size
            case .servers: 0
            }
        return names + (payload?.text.utf8.count ?? 0) + 400
    }
}

extension [RoomName] {
    fileprivate var size: Int { reduce(0) { $0 + 32 + $1.text.utf8.count } }
}

extension JSONObjectWriter {
    mutating func members(of subject: TailSubject) {
        switch subject.command {
        case .emit(let emit):
            member("kind", plain: "emit")
            member("event", emit.event)
            member("namespace", emit.namespace)
            member("rooms", emit.rooms)
            let except = emit.except + emit.exceptSockets.map { .name($0) }
            if !except.isEmpty { member("except", except) }
        case .servers(let command):
            member("kind", plain: "servers")
            member("event", command.event)
            member("namespace", command.namespace)
        case .change(let selection, let change):
            switch change {
            case .join(let rooms):
                member("kind", plain: "join")
                member("rooms", rooms)
            case .leave(let rooms):
                member("kind", plain: "leave")
                member("rooms", rooms)
            case .disconnect: member("kind", plain: "disconnect")
            }
            member("namespace", selection.namespace)
            if let id = selection.id { member("socket", id) } else { member("target", selection.rooms) }
            if !selection.except.isEmpty { member("except", selection.except) }
        }
    }
}
