internal import EventLoop

/// The rooms of one namespace, and which of its servers have them.
struct NamespaceView {
    /// One server's part.
    private struct Part {
        var holder: RoomHolders.Holder
        /// The holder of the rooms that were known before the server's list began anew: they count until it is whole.
        var previous: RoomHolders.Holder?
        /// `nil`: the server does not report events.
        var tracking: RoomTracking?
        /// Why its list is read.
        var reason: SyncReason
        /// A number for each list that begins: pages of another one are not its own.
        var attempt: Int
        /// The time at which the list was first begun anew before it was whole.
        var unfitSince: MonotonicTime?

        var isWhole: Bool { tracking?.isWhole ?? false }
    }

    /// The most bytes that sockets take whose end is held back: of further ones it is told at once.
    private static let departedBytes = 16 << 20

    /// How long receivers have to ask for the state.
    private static let askingTime: Duration = .seconds(10)

    let name: String
    private let grace: Duration
    private var parts: [String: Part] = [:]
    /// Servers that report events and whose list is not whole.
    private var unlisted: Set<String> = []
    /// What their lists keep of changes.
    private var keptBytes = 0
    /// The number of servers that report no events.
    private var silent = 0
    private var rooms = RoomHolders()
    private var holders = 0
    /// Whether the rooms were known once: from then on it is told which come and go.
    private var isSettled = false
    /// Rooms that are empty, and may not be so for long.
    private var vacant = HeldNews<RoomName, NewsTime>()
    /// Empty rooms, as far as is known: a server that is not known to the end may have them.
    private var doubtful: [RoomName: NewsTime] = [:]
    private var doubtfulBytes = 0
    private var departed = HeldNews<String, (time: NewsTime, reason: String?)>()
    /// Until when a receiver may ask for the state. What was away by then may have been missing in the answer: that it
    /// is back is told.
    private var askingEnds = MonotonicTime(nanoseconds: 0)
    /// Whether there were too many rooms: nothing is told of them any more.
    private(set) var isOverfull = false
    private(set) var events: [ClusterEvent] = []
    /// Servers whose list is to be read, or to be read on, since the last look.
    private var toList: [(server: String, afterGap: Bool)] = []
    /// Servers whose list has come to nothing for a while, since the last look.
    private var unreadable: [String] = []

    init(_ name: String, grace: Duration) {
        self.name = name
        self.grace = grace
    }

    /// What rooms and what is held back take in memory, about.
    var bytes: Int { rooms.bytes + vacant.bytes + doubtfulBytes + departed.bytes + keptBytes }
    /// Whether something is held back.
    var isHolding: Bool { !vacant.isEmpty || !departed.isEmpty }
    var roomCount: Int { rooms.count }
    /// The rooms that have sockets; `nil`: that is not known.
    var occupied: [RoomName]? { isSettled && !isOverfull ? rooms.all : nil }

    /// Whether there is nothing left to tell.
    var isDone: Bool { parts.isEmpty && vacant.isEmpty && doubtful.isEmpty && departed.isEmpty }

    var deadline: MonotonicTime? {
        [vacant.deadline, departed.deadline].compactMap(\.self).min()
    }

    mutating func takeEvents() -> [ClusterEvent] {
        defer { events = [] }
        return events
    }

    mutating func takeToList() -> [(server: String, afterGap: Bool)] {
        defer { toList = [] }
        return toList
    }

    mutating func takeUnreadable() -> [String] {
        defer { unreadable = [] }
        return unreadable
    }

    // MARK: Servers

    /// - Parameter reports: whether the server reports events. Of one that does not, nothing is known: it may have any
    ///   room.
    mutating func add(_ server: String, reports: Bool, at time: NewsTime) {
        if let part = parts[server] {
            guard (part.tracking != nil) != reports else { return }
            remove(server, at: time)
        }
        holders += 1
        parts[server] = Part(
            holder: holders, tracking: reports ? isOverfull ? .withoutRooms : RoomTracking() : nil,
            reason: isSettled ? .server : .start, attempt: holders)
        if !reports { silent += 1 } else if !isOverfull { begin(server) }
    }

    mutating func remove(_ server: String, at time: NewsTime) {
        guard let part = parts.removeValue(forKey: server) else { return }
        unlisted.remove(server)
        keptBytes -= part.tracking?.keptBytes ?? 0
        if part.tracking == nil { silent -= 1 }
        for holder in [part.holder, part.previous].compactMap(\.self) {
            for room in rooms.removeAll(of: holder) { emptied(room, at: time) }
        }
        settle(at: time)
        // Nobody knows which rooms it had: whoever has asked for them must ask again.
        if part.tracking == nil, isSettled { tellToAsk(.server, server, at: time) }
    }

    private mutating func begin(_ server: String, afterGap: Bool = false) {
        unlisted.insert(server)
        toList.append((server, afterGap))
    }

    /// Nothing was heard for a while: all lists begin anew.
    mutating func relistAll() {
        for server in Array(parts.keys) { relist(server, .broker) }
    }

    /// Messages of a server were lost, or do not go together with its list.
    private mutating func missed(_ server: String, at time: NewsTime) {
        if let part = parts[server], !part.isWhole {
            let since = part.unfitSince ?? time.monotonic
            parts[server]?.unfitSince = since
            if UnreadableList.isUnusual(time.monotonic - since) { unreadable.append(server) }
        }
        relist(server, .gap)
    }

    private mutating func relist(_ server: String, _ reason: SyncReason) {
        guard var part = parts[server], let tracking = part.tracking else { return }
        guard !isOverfull else {
            parts[server]?.tracking = .withoutRooms
            return
        }
        keptBytes -= tracking.keptBytes
        holders += 1
        part.attempt = holders
        // It costs a walk through all rooms.
        if tracking.hasRooms {
            if let previous = part.previous {
                rooms.hand(part.holder, to: previous)
            } else {
                part.previous = part.holder
            }
            part.holder = holders
        }
        if tracking.isWhole || part.reason != .start { part.reason = reason }
        if reason == .broker { part.unfitSince = nil }
        part.tracking = RoomTracking()
        parts[server] = part
        begin(server, afterGap: reason == .gap)
    }

    // MARK: Lists

    /// The page of a server that is to be asked for; `nil`: none.
    func listing(of server: String) -> Listing? {
        guard unlisted.contains(server), let part = parts[server] else { return nil }
        return Listing(server: server, namespace: name, after: part.tracking?.after, attempt: part.attempt)
    }

    /// - Parameter page: `nil`: the server has not answered, or not as it should have.
    mutating func listed(_ listing: Listing, _ page: ListedRooms?, at time: NewsTime) {
        guard let part = parts[listing.server], part.attempt == listing.attempt, unlisted.contains(listing.server)
        else { return }
        guard let page else { return begin(listing.server) }
        do throws(RoomTracking.Gap) {
            keptBytes -= part.tracking?.keptBytes ?? 0
            defer { keptBytes += parts[listing.server]?.tracking?.keptBytes ?? 0 }
            guard let later = try parts[listing.server]?.tracking?.take(page) else { return }
            for room in page.rooms { insert(room, part.holder, at: time) }
            apply(later, part.holder, at: time)
        } catch {
            return missed(listing.server, at: time)
        }
        if parts[listing.server]?.isWhole == true {
            becameWhole(listing.server, at: time)
        } else {
            begin(listing.server)
        }
    }

    private mutating func becameWhole(_ server: String, at time: NewsTime) {
        guard let part = parts[server] else { return }
        parts[server]?.unfitSince = nil
        unlisted.remove(server)
        if let previous = part.previous {
            parts[server]?.previous = nil
            for room in rooms.removeAll(of: previous) { emptied(room, at: time) }
        }
        let wasSettled = isSettled
        settle(at: time)
        if wasSettled { tellToAsk(part.reason, server, at: time) }
    }

    /// Tells what becomes certain when all servers' rooms are known.
    private mutating func settle(at time: NewsTime) {
        if !isSettled, unlisted.isEmpty, parts.count > silent {
            isSettled = true
            tellToAsk(.start, at: time)
        }
        guard isCertain, !doubtful.isEmpty else { return }
        let vacated = doubtful
        doubtful = [:]
        doubtfulBytes = 0
        for (room, since) in vacated.sorted(by: { $0.value.unix < $1.value.unix }) { vacate(room, since: since) }
    }

    /// Whether a room that no server is known to have is empty.
    private var isCertain: Bool { unlisted.isEmpty && silent == 0 }

    // MARK: Changes

    mutating func take(_ changes: ServerChanges, at time: NewsTime) {
        guard let part = parts[changes.server], part.tracking?.isOld(changes.sequence) == false else { return }
        do throws(RoomTracking.Gap) {
            keptBytes -= part.tracking?.keptBytes ?? 0
            defer { keptBytes += parts[changes.server]?.tracking?.keptBytes ?? 0 }
            guard let known = try parts[changes.server]?.tracking?.take(changes.sequence, changes.rooms) else { return }
            if !isOverfull { apply(known, part.holder, at: time) }
        } catch {
            missed(changes.server, at: time)
        }
        for socket in changes.sockets {
            if socket.isConnected {
                if let end = departed.takeBack(socket.id), end.time.monotonic >= askingEnds { continue }
                tell(.socketConnected, at: time.unix, socket: socket.id)
            } else if grace > .zero, departed.bytes < Self.departedBytes {
                departed.hold((time, socket.reason), of: socket.id, size: 512, until: time.monotonic + grace)
            } else {
                tell(.socketDisconnected, at: time.unix, socket: socket.id, reason: socket.reason)
            }
        }
        for member in changes.members {
            tell(member.isThere ? .socketJoined : .socketLeft, at: time.unix, room: member.room, socket: member.socket)
        }
    }

    private mutating func apply(_ changes: [ServerChanges.Room], _ holder: RoomHolders.Holder, at time: NewsTime) {
        for change in changes {
            if change.isThere {
                insert(change.name, holder, at: time)
            } else if rooms.remove(change.name, holder) {
                emptied(change.name, at: time)
            }
        }
    }

    private mutating func insert(_ room: RoomName, _ holder: RoomHolders.Holder, at time: NewsTime) {
        guard rooms.insert(room, holder), isSettled else { return }
        let doubt = doubtful.removeValue(forKey: room)
        if doubt != nil { doubtfulBytes -= RoomHolders.size(of: room) }
        if let end = vacant.takeBack(room) ?? doubt, end.monotonic >= askingEnds { return }
        tell(.roomOccupied, at: time.unix, room: room)
    }

    private mutating func emptied(_ room: RoomName, at time: NewsTime) {
        guard isSettled, !isOverfull else { return }
        if grace > .zero {
            vacant.hold(
                time, of: room, size: RoomHolders.size(of: room), until: time.monotonic + grace)
        } else {
            vacate(room, since: time)
        }
    }

    private mutating func vacate(_ room: RoomName, since time: NewsTime) {
        guard isCertain else {
            if doubtful.updateValue(time, forKey: room) == nil { doubtfulBytes += RoomHolders.size(of: room) }
            return
        }
        tell(.roomVacated, at: time.unix, room: room)
    }

    /// Tells what has been held back for long enough.
    mutating func expire(now: MonotonicTime) {
        for (room, since) in vacant.due(now: now) { vacate(room, since: since) }
        for (socket, end) in departed.due(now: now) { tell(end, of: socket) }
    }

    private mutating func tell(_ end: (time: NewsTime, reason: String?), of socket: String) {
        tell(.socketDisconnected, at: end.time.unix, socket: socket, reason: end.reason)
    }

    /// Gives the rooms up.
    mutating func overflow(at time: NewsTime) {
        isOverfull = true
        rooms = RoomHolders()
        vacant = HeldNews()
        doubtful = [:]
        doubtfulBytes = 0
        unlisted = []
        keptBytes = 0
        for (socket, end) in departed.all() { tell(end, of: socket) }
        for server in parts.keys where parts[server]?.tracking != nil { parts[server]?.tracking = .withoutRooms }
        tellToAsk(.tooManyRooms, at: time)
    }

    private mutating func tellToAsk(_ reason: SyncReason, _ server: String? = nil, at time: NewsTime) {
        mayAsk(from: time.monotonic)
        tell(.sync, at: time.unix, server: server, reason: reason.rawValue)
    }

    /// A receiver has come, or was told to ask.
    mutating func mayAsk(from now: MonotonicTime) { askingEnds = now + Self.askingTime }

    private mutating func tell(
        _ kind: ClusterEvent.Kind, at time: Int64, room: RoomName? = nil, socket: String? = nil,
        server: String? = nil, reason: String? = nil
    ) {
        events.append(
            ClusterEvent(
                kind, time: time, namespace: name, room: room, socket: socket, server: server, reason: reason))
    }
}

/// Why something may have been missed: what `reason` says of ``ClusterEvent/Kind/sync``.
enum SyncReason: String {
    /// Events are told from here on.
    case start
    /// A server has come.
    case server
    /// Messages of a server were lost.
    case gap
    /// The connection to RabbitMQ was lost.
    case broker
    /// There are more rooms than the gateway keeps: nothing is told of them any more.
    case tooManyRooms = "too_many_rooms"
    /// Another gateway publishes from here on.
    case sender
}

/// A moment, for deadlines and for people.
struct NewsTime {
    let monotonic: MonotonicTime
    /// Milliseconds since 1970.
    let unix: Int64
}

/// A page of a server's rooms that is to be asked for.
struct Listing: Hashable {
    let server: String
    let namespace: String
    /// The room behind which it begins.
    let after: RoomName?
    let attempt: Int
    /// The place that it takes among those that are being read.
    var ticket = 0
}

/// A server's list of rooms that comes to nothing again and again.
struct UnreadableList: Equatable {
    enum Fault: String {
        case unanswered = "it does not answer as it should"
        /// The pages and the changes meanwhile make no whole: some were lost, or they are more than can be kept.
        case unfit = "while it is read more changes than can be followed"
    }

    /// Whether a list that has come to nothing for so long is worth a word: it does for moments while a server is new,
    /// or not back yet.
    static func isUnusual(_ time: Duration) -> Bool { time >= .seconds(20) }

    let server: String
    let namespace: String
    let fault: Fault
}
