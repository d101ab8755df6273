import AMQPBridge
import EventLoop
import Testing

@testable import Routes

@Suite("A stream of events")
struct EventStreamTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private func feed(events: Int = 10_000) -> EventFeed {
        var limits = EventFeed.Limits()
        limits.events = events
        return EventFeed(limits)
    }

    @Test("begins with the time after which to come again, and with an id to come again with")
    func opening() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed))
        #expect(reader.read() == "retry: 3000\nid: \(feed.epoch)-0\n\n")
        #expect(!reader.hasEnded && !reader.stream.isReady(now: .now()))
    }

    @Test("has what comes while it is open, in order, whatever the pieces", arguments: [1, 7, 4_096])
    func order(most: Int) throws {
        let feed = feed()
        let reader = try #require(EventReader(feed))
        feed.take((1...50).map { .occupied("r\($0)") })
        feed.take([.occupied("last")])
        #expect(reader.rooms(pieces: most) == (1...50).map { "r\($0)" } + ["last"])
        #expect(feed.sent.value == 51)
    }

    @Test("has only what it is for")
    func filter() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed, rooms: ["chat:*"]))
        feed.take((1...1_000).map { .occupied($0 % 100 == 0 ? "chat:\($0)" : "other") })
        #expect(reader.rooms() == stride(from: 100, through: 1_000, by: 100).map { "chat:\($0)" })
    }

    @Test("is woken once for many events, and not before it has read all that there is")
    func waking() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed))
        feed.take([.occupied("a")])
        #expect(reader.woken == 0, "it has not read its beginning yet")
        _ = reader.read()
        for number in 0..<100 { feed.take([.occupied("b\(number)")]) }
        #expect(reader.woken == 1)
        _ = reader.readPiece(10)
        feed.take([.occupied("c")])
        #expect(reader.woken == 1)
        _ = reader.read()
        feed.take([.occupied("d")])
        #expect(reader.woken == 2 && reader.stream.isReady(now: .now()))
    }

    @Test("is not ready for what it is not for, and is woken for the next")
    func vainWaking() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed, rooms: ["a"]))
        _ = reader.read()
        feed.take([.occupied("b")])
        #expect(reader.woken == 1 && !reader.stream.isReady(now: .now()))
        feed.take([.occupied("a")])
        #expect(reader.woken == 2 && reader.stream.isReady(now: .now()))
    }

    @Test("has a comment after 15 s without an event, with an id if that is another one")
    func comments() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed, rooms: ["a"], now: start))
        _ = reader.read(now: start)
        #expect(!reader.stream.isReady(now: start + .seconds(14)))
        #expect(reader.stream.isReady(now: start + .seconds(15)))
        #expect(reader.read(now: start + .seconds(15)) == ":\n\n")
        #expect(!reader.stream.isReady(now: start + .seconds(29)))
        feed.take([.occupied("b")])
        #expect(reader.read(now: start + .seconds(30)) == ":\nid: \(feed.epoch)-1\n\n")
        #expect(reader.read(now: start + .seconds(45)) == ":\n\n")
    }

    @Test("goes on behind the last event that its client has had")
    func resuming() throws {
        let feed = feed()
        let first = try #require(EventReader(feed))
        feed.take([.occupied("a"), .occupied("b")])
        let text = first.read()
        first.stream.over()
        feed.take([.occupied("c"), .occupied("d")])
        let second = try #require(EventReader(feed, after: EventReader.lastID(text)))
        #expect(second.rooms() == ["c", "d"])
        let third = try #require(EventReader(feed, after: "\(feed.epoch)-1"))
        #expect(third.rooms() == ["b", "c", "d"])
        let fourth = try #require(EventReader(feed, after: "\(feed.epoch)-0"))
        #expect(fourth.rooms() == ["a", "b", "c", "d"])
    }

    @Test(
        "begins with a reset if its client's last event is of another run, or none",
        arguments: ["other-1", "x", "-1", "9"])
    func unknown(id: String) throws {
        let feed = feed()
        let reader = try #require(EventReader(feed, after: id))
        let text = reader.read()
        #expect(text.contains("event: reset\n") && text.contains("\"reason\":\"unknown_id\"") && !reader.hasEnded)
        feed.take([.occupied("a")])
        #expect(reader.rooms() == ["a"])
        let future = try #require(EventReader(feed, after: "\(feed.epoch)-2"))
        #expect(future.read().contains("\"reason\":\"unknown_id\""))
    }

    @Test("begins with a reset if the next event has made room")
    func tooOld() throws {
        let feed = feed(events: 10)
        let reader = try #require(EventReader(feed))
        feed.take((1...12).map { .occupied("r\($0)") })
        let old = try #require(EventReader(feed, after: "\(feed.epoch)-1"))
        #expect(old.read().contains("\"reason\":\"too_old\""))
        let just = try #require(EventReader(feed, after: "\(feed.epoch)-2"))
        #expect(just.rooms().count == 10)
        #expect(!reader.hasEnded)
    }

    @Test("ends with a reset if its client reads too slowly, behind the event that was begun")
    func tooSlow() throws {
        let feed = feed(events: 10)
        let reader = try #require(EventReader(feed))
        _ = reader.read()
        feed.take([.occupied("first")])
        let beginning = String(decoding: try #require(reader.readPiece(20)), as: UTF8.self)
        feed.take((1...100).map { .occupied("r\($0)") })
        let text = beginning + reader.read()
        #expect(text.contains("\"room\":\"first\"}\n\n"))
        #expect(text.contains("\"reason\":\"too_slow\"") && !text.contains("\"r100\"") && reader.hasEnded)
        #expect(reader.stream.ending == .tooSlow)
        let next = try #require(EventReader(feed, after: EventReader.lastID(text)))
        feed.take([.occupied("next")])
        #expect(next.rooms() == ["next"])
    }

    @Test("ends with last words when the gateway does, behind the event that was begun")
    func farewell() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed))
        _ = reader.read()
        feed.take([.occupied("a"), .occupied("b")])
        let beginning = String(decoding: try #require(reader.readPiece(20)), as: UTF8.self)
        reader.stream.end(.stopping)
        #expect(reader.stream.isReady(now: .now()))
        let text = beginning + reader.read()
        #expect(text.contains("\"room\":\"a\"") && text.hasSuffix("}\n\nretry: 1000\n\n") && reader.hasEnded)
        #expect(!text.contains("\"room\":\"b\""))
    }

    @Test("ends without a word when its caller has lost its rights")
    func notAdmitted() throws {
        let feed = feed()
        let reader = try #require(EventReader(feed))
        _ = reader.read()
        reader.stream.end(.notAdmitted)
        feed.take([.occupied("a")])
        #expect(reader.stream.isReady(now: .now()))
        #expect(reader.read() == "" && reader.hasEnded)
    }

    @Test("takes one of the places until it is over, once, or until nobody has it any more")
    func places() throws {
        let (feed, places) = (feed(), StreamPlaces(most: 2))
        let first = try #require(EventReader(feed, places: places))
        do {
            let second = try #require(EventReader(feed, places: places))
            #expect(EventReader(feed, places: places) == nil && places.taken == 2)
            _ = second
        }
        #expect(places.taken == 1)
        first.stream.over()
        first.stream.over()
        #expect(places.taken == 0)
    }
}
