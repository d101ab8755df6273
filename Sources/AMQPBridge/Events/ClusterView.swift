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
        var listings = 32
    }

    private struct Server {
        var namespaces: [String]
        var reports: Bool
    }

    private let limits: Limits
    private var servers: [String: Server] = [:]
    /// By name, told apart by its bytes.
    private var namespaces: [RoomName: NamespaceView] = [:]
    /// Those in which something is held back.
    private var holding: Set<RoomName> = []
    /// The time at which some of that may be due.
    private var newsDeadline: MonotonicTime?
    /// What all of them take in memory, about.
    private var bytes = 0
    private var queue = ListingQueue()
    /// Whether servers that are heard of for the first time are news.
    private var hasBegun = false
    private var isConnected = false
    private var events: [ClusterEvent] = []
    private var unreadable: [UnreadableList] = []
    private var listWarnings = WarningLimiter<String>()

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
        let asking = mayAsk && isConnected && queue.asked < limits.listings ? queue.deadline : nil
        return [asking, newsDeadline].compactMap(\.self).min()
    }

    mutating func takeEvents() -> [ClusterEvent] {
        defer { events = [] }
        return events
    }

    /// The lists that come to nothing again and again: of each server one in a minute.
    mutating func takeUnreadable() -> [UnreadableList] {
        defer { unreadable = [] }
        return unreadable
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
        queue = ListingQueue()
        for name in Array(namespaces.keys) { change(name, now: MonotonicTime(nanoseconds: 0)) { $0.relistAll() } }
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
            change(.name(name), now: time.monotonic) { $0.add(uid, reports: reports, at: time) }
        }
    }

    /// A server has gone.
    mutating func lost(_ uid: String, at time: NewsTime) {
        guard let server = servers.removeValue(forKey: uid) else { return }
        queue.remove(uid)
        for name in server.namespaces { leave(name, uid, at: time) }
        events.append(ClusterEvent(.serverLost, time: time.unix, server: uid))
    }

    private mutating func leave(_ namespace: String, _ uid: String, at time: NewsTime) {
        change(.name(namespace), now: time.monotonic) { $0.remove(uid, at: time) }
    }

    /// A receiver has come, and asks for the state.
    mutating func receiverCame(now: MonotonicTime) {
        for name in Array(namespaces.keys) { namespaces[name]?.mayAsk(from: now) }
    }

    // MARK: Lists and changes

    /// The next page that is to be asked for; ``listed(_:_:at:)`` has to follow.
    mutating func nextListing(now: MonotonicTime) -> Listing? {
        guard isConnected else { return nil }
        while queue.asked < limits.listings, let (server, namespace, ticket) = queue.next(now: now) {
            if var listing = namespaces[namespace]?.listing(of: server) {
                listing.ticket = ticket
                return listing
            }
            queue.ended(server, ticket: ticket, isAnswered: true, now: now)
        }
        return nil
    }

    /// - Parameters:
    ///   - page: `nil`: the server has not answered, or not as it should have.
    ///   - wasAsked: whether it was asked at all. One that is away for a moment is not, and nothing is wrong with it.
    mutating func listed(_ listing: Listing, _ page: ListedRooms?, wasAsked: Bool = true, at time: NewsTime) {
        queue.ended(listing.server, ticket: listing.ticket, isAnswered: page != nil, now: time.monotonic)
        if wasAsked, let since = queue.failingSince(of: listing.server),
            UnreadableList.isUnusual(time.monotonic - since)
        {
            cannotRead(listing.server, listing.namespace, .unanswered, now: time.monotonic)
        }
        change(.name(listing.namespace), now: time.monotonic) { $0.listed(listing, page, at: time) }
        bound(at: time)
    }

    private mutating func cannotRead(
        _ server: String, _ namespace: String, _ fault: UnreadableList.Fault, now: MonotonicTime
    ) {
        guard listWarnings.allows(server, now: now) else { return }
        unreadable.append(
            UnreadableList(
                server: ClusterWarning.shortened(server), namespace: ClusterWarning.shortened(namespace), fault: fault))
    }

    mutating func take(_ changes: ServerChanges, at time: NewsTime) {
        change(.name(changes.namespace), now: time.monotonic) { $0.take(changes, at: time) }
        bound(at: time)
    }

    mutating func expire(now: MonotonicTime) {
        guard let newsDeadline, newsDeadline <= now else { return }
        for name in Array(holding) { change(name, now: now) { $0.expire(now: now) } }
        // Not at every turn, for it looks at each of them.
        var earliest: MonotonicTime?
        for name in holding {
            if let deadline = namespaces[name]?.deadline { earliest = min(earliest ?? deadline, deadline) }
        }
        self.newsDeadline = earliest.map { max($0, now + Self.newsPause) }
    }

    private static let newsPause: Duration = .milliseconds(20)

    private mutating func change(
        _ name: RoomName, now: MonotonicTime, _ body: (inout NamespaceView) -> Void
    ) {
        // Taken out, so that nothing of it is copied.
        guard var view = namespaces.removeValue(forKey: name) else { return }
        bytes -= view.bytes
        body(&view)
        events += view.takeEvents()
        for server in view.takeUnreadable() { cannotRead(server, view.name, .unfit, now: now) }
        for (server, afterGap) in view.takeToList() { queue.add(name, of: server, now: now, afterGap: afterGap) }
        if view.isDone {
            holding.remove(name)
            return
        }
        bytes += view.bytes
        if view.isHolding {
            holding.insert(name)
            if let deadline = view.deadline { newsDeadline = min(newsDeadline ?? deadline, deadline) }
        } else {
            holding.remove(name)
        }
        namespaces[name] = view
    }

    /// A hostile server must not fill the memory: the largest namespace is given up.
    private mutating func bound(at time: NewsTime) {
        while bytes > limits.bytes, let largest = namespaces.max(by: { $0.value.bytes < $1.value.bytes })?.key {
            change(largest, now: time.monotonic) { $0.overflow(at: time) }
        }
    }
}
