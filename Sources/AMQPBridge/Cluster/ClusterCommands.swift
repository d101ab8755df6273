public import JSON

// What can be asked of a cluster of Socket.IO servers, free of any wire format.

/// Sockets of a namespace: the union of some rooms, minus others.
public struct SocketSelection: Sendable, Hashable {
    public var namespace: String
    /// Rooms and socket ids; empty means every socket.
    public var rooms: [RoomName]
    /// Rooms and socket ids that are left out.
    public var except: [RoomName]
    /// Only the socket with this id, which ``rooms`` then holds, too: a socket's id is a room.
    public let id: String?

    public init(namespace: String = "/", rooms: [RoomName] = [], except: [RoomName] = []) {
        self.namespace = namespace
        self.rooms = rooms
        self.except = except
        id = nil
    }

    public init(namespace: String = "/", id: String) {
        self.namespace = namespace
        self.id = id
        rooms = [.name(id)]
        except = []
    }

    /// Whether it names rooms that are numbers.
    var namesNumbers: Bool { rooms.nameNumbers || except.nameNumbers }
}

/// What a socket's description can hold beside its id.
public enum SocketField: String, Sendable, CaseIterable {
    case rooms, data, handshake
}

/// Sockets in the order of their ids (by code point), a page at a time.
public struct FetchSockets: Sendable, Hashable {
    public var selection: SocketSelection
    public var fields: [SocketField]
    /// Only sockets behind this id.
    public var after: String?
    public var limit: Int

    public init(
        _ selection: SocketSelection, fields: [SocketField] = [.rooms, .data], after: String? = nil, limit: Int = 100
    ) {
        self.selection = selection
        self.fields = fields
        self.after = after
        self.limit = limit
    }
}

/// Rooms and how many sockets each has, in the order of their names (by code point; a number by its digits), a page at a
/// time.
public struct ListRooms: Sendable, Hashable {
    public var namespace: String
    /// What their names begin with, and the digits of those that are numbers.
    public var prefix: String
    /// Only rooms behind this one.
    public var after: RoomName?
    public var limit: Int
    /// Whether rooms that are a socket's id are listed, too.
    public var includesPrivate: Bool

    public init(
        namespace: String = "/", prefix: String = "", after: RoomName? = nil, limit: Int = 100,
        includesPrivate: Bool = false
    ) {
        self.namespace = namespace
        self.prefix = prefix
        self.after = after
        self.limit = limit
        self.includesPrivate = includesPrivate
    }
}

/// How many sockets a namespace has, and each of these rooms.
public struct CountSockets: Sendable, Hashable {
    public var namespace: String
    public var rooms: [RoomName]

    public init(namespace: String = "/", rooms: [RoomName] = []) {
        self.namespace = namespace
        self.rooms = rooms
    }
}

/// Something done to every selected socket.
public struct ChangeSockets: Sendable, Equatable {
    public enum Change: Sendable, Equatable {
        case join([RoomName])
        case leave([RoomName])
        /// - Parameter close: whether the whole connection is closed, or only this namespace left.
        case disconnect(close: Bool)
    }

    public var selection: SocketSelection
    public var change: Change
    /// Goes with the messages to the broker; `nil`: no trace.
    public var trace: TraceContext?

    public init(_ selection: SocketSelection, _ change: Change) {
        self.selection = selection
        self.change = change
    }

    /// Whether it names rooms that are numbers.
    var namesNumbers: Bool {
        switch change {
        case .join(let rooms), .leave(let rooms): selection.namesNumbers || rooms.nameNumbers
        case .disconnect: selection.namesNumbers
        }
    }
}

/// An event for the servers themselves.
public struct ServerSideEmit: Sendable, Equatable {
    public var namespace: String
    public var event: String
    /// The elements of a JSON array as they were written, without its brackets.
    public var arguments: JSONText
    /// The bytes for the placeholders `{"_placeholder":true,"num":n}` in ``arguments``, in base64.
    public var attachments: [String] = []
    /// Goes with the message to the broker; `nil`: no trace.
    public var trace: TraceContext?

    public init(namespace: String = "/", event: String, arguments: JSONText = .empty) {
        self.namespace = namespace
        self.event = event
        self.arguments = arguments
    }
}

/// How many of the clients' acknowledgements are waited for.
public enum AcknowledgementMode: String, Sendable, CaseIterable {
    case first, all
}

// What comes back.

/// Something gathered from servers, and from which of them.
public struct ClusterAnswer<Value: Sendable>: Sendable {
    public let value: Value
    public let servers: ServerTally

    public init(_ value: Value, servers: ServerTally) {
        self.value = value
        self.servers = servers
    }
}

extension ClusterAnswer: Equatable where Value: Equatable {}

/// Which servers have answered.
public struct ServerTally: Sendable, Equatable {
    public let expected: Int
    public let responded: Int
    /// The uids of those that have not.
    public let missing: [String]
    /// The uids of those whose answer, or a part of it, was too large to be sent. They are neither missing nor have they
    /// responded.
    public let tooLarge: [String]

    public init(expected: Int, responded: Int, missing: [String], tooLarge: [String] = []) {
        self.expected = expected
        self.responded = responded
        self.missing = missing
        self.tooLarge = tooLarge
    }

    public var isComplete: Bool { missing.isEmpty && tooLarge.isEmpty }
}

public struct ClusterSocket: Sendable, Equatable {
    public let id: String
    /// An array of strings and integers, as JSON; `nil` when it was not asked for or not told, and so for the others.
    public let rooms: JSONText?
    public let data: JSONText?
    /// Without credentials: no `auth`, no `cookie`, no `authorization`.
    public let handshake: JSONText?
    /// The uid of the socket's server.
    public let server: String
}

public struct SocketPage: Sendable, Equatable {
    public let sockets: [ClusterSocket]
    public let hasMore: Bool
}

public struct RoomPage: Sendable, Equatable {
    public struct Room: Sendable, Equatable {
        public let name: RoomName
        public let sockets: Int
    }

    public let rooms: [Room]
    public let hasMore: Bool
}

public struct SocketCounts: Sendable, Equatable {
    public let sockets: Int
    /// In the order of the question.
    public let rooms: [RoomPage.Room]
}

public struct ServerResponse: Sendable, Equatable {
    public let server: String
    /// A JSON value; `null` if the server gave none.
    public let value: JSONText
}

/// What became of an emit that clients were asked to acknowledge. What is unknown is `nil`.
public struct AcknowledgedReceipt: Sendable, Equatable {
    public let id: String
    public let routed: Bool?
    /// Why ``routed`` is `false`; `nil` where it is not.
    public let reason: UnroutedReason?
    /// How many clients the event was sent to.
    public let recipients: Int?
    /// The arguments of each answer: a JSON array.
    public let responses: [JSONText]
    /// Whether all who were waited for have answered: all recipients or, if that was asked for, the first.
    public let isComplete: Bool?
    public let servers: ServerTally?
}

public struct ServerDescription: Sendable, Equatable {
    public let uid: String
    public let namespaces: [String]
    public let lastSeen: Duration
    public let subscriptionMode: String
    /// What it can do of what not every server can; `nil`: an early companion, which does not say.
    public var features: Set<String>?
    /// The class of the adapter that its companion stands beside; `nil`: not told.
    public var adapter: String?
}

/// Why a question has no answer at all.
public enum ClusterError: Error, Sendable, Equatable {
    /// No server answers questions on this exchange.
    case noServers(exchange: String)
    /// This gateway asks nobody: its operator does not want it to.
    case turnedOff
    case brokerUnavailable
    case brokerBlocked(reason: String)
    /// The broker does not let us use the exchange.
    case brokerRefused(exchange: String)
    /// Too many questions are under way.
    case overloaded
    /// A server cannot do what it would be asked for.
    case notSupported(ServerFeature, server: String)
    /// The question does not fit into a message.
    case tooLarge
    /// The connection broke behind something that may have been done.
    case unknown
    /// Nobody waits any more.
    case abandoned
}
