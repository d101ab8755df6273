public import JSON

/// One event for clients: everyone in a namespace, or those in rooms, minus others. Free of any wire format.
public struct Emit: Sendable, Equatable {
    public var namespace: String
    public var event: String
    /// The event's arguments: the elements of a JSON array as they were written, without its brackets.
    public var arguments: JSONText
    /// The union of these rooms receives the event, each socket once; empty means everyone. A socket's id is a room,
    /// too.
    public var rooms: [RoomName]
    /// Rooms and socket ids that do not receive it.
    public var except: [RoomName]
    /// Socket ids that do not receive it, for servers that can exclude nothing else.
    public var exceptSockets: [String]
    /// Whether the arguments may contain bytes: ``attachments``, in whose place placeholders stand.
    public var isBinary = false
    /// The bytes for the placeholders `{"_placeholder":true,"num":n}` in ``arguments``, in base64.
    public var attachments: [String] = []
    /// May be dropped for clients that cannot take it at once.
    public var isVolatile = false
    /// Whether the message to clients may be compressed.
    public var isCompressed = true
    /// Goes with the messages to the broker; `nil`: no trace.
    public var trace: TraceContext?

    public init(
        namespace: String = "/", event: String, arguments: JSONText = .empty,
        rooms: [RoomName] = [], except: [RoomName] = [], exceptSockets: [String] = []
    ) {
        self.namespace = namespace
        self.event = event
        self.arguments = arguments
        self.rooms = rooms
        self.except = except
        self.exceptSockets = exceptSockets
    }
}

/// A field of a command, for errors that say where.
public struct CommandField: Sendable, Equatable {
    public let name: String
    /// The index of the element, when the field is a list and the error is about one of its elements.
    public let index: Int?

    public init(_ name: String, index: Int? = nil) {
        self.name = name
        self.index = index
    }
}

/// A fault in a field of a command, in a sentence for the caller.
public struct CommandFault: Sendable, Equatable {
    public let field: CommandField
    public let detail: String

    public init(_ field: CommandField, _ detail: String) {
        self.field = field
        self.detail = detail
    }
}

/// The most that a command may ask for.
public struct CommandLimits: Sendable, Equatable {
    /// Rooms, exceptions and excepted sockets together, after removing duplicates.
    public var names = 100

    public init(names: Int = 100) {
        self.names = names
    }
}

extension Emit {
    /// Event names that Socket.IO keeps for itself (socket.io 4.8.3, RESERVED_EVENTS, and Node's EventEmitter).
    public static let reservedEvents: Set<String> = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ]

    fileprivate static func isReserved(_ event: String) -> Bool {
        // Asked for every emit: the first byte tells nearly all of them apart without a hash.
        guard let first = event.utf8.first, reservedInitials & 1 << (first & 127) != 0 else { return false }
        return reservedEvents.contains(event)
    }

    /// The first bytes of ``reservedEvents``, a bit for each.
    private static let reservedInitials = reservedEvents.reduce(UInt128(0)) { $0 | 1 << ($1.utf8.first! & 127) }

    /// The faults that the command has under any wire format, at most one per name.
    public func faults(limits: CommandLimits = CommandLimits()) -> [CommandFault] {
        var faults: [CommandFault] = []
        if let fault = CommandFault(event: event) { faults.append(fault) }
        if let fault = CommandFault(namespace: namespace) { faults.append(fault) }
        CommandFault.add(faultsOf: rooms, "rooms", \.fault, to: &faults)
        CommandFault.add(faultsOf: except, "except", \.fault, to: &faults)
        CommandFault.add(faultsOf: exceptSockets, "exceptSockets", \.faultOfName, to: &faults)
        // Counted as a set only when there can be too many of them.
        let listed = rooms.count + except.count + exceptSockets.count
        let unique = listed <= limits.names ? listed : namesOfAll.withoutDuplicates.count
        if unique > limits.names {
            let detail =
                "\(unique) different names in rooms, except and exceptSockets; at most \(limits.names) are allowed"
            faults.append(CommandFault(CommandField(rooms.isEmpty ? "except" : "rooms"), detail))
        }
        return faults
    }

    private var namesOfAll: [RoomName] { rooms + except + exceptSockets.map { .name($0) } }

    /// Whether it names rooms that are numbers.
    var namesNumbers: Bool { rooms.nameNumbers || except.nameNumbers }
}

extension CommandFault {
    /// The fault in the name of an event for clients; `nil`: there is none.
    public init?(event: borrowing String) {
        if event.isEmpty {
            self = .noEvent
        } else if Emit.isReserved(event) {
            self.init(CommandField("event"), "'\(copy event)' is reserved by Socket.IO")
        } else {
            return nil
        }
    }

    fileprivate static let noEvent = CommandFault(CommandField("event"), "an event needs a name")

    /// The fault in a namespace; `nil`: there is none. Namespaces match `^/[^#]*$`: the `#` separates parts of routing
    /// keys, so they cannot be forged.
    public init?(namespace: borrowing String) {
        // Nearly all.
        if namespace == "/" { return nil }
        let utf8 = namespace.utf8
        if utf8.first != UInt8(ascii: "/") || utf8.contains(UInt8(ascii: "#")) {
            self.init(CommandField("namespace"), "a namespace begins with '/' and contains no '#'")
        } else if let fault = namespace.faultOfLength {
            self.init(CommandField("namespace"), fault)
        } else {
            return nil
        }
    }

    /// The faults of the rooms in a list. At most ``mostFaults``: a caller fixes them one by one anyway, and a million
    /// would be costly to tell.
    public static func names(_ rooms: [RoomName], _ list: String) -> [CommandFault] {
        var faults: [CommandFault] = []
        add(faultsOf: rooms, list, \.fault, to: &faults)
        return faults
    }

    /// The faults of the ids of sockets in a list, at most ``mostFaults``.
    public static func names(_ ids: [String], _ list: String) -> [CommandFault] {
        var faults: [CommandFault] = []
        add(faultsOf: ids, list, \.faultOfName, to: &faults)
        return faults
    }

    @inline(__always)
    fileprivate static func add<Name>(
        faultsOf names: [Name], _ list: String, _ fault: (Name) -> String?, to faults: inout [CommandFault]
    ) {
        let most = faults.count + mostFaults
        let names = names.span
        for index in names.indices where faults.count < most {
            guard let detail = fault(names[index]) else { continue }
            faults.append(CommandFault(CommandField(list, index: index), detail))
        }
    }

    private static let mostFaults = 20
}

extension ServerSideEmit {
    /// Event names that break a server (observed, socket.io 4.8.3: they threw inside the consumer and closed its
    /// connection).
    package static let reservedEvents: Set<String> = [
        "connect", "connection", "new_namespace", "newListener", "removeListener", "error",
    ]

    /// The fault in the event's name; `nil`: there is none.
    package var eventFault: CommandFault? {
        if event.isEmpty { return .noEvent }
        return Self.reservedEvents.contains(event)
            ? CommandFault(CommandField("event"), "'\(event)' would break a Socket.IO server") : nil
    }
}

extension String {
    /// Whether the two are the same name. (`==` calls "é" in one scalar and in two equal, which servers do not.)
    package func hasBytes(of other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

extension [String] {
    /// The same names in the same order, each once.
    var withoutDuplicates: [String] {
        guard count > 1 else { return self }
        // By bytes: strings that Unicode calls equal ("é" in one scalar or two) are different rooms.
        var seen = Set<[UInt8]>(minimumCapacity: count)
        return filter { seen.insert([UInt8]($0.utf8)).inserted }
    }
}
