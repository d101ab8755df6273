internal import AMQPBridge

/// The events that a stream is for: what was asked for, within what the caller may read.
struct EventFilter: StreamFilter {
    /// The kinds, a bit each.
    private let kinds: UInt32
    /// `nil`: all of them, and events without a room.
    private let rooms: NameGlobs?
    /// `nil`: all of them, and events without a namespace.
    private let namespaces: NameGlobs?
    private let reach: Reach
    /// Whether the caller is told which servers there are.
    private let showsServers: Bool

    /// - Parameters:
    ///   - types: names of kinds, and families such as `room.*`; `nil`: all kinds but those that each socket has for
    ///     each of its rooms.
    ///   - rooms: globs; none: all rooms, and events without one.
    ///   - namespaces: globs; none: all of them, and events without one.
    ///   - readsServers: whether the caller may ask for the servers. Who hears of their coming knows them, too.
    init(
        types: [String]? = nil, rooms: [String] = [], namespaces: [String] = [], reach: Reach = Reach(),
        readsServers: Bool = false
    ) {
        kinds =
            types.map { types in types.reduce(0) { $0 | Self.kinds(of: $1) } }
            ?? ClusterEvent.Kind.allCases.reduce(0) { $1.isOfMembers ? $0 : $0 | $1.bit }
        self.rooms = rooms.isEmpty ? nil : NameGlobs(rooms.map(Glob.init))
        self.namespaces = namespaces.isEmpty ? nil : NameGlobs(namespaces.map(Glob.init))
        self.reach = reach
        showsServers = readsServers || reach.rooms.matchEverything && reach.namespaces.matchEverything
    }

    /// Whether it takes the events of each socket and room.
    var wantsMembers: Bool {
        ClusterEvent.Kind.allCases.contains { $0.isOfMembers && kinds & $0.bit != 0 }
    }

    func admits(_ event: EventEntry) -> Bool {
        // It says that others may be missing, whichever they are.
        let isSync = event.kind == .sync
        guard isSync || kinds & event.kind.bit != 0 else { return false }
        if let namespace = event.namespace {
            guard namespaces?.matches(namespace) ?? true, reach.namespaces.matches(namespace) else { return false }
        } else {
            guard isSync || namespaces == nil && reach.namespaces.matchEverything else { return false }
        }
        if let room = event.room { return (rooms?.matches(room) ?? true) && reach.rooms.matches(room) }
        return isSync || rooms == nil && reach.rooms.matchEverything
    }

    /// What the caller is told of an event: a JSON object without the id.
    func json(of event: EventEntry) -> [UInt8] {
        showsServers ? event.json : event.jsonWithoutServer ?? event.json
    }

    // MARK: Names of kinds

    /// What may be asked for by `type`.
    static let types = ["room.*", "socket.*", "server.*"] + ClusterEvent.Kind.allCases.map(\.rawValue)

    static func isType(_ text: String) -> Bool { types.contains(text) }

    /// Whether every event of a type has no room.
    static func isWithoutRooms(_ type: String) -> Bool {
        let bits = kinds(of: type)
        return ClusterEvent.Kind.allCases.filter { bits & $0.bit != 0 }.allSatisfy { !$0.hasRoom && $0 != .sync }
    }

    private static func kinds(of type: String) -> UInt32 {
        let glob = Glob(type)
        return ClusterEvent.Kind.allCases.reduce(0) { glob.matches($1.rawValue) ? $0 | $1.bit : $0 }
    }
}

extension ClusterEvent.Kind {
    fileprivate var bit: UInt32 {
        switch self {
        case .roomOccupied: 1 << 0
        case .roomVacated: 1 << 1
        case .socketConnected: 1 << 2
        case .socketDisconnected: 1 << 3
        case .socketJoined: 1 << 4
        case .socketLeft: 1 << 5
        case .serverUp: 1 << 6
        case .serverLost: 1 << 7
        case .sync: 1 << 8
        }
    }

    fileprivate var hasRoom: Bool { isOfMembers || self == .roomOccupied || self == .roomVacated }
}
