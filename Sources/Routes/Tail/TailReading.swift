internal import EventLoop
internal import JSON

/// What one reader of the tail is sent.
struct TailReading: TextSource {
    private let tail: Tail
    private let filter: TailFilter
    private var reader: Tail.Reader?
    /// The number of the next entry.
    private var place: UInt64 = 0
    /// The number of hidden entries that the client knows of, and the time from which on it may be told of more.
    private var told: UInt64 = 0
    private var nextTelling = MonotonicTime(nanoseconds: 0)

    /// The time between two tellings of hidden entries.
    private static let tellingPause: Duration = .seconds(1)

    init(_ tail: Tail, _ filter: TailFilter) {
        self.tail = tail
        self.filter = filter
    }

    mutating func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime) -> [UInt8] {
        let reader = Tail.Reader(filter, wake: wake)
        self.reader = reader
        place = tail.begin(reader)
        nextTelling = now + Self.tellingPause
        return Array("retry: 3000\n\n".utf8)
    }

    mutating func next(now: MonotonicTime) -> TextStep {
        guard let reader else { return .nothing }
        switch tail.read(reader, from: place) {
        case .entry(let entry, let number):
            place = number + 1
            return .text(text(of: entry))
        case .nothingYet(let next):
            place = next
            return .later
        case .nothing(let next):
            place = next
            return hidden(now: now).map(TextStep.text) ?? .nothing
        case .missed(let first, _):
            let count = first - place
            place = first
            return .text(EventText.event("dropped") { $0.member("dropped", Int(count)) })
        }
    }

    func beat() -> [UInt8] { Array(":\n\n".utf8) }

    mutating func over() {
        if let reader { tail.end(reader) }
        reader = nil
    }

    private func text(of entry: TailEntry) -> [UInt8] {
        var text = Array("event: entry\ndata: ".utf8)
        text.append(contentsOf: entry.json)
        let more = JSONText.members { json in
            if filter.showsPrivate { json.members(of: entry.aside) }
            if filter.wantsPayload, let payload = entry.subject?.payload {
                json.member("payload", payload.text)
                json.member("payloadBytes", payload.bytes)
            }
        }
        if !more.isEmpty {
            text[text.endIndex - 1] = UInt8(ascii: ",")
            text.append(contentsOf: more.bytes)
            text.append(UInt8(ascii: "}"))
        }
        text.append(contentsOf: "\n\n".utf8)
        return text
    }

    /// The number of entries that the caller may not see, if the client does not know it. Seldom: the time of each is
    /// nothing that it is to know.
    private mutating func hidden(now: MonotonicTime) -> [UInt8]? {
        let count = filter.hidden.value
        guard count != told, nextTelling <= now else { return nil }
        told = count
        nextTelling = now + Self.tellingPause
        return EventText.event("hidden") { $0.member("hidden", Int(count)) }
    }
}
