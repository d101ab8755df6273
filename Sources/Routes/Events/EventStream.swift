internal import EventLoop

/// A reader's stream: events as text, comments while there are none.
///
/// `@unchecked Sendable`: used on its connection's loop only.
final class EventStream: BodyStream, @unchecked Sendable {
    /// The time without an event after which a comment goes out: proxies give up after 60 s (nginx's default).
    static let beat: Duration = .seconds(15)

    private let feed: EventFeed
    private let filter: EventFilter
    /// The last event that the client has had.
    private let last: String?
    private var reader: EventFeed.Reader?
    /// The number of the next event.
    private var place: UInt64 = 0
    /// The number of the last event that the client was told to have had.
    private var told: UInt64 = 0
    /// The text that is being sent, and how much of it has been.
    private var text: [UInt8] = []
    private var sent = 0
    private var nextBeat = MonotonicTime(nanoseconds: 0)
    private var hasPlace = true
    private var ending: StreamEnd?
    /// Whether nothing follows the text.
    private var isLast = false

    /// `nil`: all places are taken.
    init?(_ feed: EventFeed, _ filter: EventFilter, after last: String?) {
        guard feed.takePlace() else { return nil }
        self.feed = feed
        self.filter = filter
        self.last = last
    }

    deinit { giveBackPlace() }

    func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime) {
        let reader = EventFeed.Reader(filter, wake: wake)
        let beginning = feed.begin(reader, after: last, now: now)
        self.reader = reader
        place = beginning.next
        text = EventText.opening(tell())
        if let reset = beginning.reset { text += EventText.reset(reset, tell(), time: UnixTime.milliseconds()) }
        nextBeat = now + Self.beat
    }

    func isReady(now: MonotonicTime) -> Bool { hasText(now: now) || isLast }

    func next(into buffer: UnsafeMutableRawBufferPointer, now: MonotonicTime) -> BodyPiece {
        var count = 0
        while count < buffer.count, hasText(now: now) {
            let part = text[sent...].prefix(buffer.count - count)
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyBytes(from: part)
            count += part.count
            sent += part.count
        }
        guard count == 0 else {
            nextBeat = now + Self.beat
            return .bytes(count)
        }
        return isLast ? .end : .nothing
    }

    func end(_ reason: StreamEnd) { if ending == nil { ending = reason } }

    func over() {
        if let reader { feed.end(reader, now: .now()) }
        reader = nil
        isLast = true
        (text, sent) = ([], 0)
        giveBackPlace()
    }

    private func giveBackPlace() {
        if hasPlace { feed.giveBackPlace() }
        hasPlace = false
    }

    /// Whether there is text to send. An event that was begun is sent to its end first.
    private func hasText(now: MonotonicTime) -> Bool {
        if sent == text.count, !isLast {
            text = nextText(now: now)
            sent = 0
        }
        return sent < text.count
    }

    private func nextText(now: MonotonicTime) -> [UInt8] {
        if let ending {
            isLast = true
            return ending == .stopping ? EventText.farewell : []
        }
        guard let reader else { return [] }
        switch feed.read(reader, from: place) {
        case .event(let event, let number):
            place = number + 1
            feed.sent.add(1)
            return EventText.event(event.kind.rawValue, tell(), json: event.json)
        case .nothing(let next):
            place = next
            guard nextBeat <= now else { return [] }
            nextBeat = now + Self.beat
            return EventText.comment(told == place - 1 ? nil : tell())
        case .missed(let next):
            place = next
            isLast = true
            return EventText.reset(.tooSlow, tell(), time: UnixTime.milliseconds())
        }
    }

    /// The id of the last event before this place, which the client remembers.
    private func tell() -> EventID {
        told = place - 1
        return EventID(epoch: feed.epoch, number: told)
    }
}
