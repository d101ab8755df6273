import EventLoop

@testable import AMQPBridge

/// Servers as docs/cluster-protocol.md has them, and a gateway's view of them: everything is random, and every message
/// takes its time. One namespace.
struct SimulatedCluster {
    struct Server {
        var rooms: Set<RoomName> = []
        /// The rooms as of the last message.
        var sent: Set<RoomName> = []
        var sequence = 0
        /// Until when a gateway has said that it wants events.
        var isCollecting = false
    }

    private enum Message {
        case changes(ServerChanges)
        case page(Listing, ListedRooms?)
        case heartbeat(String)
        case silent(String)
    }

    /// The longest time that a message takes, in milliseconds.
    static let delay = 400
    /// The time between two messages of a server with changes.
    static let batch = 100
    static let namespace = "/"

    private var random: SplitMix
    private let grace: Int
    var servers: [String: Server] = [:]
    private var view: ClusterView
    private(set) var now = 1_000
    /// Messages of each server come in order; answers with lists come by another way.
    private var underWay: [(at: Int, order: Int, Message)] = []
    private var lastArrival: [String: Int] = [:]
    private var orders = 0
    private var isConnected = false
    private var names = 0
    /// Servers that have gone while nothing could be heard.
    private var unheard: [String] = []
    /// When each room was empty the last time; none: it never was.
    private var lastEmpty: [RoomName: Int] = [:]
    private(set) var faults: [String] = []
    private(set) var told: [ClusterEvent] = []
    /// What a receiver takes for occupied, which asks again at every `sync`.
    private(set) var believed: Set<RoomName> = []
    private var asks: Int?

    init(seed: UInt64, grace: Int) {
        random = SplitMix(state: seed)
        self.grace = grace
        view = ClusterView(.init(grace: .milliseconds(grace)))
    }

    static let roomNames: [RoomName] = (0..<12).map { .name("room\($0)") } + [42, "42", "é", "e\u{301}"]

    var truth: Set<RoomName> { servers.values.reduce(into: []) { $0.formUnion($1.rooms) } }
    var viewedRooms: Int { view.rooms }

    private var time: NewsTime {
        NewsTime(monotonic: MonotonicTime(nanoseconds: Int64(now) * 1_000_000), unix: Int64(now))
    }

    // MARK: What happens

    mutating func addServer() {
        names += 1
        let name = "s\(names)"
        servers[name] = Server()
        send(name, .heartbeat(name))
    }

    mutating func connect() {
        isConnected = true
        view.know(
            servers.keys.sorted().map { ($0, [Self.namespace], true) },
            at: time)
        view.connected()
        for name in servers.keys.sorted() { want(name) }
        for name in unheard { send(name, .silent(name)) }
        unheard = []
    }

    /// The gateway and the servers lose RabbitMQ: what is under way is lost, and what servers send meanwhile.
    mutating func loseBroker() {
        isConnected = false
        let names = underWay.compactMap { if case .silent(let name) = $0.2 { name } else { nil } }
        underWay = []
        lastArrival = [:]
        unheard += names
        view.disconnected()
        for name in servers.keys.sorted() { hole(name) }
    }

    private mutating func want(_ name: String) {
        guard servers[name]?.isCollecting == false else { return }
        servers[name]?.isCollecting = true
        hole(name)
    }

    /// Something may have been missed: a number is left out, and an empty message says so.
    private mutating func hole(_ name: String) {
        guard var server = servers[name], server.isCollecting else { return }
        server.sequence += 2
        server.sent = server.rooms
        servers[name] = server
        publish(name, [])
    }

    private mutating func publish(_ name: String, _ changes: [ServerChanges.Room]) {
        guard isConnected, let sequence = servers[name]?.sequence else { return }
        send(
            name,
            .changes(ServerChanges(server: name, namespace: Self.namespace, sequence: sequence, rooms: changes)))
    }

    private mutating func flush(_ name: String) {
        guard var server = servers[name], server.isCollecting, server.rooms != server.sent else { return }
        let changes =
            server.rooms.subtracting(server.sent).map { ServerChanges.Room(name: $0, isThere: true) }
            + server.sent.subtracting(server.rooms).map { ServerChanges.Room(name: $0, isThere: false) }
        server.sent = server.rooms
        server.sequence += 1
        servers[name] = server
        publish(name, changes.sorted { $0.name.precedes($1.name) })
        // Between a publish that is lost and the next connection a number is left out by ``loseBroker()``.
    }

    private mutating func send(_ name: String, _ message: Message) {
        guard isConnected else { return }
        let at = max(now + Int.random(in: 1...Self.delay / 2, using: &random), lastArrival[name] ?? 0)
        lastArrival[name] = at
        orders += 1
        underWay.append((at, orders, message))
    }

    /// One of the servers lets a socket into a room, or its last one out.
    mutating func change() {
        guard let name = servers.keys.sorted().randomElement(using: &random),
            let room = Self.roomNames.randomElement(using: &random)
        else { return }
        note()
        if servers[name]?.rooms.remove(room) == nil { servers[name]?.rooms.insert(room) }
    }

    /// A server goes, and is known to be gone after a while.
    mutating func crash(_ name: String) {
        note()
        servers[name] = nil
        if isConnected { send(name, .silent(name)) } else { unheard.append(name) }
    }

    /// Lets a server's message be lost, which the server notices.
    mutating func loseMessage(_ name: String) {
        guard
            let lost = underWay.firstIndex(where: {
                if case .changes(let changes) = $0.2 { changes.server == name } else { false }
            })
        else { return }
        // All behind it are lost, too: a channel that is closed.
        underWay = underWay.enumerated().filter { index, entry in
            guard index >= lost, case .changes(let changes) = entry.2 else { return true }
            return changes.server != name
        }.map(\.element)
        hole(name)
    }

    // MARK: Time

    /// Lets some milliseconds pass.
    mutating func pass(_ milliseconds: Int) {
        for _ in 0..<milliseconds / 10 {
            now += 10
            if now % Self.batch == 0 { for name in servers.keys.sorted() { flush(name) } }
            while let listing = view.nextListing(now: time.monotonic) { answer(listing) }
            deliver()
            view.expire(now: time.monotonic)
            take()
        }
    }

    private mutating func answer(_ listing: Listing) {
        var page: ListedRooms?
        if let server = servers[listing.server], server.isCollecting, Int.random(in: 0..<10, using: &random) > 0 {
            flush(listing.server)
            let limit = Int.random(in: 1...6, using: &random)
            let left = (servers[listing.server]?.rooms ?? []).filter { listing.after?.precedes($0) ?? true }
                .sorted { $0.precedes($1) }
            page = ListedRooms(
                sequence: servers[listing.server]?.sequence ?? 0, rooms: Array(left.prefix(limit)),
                isLast: left.count <= limit)
        }
        orders += 1
        let at = now + Int.random(in: 1...Self.delay, using: &random)
        if isConnected { underWay.append((at, orders, .page(listing, page))) }
    }

    private mutating func deliver() {
        let due = underWay.filter { $0.at <= now }.sorted { ($0.at, $0.order) < ($1.at, $1.order) }
        underWay.removeAll { $0.at <= now }
        for (_, _, message) in due {
            switch message {
            case .changes(let changes): view.take(changes, at: time)
            case .page(let listing, let page): view.listed(listing, page, at: time)
            case .silent(let name): view.lost(name, at: time)
            case .heartbeat(let name):
                view.heard(name, namespaces: [Self.namespace], reports: true, at: time)
                want(name)
            }
            take()
        }
    }

    /// Something is about to change.
    private mutating func note() {
        let occupied = truth
        for room in Self.roomNames where !occupied.contains(room) { lastEmpty[room] = now }
    }

    private mutating func take() {
        if let asks, asks <= now {
            believed = truth
            self.asks = nil
        }
        for event in view.takeEvents() {
            told.append(event)
            switch (event.kind, event.room) {
            case (.sync, _): asks = now + Int.random(in: 0..<2_000, using: &random)
            case (.roomOccupied, let room?): believed.insert(room)
            case (.roomVacated, let room?):
                believed.remove(room)
                let since = now - grace - 2 * Self.delay - Self.batch
                if truth.contains(room), (lastEmpty[room] ?? 0) < since {
                    faults.append("\(now): \(room) vacated, and was last empty at \(lastEmpty[room] ?? 0)")
                }
            default: break
            }
        }
    }

    /// A number out of the same sequence, for what is to happen next.
    mutating func draw(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
}

/// Numbers that are random, and the same for each seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
