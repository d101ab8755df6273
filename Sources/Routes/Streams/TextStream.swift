internal import EventLoop

/// Where a stream of server-sent events has its text from. Used on its connection's loop only.
protocol TextSource: Sendable {
    /// The stream begins. From here on `wake` may be called when there may be more.
    ///
    /// - Returns: the text that it begins with.
    mutating func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime) -> [UInt8]

    mutating func next(now: MonotonicTime) -> TextStep

    /// A comment, so that nobody between takes the connection for dead.
    mutating func beat() -> [UInt8]

    /// The stream is over, or was never begun. Called once.
    mutating func over()
}

enum TextStep {
    case text([UInt8])
    /// The client has read too slowly: nothing follows this.
    case tooSlow([UInt8])
    case nothing
    /// There may be some: the source has looked long enough for one turn of the loop.
    case later
}

/// A stream of server-sent events: text when there is some, comments while there is none.
///
/// `@unchecked Sendable`: used on its connection's loop only.
final class TextStream<Source: TextSource>: BodyStream, @unchecked Sendable {
    /// The time without text after which a comment goes out: proxies give up after 60 s (nginx's default).
    static var beat: Duration { .seconds(15) }

    private var source: Source
    /// `nil`: it is over.
    private var place: StreamPlace?
    /// The text that is being sent, and how much of it has been.
    private var text: [UInt8] = []
    private var sent = 0
    private var wake: (@Sendable () -> Void)?
    private var nextBeat = MonotonicTime(nanoseconds: 0)
    private(set) var ending: StreamEnd?
    /// Whether nothing follows the text.
    private var isLast = false

    init(_ source: Source, at place: StreamPlace) {
        self.source = source
        self.place = place
    }

    func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime) {
        self.wake = wake
        text = source.begin(wake: wake, now: now)
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
        guard place != nil else { return }
        source.over()
        (place, wake) = (nil, nil)
        isLast = true
        (text, sent) = ([], 0)
    }

    /// Whether there is text to send. What was begun is sent to its end first.
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
        switch source.next(now: now) {
        case .text(let text): return text
        case .tooSlow(let text):
            ending = .tooSlow
            isLast = true
            return text
        case .later:
            wake?()
            return []
        case .nothing:
            guard nextBeat <= now else { return [] }
            nextBeat = now + Self.beat
            return source.beat()
        }
    }
}

extension StreamedAnswer {
    /// Server-sent events.
    static func events(_ source: some TextSource, at place: StreamPlace) -> StreamedAnswer {
        var head = Response(status: 200, contentType: "text/event-stream")
        head.fields = [ResponseField("X-Accel-Buffering", "no")]
        return StreamedAnswer(head: head, body: TextStream(source, at: place))
    }
}
