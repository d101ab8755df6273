/// What is known of the rooms of one server in one namespace: its list, page by page, and the changes to it.
///
/// A page says what was there when the server had sent its message with the page's number. So a change is for the
/// rooms of a page if its number is higher, whichever of the two came first: lists and changes come by different ways.
struct RoomTracking {
    /// The rooms behind those of the page before it.
    private struct Stretch {
        /// `nil`: to the end.
        let last: RoomName?
        let sequence: Int

        func covers(_ room: RoomName) -> Bool { last.map { !$0.precedes(room) } ?? true }
    }

    /// Something was missed, or does not fit together: the list has to begin anew.
    struct Gap: Error, Equatable {}

    /// The most changes that are kept while the list is not whole.
    static let mostKept = 200_000

    /// Whether all rooms are known.
    private(set) var isWhole = false
    private var stretches: [Stretch] = []
    /// Messages up to this one need not be heard: the first page has it all.
    private var first: Int?
    /// The number of the first message that came.
    private var earliest: Int?
    /// The number of the message that comes next; `nil`: none has come.
    private var next: Int?
    /// Changes that a page may be older than.
    private var kept: [(sequence: Int, change: ServerChanges.Room)] = []
    /// What these take in memory, about.
    private(set) var keptBytes = 0
    /// Whether rooms are known of it.
    var hasRooms: Bool { isWhole || !stretches.isEmpty }

    init() {}

    /// Follows the server's messages without its rooms.
    static var withoutRooms: RoomTracking {
        var tracking = RoomTracking()
        tracking.isWhole = true
        return tracking
    }

    /// The room behind which the next page begins.
    var after: RoomName? { stretches.last?.last }

    /// Whether the message has come already.
    func isOld(_ sequence: Int) -> Bool { next.map { sequence < $0 } ?? false }

    /// Takes a message that is not old.
    ///
    /// - Returns: the changes to rooms that are known.
    mutating func take(_ sequence: Int, _ changes: [ServerChanges.Room]) throws(Gap) -> [ServerChanges.Room] {
        if next != nil || first != nil {
            guard sequence <= max(next ?? 0, (first ?? 0) + 1) else { throw Gap() }
        }
        if earliest == nil { earliest = sequence }
        next = sequence + 1
        defer { forget() }
        guard !isWhole || !stretches.isEmpty else { return changes }
        if !isWhole {
            guard kept.count + changes.count <= Self.mostKept else { throw Gap() }
            for change in changes {
                kept.append((sequence, change))
                keptBytes += RoomHolders.size(of: change.name)
            }
        }
        return changes.filter { change in
            stretches.first { $0.covers(change.name) }.map { sequence > $0.sequence } ?? false
        }
    }

    /// Takes the next page.
    ///
    /// - Returns: changes to the page's rooms that are later than the page.
    mutating func take(_ page: ListedRooms) throws(Gap) -> [ServerChanges.Room] {
        guard !isWhole, page.sequence >= stretches.last?.sequence ?? 0 else { throw Gap() }
        if first == nil {
            if let earliest, earliest > page.sequence + 1 { throw Gap() }
            first = page.sequence
        }
        var last = after
        for room in page.rooms where last?.precedes(room) ?? true { last = room }
        if let after {
            guard page.rooms.allSatisfy(after.precedes) else { throw Gap() }
        }
        // With nothing to go on behind, the same would be asked again and again.
        guard page.isLast || !page.rooms.isEmpty else { throw Gap() }
        let before = after
        let stretch = Stretch(last: page.isLast ? nil : last, sequence: page.sequence)
        stretches.append(stretch)
        kept.removeAll { $0.sequence <= page.sequence }
        keptBytes = kept.reduce(0) { $0 + RoomHolders.size(of: $1.change.name) }
        let later = kept.lazy.map(\.change).filter { (before?.precedes($0.name) ?? true) && stretch.covers($0.name) }
        defer { forget() }
        isWhole = page.isLast
        return Array(later)
    }

    /// Forgets what no message can be older than any more.
    private mutating func forget() {
        guard isWhole else { return }
        kept = []
        keptBytes = 0
        if let newest = stretches.last?.sequence, let next, next > newest { stretches = [] }
    }
}
