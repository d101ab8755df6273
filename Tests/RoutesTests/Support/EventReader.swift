import AMQPBridge
import EventLoop
import Synchronization

@testable import Routes

/// A stream of events with a client that reads as much at a time as it likes. As for ``TailReader``, no time passes for it.
final class EventReader {
    let stream: TextStream<EventReading>
    let start: MonotonicTime
    private let wakes = Wakes()

    private final class Wakes: Sendable {
        let count = Atomic<Int>(0)
    }

    /// `nil`: all places are taken.
    init?(
        _ feed: EventFeed, places: StreamPlaces = StreamPlaces(), types: [String]? = nil, rooms: [String] = [],
        reach: Reach = Reach(),
        after last: String? = nil,
        now: MonotonicTime = .now()
    ) {
        guard let place = try? places.take() else { return nil }
        stream = TextStream(
            EventReading(feed, EventFilter(types: types, rooms: rooms, reach: reach), after: last), at: place)
        start = now
        stream.begin(wake: { [wakes] in wakes.count.add(1, ordering: .relaxed) }, now: now)
    }

    /// How often it was woken.
    var woken: Int { wakes.count.load(ordering: .relaxed) }
    private(set) var hasEnded = false

    /// Reads until there is nothing more.
    func read(pieces most: Int = 4_096, now: MonotonicTime? = nil) -> String {
        var text: [UInt8] = []
        var wakes: Int
        repeat {
            wakes = woken
            while let piece = readPiece(most, now: now) { text += piece }
            // It may want another turn.
        } while woken > wakes
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil`: there is nothing, or the end.
    func readPiece(_ most: Int, now: MonotonicTime? = nil) -> [UInt8]? {
        let now = now ?? start
        var buffer = [UInt8](repeating: 0, count: most)
        switch buffer.withUnsafeMutableBytes({ stream.next(into: $0, now: now) }) {
        case .bytes(let count): return Array(buffer[..<count])
        case .nothing: return nil
        case .end:
            hasEnded = true
            return nil
        }
    }

    /// The names of rooms in what it reads.
    func rooms(pieces most: Int = 4_096) -> [String] {
        read(pieces: most).matches(of: /"room":"([^"]*)"/).map { String($0.1) }
    }

    /// The last id that it was told.
    static func lastID(_ text: String) -> String? {
        text.matches(of: /(?m)^id: (.+)$/).last.map { String($0.1) }
    }
}

extension ClusterEvent {
    static func occupied(_ room: String, _ namespace: String = "/") -> ClusterEvent {
        ClusterEvent(.roomOccupied, time: 0, namespace: namespace, room: .name(room))
    }
}
