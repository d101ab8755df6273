/// The target of an event, chosen step by step, as on a Socket.IO server:
/// `emitter.of("/chat").to("room42").except("room7")`.
///
/// A value: every step returns a new one, so that a part can be kept and used again.
public struct BroadcastOperator: Sendable {
    typealias Publish = @Sendable (Emit) async throws(EmitError) -> Receipt

    private var target = Emit(event: "")
    private var hasEmptyList = false
    private let publish: Publish

    init(publish: @escaping Publish) {
        self.publish = publish
    }

    /// Clients in this namespace; `/` unless said otherwise.
    public func of(_ namespace: String) -> Self { with { $0.target.namespace = namespace } }

    /// Clients in the room, and in any other that is named: each receives the event once. A socket's id is a room, too.
    public func to(_ room: String, _ others: String...) -> Self { to([room] + others) }

    /// The same where rooms may be numbers: `to(42)`, `to(.number(user.id))`.
    public func to(_ room: RoomName, _ others: RoomName...) -> Self { to(rooms: [room] + others) }

    /// Clients in any of the rooms. An empty list is nearly always a bug and must not reach everyone: the emit will
    /// fail.
    public func to(_ rooms: [String]) -> Self { to(rooms: rooms.map { .name($0) }) }

    /// The same where rooms may be numbers.
    public func to(rooms: [RoomName]) -> Self {
        with {
            $0.target.rooms += rooms
            $0.hasEmptyList = $0.hasEmptyList || rooms.isEmpty
        }
    }

    /// The same as ``to(_:_:)``.
    public func `in`(_ room: String, _ others: String...) -> Self { to([room] + others) }

    /// The same where rooms may be numbers.
    public func `in`(_ room: RoomName, _ others: RoomName...) -> Self { to(rooms: [room] + others) }

    /// Leaves out the sockets in these rooms; ids of sockets are rooms, too. Not every wire format can do it.
    public func except(_ names: String...) -> Self { except(names) }

    /// Leaves out the sockets in these rooms; ids of sockets are rooms, too. Not every wire format can do it.
    public func except(_ names: [String]) -> Self { except(rooms: names.map { .name($0) }) }

    /// The same where rooms may be numbers.
    public func except(_ rooms: RoomName...) -> Self { except(rooms: rooms) }

    /// The same where rooms may be numbers.
    public func except(rooms: [RoomName]) -> Self { with { $0.target.except += rooms } }

    /// Leaves out the sockets with these ids, for servers that can leave out nothing else.
    public func exceptSockets(_ ids: String...) -> Self { exceptSockets(ids) }

    /// Leaves out the sockets with these ids, for servers that can leave out nothing else.
    public func exceptSockets(_ ids: [String]) -> Self { with { $0.target.exceptSockets += ids } }

    /// Publishes the event and waits for RabbitMQ's confirm.
    ///
    /// - Returns: the receipt; its `routed` is `false` if the event had no receiver.
    /// - Throws: as ``Emitter/emit(_:)`` does.
    @discardableResult
    public func emit(_ event: String, _ arguments: Argument...) async throws(EmitError) -> Receipt {
        try await emit(event, arguments: arguments)
    }

    /// The same for a list of arguments made at run time.
    @discardableResult
    public func emit(_ event: String, arguments: [Argument]) async throws(EmitError) -> Receipt {
        guard !hasEmptyList else {
            let detail = "an empty list reaches nobody; leave it out to reach everyone"
            throw .invalid([CommandFault(CommandField("rooms"), detail)])
        }
        var emit = target
        emit.event = event
        try emit.setArguments(arguments)
        return try await publish(emit)
    }

    private func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}
