internal import EventLoop

/// What one reader of events is sent.
struct EventReading: TextSource {
    private let feed: EventFeed
    private let filter: EventFilter
    /// The last event that the client has had.
    private let last: String?
    private var reader: EventFeed.Reader?
    /// The number of the next event.
    private var place: UInt64 = 0
    /// The number of the last event that the client was told to have had.
    private var told: UInt64 = 0

    init(_ feed: EventFeed, _ filter: EventFilter, after last: String?) {
        self.feed = feed
        self.filter = filter
        self.last = last
    }

    mutating func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime) -> [UInt8] {
        let reader = EventFeed.Reader(filter, wake: wake)
        let beginning = feed.begin(reader, after: last, now: now)
        self.reader = reader
        place = beginning.next
        let text = EventText.opening(tell())
        guard let reset = beginning.reset else { return text }
        return text + EventText.reset(reset, tell(), time: UnixTime.milliseconds())
    }

    mutating func next(now: MonotonicTime) -> TextStep {
        guard let reader else { return .nothing }
        switch feed.read(reader, from: place) {
        case .entry(let event, let number):
            place = number + 1
            feed.sent.add(1)
            return .text(EventText.event(event.kind.rawValue, tell(), json: filter.json(of: event)))
        case .nothing(let next):
            place = next
            return .nothing
        case .nothingYet(let next):
            place = next
            return .later
        case .missed(_, let next):
            place = next
            return .tooSlow(EventText.reset(.tooSlow, tell(), time: UnixTime.milliseconds()))
        }
    }

    mutating func beat() -> [UInt8] { EventText.comment(told == place - 1 ? nil : tell()) }

    mutating func over() {
        if let reader { feed.end(reader, now: .now()) }
        reader = nil
    }

    /// The id of the last event before this place, which the client remembers.
    private mutating func tell() -> EventID {
        told = place - 1
        return EventID(epoch: feed.epoch, number: told)
    }
}
