internal import EventLoop

/// The gateway's view of the cluster: who is there, and which rooms have sockets. A value, without I/O: what servers
/// say goes in, events and the lists that are to be read come out.
///
/// It holds rooms and which servers have them, and no sockets: how many there are stays a question.
struct ClusterView {
    struct Limits {
        /// How long the end of a room or a socket is held back, and dropped together with its return.
        var grace: Duration = .seconds(3)
        /// The most bytes that rooms may take.
        var bytes = 32 << 20
        /// The most lists that are read at once.
        var listings = 8
    }

    private struct Server {
        var namespaces: [String]
        var reports: Bool
    }

    private let limits: Limits
    private var servers: [String: Server] = [:]
    /// By name, told apart by its bytes.
    private var namespaces: [RoomName: NamespaceView] = [:]
    /// Those in which something is to be done by and by.
    private var busy: Set<RoomName> = []
    /// What all of them take in memory, about.
    private var bytes = 0
    /// Lists that are being read.
    private var asked: Set<Listing> = []
    /// Whether servers that are heard of for the first time are news.
    private var hasBegun = false
    private var isConnected = false
    private var events: [ClusterEvent] = []

    init(_ limits: Limits = Limits()) { self.limits = limits }

    var rooms: Int { namespaces.values.reduce(0) { $0 + $1.roomCount } }
    /// Namespaces with more rooms than are kept.
    var overfull: Int { namespaces.values.count(where: \.isOverfull) }

    /// The rooms that have sockets, by namespace, as far as they are known.
    var occupied: [(namespace: String, rooms: [RoomName])] {
        namespaces.values.compactMap { view in view.occupied.map { (view.name, $0) } }
    }

    func occupied(in namespace: String) -> [RoomName] { namespaces[.name(namespace)]?.occupied ?? [] }

    /// The time at which ``expire(now:)`` has something to do, or ``nextListing(now:)``.
    ///
    /// - Parameter mayAsk: whether lists can be asked for now.
    func deadline(mayAsk: Bool) -> MonotonicTime? {
        let mayAsk = mayAsk && isConnected && asked.count < limits.listings
        var earliest: MonotonicTime?
        for name in busy {
            guard let view = namespaces[name] else { continue }
            for time in [view.deadline, mayAsk ? view.nextAsking : nil].compactMap(\.self) {
                earliest = min(earliest ?? time, time)
            }
        }
        return earliest
    }

    mutating func takeEvents() -> [ClusterEvent] {
        defer { events = [] }
        return events
    }

    // MARK: Servers

    /// These servers are there: from now on it is news who comes.
    mutating func know(_ servers: [(uid: String, namespaces: [String], reports: Bool)], at time: NewsTime) {
        for server in servers { heard(server.uid, namespaces: server.namespaces, reports: server.reports, at: time) }
        hasBegun = true
    }

    /// What servers send is heard: lists can be read.
    mutating func connected() { isConnected = true }

    /// Nothing is heard any more.
    mutating func disconnected() {
        isConnected = false
        asked = []
        for name in Array(namespaces.keys) { change(name) { $0.relistAll() } }
    }

    /// A server has said that it is there.
    mutating func heard(_ uid: String, namespaces names: [String], reports: Bool, at time: NewsTime) {
        let known = servers[uid]
        if let known, known.reports == reports, known.namespaces.elementsEqual(names, by: { $0.hasBytes(of: $1) }) {
            return
        }
        servers[uid] = Server(namespaces: names, reports: reports)
        if known == nil, hasBegun { events.append(ClusterEvent(.serverUp, time: time.unix, server: uid)) }
        let kept = Set(names.map { RoomName.name($0) })
        for name in known?.namespaces ?? [] where !kept.contains(.name(name)) { leave(name, uid, at: time) }
        for name in names {
            if namespaces[.name(name)] == nil { namespaces[.name(name)] = NamespaceView(name, grace: limits.grace) }
            change(name) { $0.add(uid, reports: reports, at: time) }
        }
    }

    /// A server has gone.
    mutating func lost(_ uid: String, at time: NewsTime) {
        guard let server = servers.removeValue(forKey: uid) else { return }
        for name in server.namespaces { leave(name, uid, at: time) }
        events.append(ClusterEvent(.serverLost, time: time.unix, server: uid))
    }

    private mutating func leave(_ namespace: String, _ uid: String, at time: NewsTime) {
        change(namespace) { $0.remove(uid, at: time) }
    }

    /// A receiver has come, and asks for the state.
    mutating func receiverCame(now: MonotonicTime) {
        for name in Array(namespaces.keys) { namespaces[name]?.mayAsk(from: now) }
    }

    // MARK: Lists and changes

    /// The next page that is to be asked for; ``listed(_:_:at:)`` has to follow.
    mutating func nextListing(now: MonotonicTime) -> Listing? {
        guard isConnected, asked.count < limits.listings else { return nil }
        for name in busy {
            guard let listing = namespaces[name]?.nextListing(now: now) else { continue }
            asked.insert(listing)
            return listing
        }
        return nil
    }

    /// - Parameter page: `nil`: the server has not answered, or not as it should have.
    mutating func listed(_ listing: Listing, _ page: ListedRooms?, at time: NewsTime) {
        asked.remove(listing)
        change(listing.namespace) { $0.listed(listing, page, at: time) }
        bound(at: time)
    }

    mutating func take(_ changes: ServerChanges, at time: NewsTime) {
        change(changes.namespace) { $0.take(changes, at: time) }
        bound(at: time)
    }

    mutating func expire(now: MonotonicTime) {
        for name in Array(busy) { change(name) { $0.expire(now: now) } }
    }

    private mutating func change(_ namespace: String, _ body: (inout NamespaceView) -> Void) {
        change(.name(namespace), body)
    }

    private mutating func change(_ name: RoomName, _ body: (inout NamespaceView) -> Void) {
        // Taken out, so that nothing of it is copied.
        guard var view = namespaces.removeValue(forKey: name) else { return }
        bytes -= view.bytes
        body(&view)
        events += view.takeEvents()
        if view.isDone {
            busy.remove(name)
            return
        }
        bytes += view.bytes
        if view.isBusy { busy.insert(name) } else { busy.remove(name) }
        namespaces[name] = view
    }

    /// A hostile server must not fill the memory: the largest namespace is given up.
    private mutating func bound(at time: NewsTime) {
        while bytes > limits.bytes, let largest = namespaces.max(by: { $0.value.bytes < $1.value.bytes })?.key {
            change(largest) { $0.overflow(at: time) }
        }
    }
}
