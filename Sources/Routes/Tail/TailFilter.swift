internal import EventLoop

/// The entries of the tail that a reader is for: what was asked for, of what the caller might send.
struct TailFilter: StreamFilter {
    /// Globs; `nil`: any, and entries without a room or an event.
    private let rooms: NameGlobs?
    private let events: NameGlobs?
    /// None: whoever sent it.
    private let keys: [String]
    /// None: whatever became of it.
    private let statuses: [TailStatus]
    let wantsPayload: Bool
    /// Whether the caller is told what else only the log is.
    var showsPrivate: Bool { caller.scopes.contains(.readConfiguration) }
    private let caller: Caller
    /// The number of entries that the caller may not see.
    let hidden = Hidden()

    final class Hidden: Sendable {
        fileprivate let count = Counter()
        var value: UInt64 { count.value }
    }

    init(
        rooms: [String] = [], events: [String] = [], keys: [String] = [], statuses: [TailStatus] = [],
        wantsPayload: Bool = false, caller: Caller
    ) {
        self.rooms = rooms.isEmpty ? nil : NameGlobs(rooms.map(Glob.init))
        self.events = events.isEmpty ? nil : NameGlobs(events.map(Glob.init))
        self.keys = keys
        self.statuses = statuses
        self.wantsPayload = wantsPayload
        self.caller = caller
    }

    func admits(_ entry: TailEntry) -> Bool {
        guard mightSend(entry) else {
            // Whatever was asked for: the number must not tell more than there are.
            hidden.count.add(1)
            return false
        }
        if let rooms {
            guard let subject = entry.subject, subject.names(where: { rooms.matches($0) }) else { return false }
        }
        if let events { guard let event = entry.subject?.event, events.matches(event) else { return false } }
        if !keys.isEmpty { guard let key = entry.sender.name, keys.contains(key) else { return false } }
        if !statuses.isEmpty {
            guard let status = entry.status, statuses.contains(where: { $0.matches(status) }) else { return false }
        }
        return true
    }

    /// Whether the caller has sent it, or might have.
    private func mightSend(_ entry: TailEntry) -> Bool {
        if let name = caller.name, name == entry.sender.name, caller.hasRights(of: entry.sender) { return true }
        if let scope = entry.scope, !caller.scopes.contains(scope) { return false }
        // What a request names that could not be read, nobody knows.
        return entry.subject.map { $0.isWithin(caller.reach) } ?? caller.reach.isUnlimited
    }
}

/// A status, or a class of them: `404`, `4xx`.
struct TailStatus: Sendable, Equatable {
    private let range: Range<Int>

    /// `nil`: it is none.
    init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 3, (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(digits[0]) else { return nil }
        if text.hasSuffix("xx") {
            let first = Int(digits[0] - UInt8(ascii: "0")) * 100
            range = first..<first + 100
        } else {
            guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let status = Int(text)
            else { return nil }
            range = status..<status + 1
        }
    }

    func matches(_ status: Int) -> Bool { range.contains(status) }
}
