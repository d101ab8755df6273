import AMQPBridge
import EventLoop
import Synchronization
import Testing

@testable import Routes

@Suite("The feed of events")
struct EventFeedTests {
    private let start = MonotonicTime.now()
    private let feed = EventFeed()
    private let cluster = Wants()

    /// What the cluster was told, word by word: `members`, `events` or `nothing`.
    private final class Wants: Sendable {
        let words = Mutex<[String]>([])
        let readers = Atomic<Int>(0)
    }

    init() {
        let cluster = cluster
        feed.connect(
            want: { wants in
                cluster.words.withLock { $0.append(wants.map { $0.members ? "members" : "events" } ?? "nothing") }
            }, readerCame: { cluster.readers.add(1, ordering: .relaxed) })
    }

    private var words: [String] { cluster.words.withLock { $0 } }

    private func reader(_ types: [String]? = nil, after last: String? = nil) throws -> EventReader {
        try #require(EventReader(feed, types: types, after: last))
    }

    @Test("wants events from the first reader on until a minute after the last, and says so once")
    func wanting() throws {
        #expect(words == [])
        let readers = try [reader(), reader(["room.*"])]
        #expect(words == ["events"])
        // Each may ask for the state.
        #expect(cluster.readers.load(ordering: .relaxed) == 2)
        readers[0].stream.over()
        feed.expire(now: start + .seconds(1_000))
        #expect(words == ["events"])
        readers[1].stream.over()
        feed.expire(now: start + .seconds(59))
        #expect(words == ["events"])
        feed.expire(now: .now() + .seconds(60))
        feed.expire(now: .now() + .seconds(120))
        #expect(words == ["events", "nothing"])
    }

    @Test("wants members only while a reader has named them, and a minute longer")
    func members() throws {
        let all = try reader()
        let members = try reader(["socket.*"])
        #expect(words == ["events", "members"])
        members.stream.over()
        feed.expire(now: start + .seconds(59))
        #expect(words == ["events", "members"])
        feed.expire(now: .now() + .seconds(60))
        #expect(words == ["events", "members", "events"])
        all.stream.over()
    }

    @Test("wants nothing for a reader that has never begun, as for HEAD")
    func head() throws {
        let places = StreamPlaces()
        let stream = try TextStream(EventReading(feed, EventFilter(), after: nil), at: places.take())
        #expect(places.taken == 1)
        stream.over()
        #expect(places.taken == 0 && words == [])
    }

    @Test("keeps nothing that nobody wants")
    func unwanted() throws {
        feed.take([.occupied("a")])
        let reader = try reader(after: "\(feed.epoch)-0")
        #expect(reader.rooms() == [])
    }

    @Test("has what a reader has missed for a minute, and says later that it has not")
    func memory() throws {
        let first = try reader()
        feed.take([.occupied("a")])
        let id = EventReader.lastID(first.read())
        first.stream.over()
        feed.take([.occupied("b")])
        feed.expire(now: start + .seconds(59))
        let second = try reader(after: id)
        #expect(second.rooms() == ["b"])
        second.stream.over()
        feed.expire(now: .now() + .seconds(60))
        // Nobody has listened: also who has had all that there was has missed something.
        for last in [id, "\(feed.epoch)-2"] {
            #expect(try reader(after: last).read().contains("\"reason\":\"too_old\""))
        }
    }

    @Test("says that members are missing which it has not wanted, to those who want them")
    func missingMembers() throws {
        let first = try reader(["room.*"])
        let id = EventReader.lastID(first.read())
        let members = try reader(["socket.*"], after: id)
        #expect(members.read().contains("\"reason\":\"too_old\""))
        #expect(try !reader(["room.*"], after: id).read().contains("reset"))
        feed.take([ClusterEvent(.socketJoined, time: 0, namespace: "/", room: .name("r"), socket: "s")])
        let last = EventReader.lastID(members.read())
        members.stream.over()
        #expect(try !reader(["socket.*"], after: last).read().contains("reset"))
    }

    @Test("reads while events come from another thread: nothing is lost, nothing twice, nobody sleeps through one")
    func threads() async throws {
        // No more than the ring keeps.
        let count = 8_000
        let reader = try reader()
        let feed = feed
        let thread = SystemThread(name: "cluster") {
            for number in 0..<count { feed.take([.occupied("\(number)")]) }
        }
        var rooms: [String] = []
        var woken = 0
        while rooms.count < count {
            let new = reader.rooms(pieces: 100)
            rooms += new
            // It rests now: either it is woken, or all has come.
            if new.isEmpty, rooms.count < count {
                while reader.woken == woken { await Task.yield() }
                woken = reader.woken
            }
        }
        thread.join()
        #expect(rooms == (0..<count).map(String.init))
    }
}
