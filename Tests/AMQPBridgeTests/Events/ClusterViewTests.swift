import EventLoop
import Testing

@testable import AMQPBridge

@Suite("The view of a cluster")
struct ClusterViewTests {
    /// A view, and the time, which passes as the tests have it.
    private final class Fixture {
        var view: ClusterView
        var now: Int64 = 1_000

        init(grace: Duration = .seconds(3), bytes: Int = 32 << 20) {
            view = ClusterView(.init(grace: grace, bytes: bytes))
        }

        var time: NewsTime { NewsTime(monotonic: MonotonicTime(nanoseconds: now * 1_000_000), unix: now) }

        func connect(_ servers: String..., reports: Bool = true) {
            view.know(servers.map { ($0, ["/"], reports) }, at: time)
            view.connected()
        }

        func hear(_ server: String, reports: Bool = true) {
            view.heard(server, namespaces: ["/"], reports: reports, at: time)
        }

        func lose(_ server: String) { view.lost(server, at: time) }

        func nextListing() -> Listing? { view.nextListing(now: time.monotonic) }

        /// Answers the next page that is asked for.
        func list(_ sequence: Int, _ rooms: RoomName..., isLast: Bool = true) {
            guard let listing = view.nextListing(now: time.monotonic) else {
                Issue.record("no list is asked for")
                return
            }
            answer(listing, sequence, rooms, isLast: isLast)
        }

        func answer(_ listing: Listing, _ sequence: Int, _ rooms: [RoomName], isLast: Bool = true) {
            view.listed(listing, ListedRooms(sequence: sequence, rooms: rooms, isLast: isLast), at: time)
        }

        func take(
            _ server: String, _ sequence: Int, joined: [RoomName] = [], left: [RoomName] = [],
            sockets: [ServerChanges.Socket] = [], members: [ServerChanges.Member] = []
        ) {
            let rooms =
                joined.map { ServerChanges.Room(name: $0, isThere: true) }
                + left.map { ServerChanges.Room(name: $0, isThere: false) }
            view.take(
                ServerChanges(
                    server: server, namespace: "/", sequence: sequence, rooms: rooms, sockets: sockets, members: members
                ),
                at: time)
        }

        func pass(_ duration: Duration) {
            now += duration.nanoseconds / 1_000_000
            view.expire(now: time.monotonic)
        }

        /// The events since the last look, as `kind subject reason`.
        func told() -> [String] {
            view.takeEvents().map { event in
                ([event.kind.rawValue]
                    + [event.room?.text, event.socket, event.server, event.reason].compactMap(\.self))
                    .joined(separator: " ")
            }
        }
    }

    @Test("does not tell what is there at the start")
    func start() {
        let fixture = Fixture()
        fixture.connect("a", "b")
        fixture.list(0, "lobby")
        #expect(fixture.told() == [])
        fixture.list(0, "lobby", "old")
        #expect(fixture.told() == ["sync start"])
        #expect(fixture.view.rooms == 2)
    }

    @Test("tells of a room when its first server has it, and when its last one has it no more")
    func rooms() {
        let fixture = Fixture(grace: .zero)
        fixture.connect("a", "b")
        fixture.list(0)
        fixture.list(0)
        fixture.take("a", 1, joined: ["x"])
        fixture.take("b", 1, joined: ["x", 42])
        fixture.take("a", 2, left: ["x"])
        fixture.take("b", 2, left: ["x"])
        #expect(
            fixture.told() == ["sync start", "room.occupied x", "room.occupied 42", "room.vacated x"])
    }

    @Test("drops the end of a room together with its return")
    func grace() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0, "x", "y")
        fixture.pass(.seconds(10))
        _ = fixture.told()
        fixture.take("a", 1, left: ["x", "y"])
        fixture.pass(.seconds(2))
        fixture.take("a", 2, joined: ["x"])
        fixture.pass(.seconds(2))
        #expect(fixture.told() == ["room.vacated y"])
        // It begins anew.
        fixture.take("a", 3, left: ["x"])
        fixture.pass(.milliseconds(2_999))
        #expect(fixture.told() == [])
        fixture.pass(.milliseconds(1))
        #expect(fixture.told() == ["room.vacated x"])
    }

    @Test("tells of a return whose absence a receiver may have seen, having just been told to ask, or come")
    func returns() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0, "x")
        fixture.take("a", 1, left: ["x"])
        fixture.take("a", 2, joined: ["x"])
        #expect(fixture.told() == ["sync start", "room.occupied x"])
        fixture.pass(.seconds(60))
        fixture.view.receiverCame(now: fixture.time.monotonic)
        fixture.take("a", 3, left: ["x"])
        fixture.take("a", 4, joined: ["x"])
        #expect(fixture.told() == ["room.occupied x"])
    }

    @Test("tells no room's end while a server's rooms are not known")
    func newServer() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0, "x", "y")
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.take("a", 1, left: ["x", "y"])
        fixture.hear("b")
        fixture.pass(.seconds(60))
        #expect(fixture.told() == ["server.up b"])
        fixture.list(7, "x")
        #expect(fixture.told() == ["room.vacated y", "sync b server"])
    }

    @Test("tells no room's end while a server does not report events")
    func silentServer() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0, "x")
        fixture.hear("early", reports: false)
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.take("a", 1, joined: ["y"], left: ["x"])
        fixture.pass(.seconds(60))
        #expect(fixture.told() == ["room.occupied y"])
        // It may have been updated, or has gone: whoever asks again knows.
        fixture.hear("early", reports: true)
        fixture.list(1)
        #expect(fixture.told() == ["room.vacated x", "sync early server", "sync early server"])
        fixture.hear("other", reports: false)
        fixture.lose("other")
        #expect(fixture.told() == ["server.up other", "sync other server", "server.lost other"])
    }

    @Test("begins a server's list anew when a message was missed, and tells the difference")
    func gap() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(3, "stays", "gone")
        fixture.take("a", 4, joined: ["y"])
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.take("a", 6, joined: ["unheard"])
        fixture.pass(.seconds(1))
        #expect(fixture.told() == [])
        fixture.list(6, "new", "stays", "unheard", "y")
        #expect(fixture.told() == ["room.occupied new", "room.occupied unheard", "sync a gap"])
        fixture.pass(.seconds(3))
        #expect(fixture.told() == ["room.vacated gone"])
    }

    @Test("keeps what it knew through one gap after another")
    func gaps() throws {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0, "x", "y", "z")
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.take("a", 2)
        fixture.pass(.seconds(1))
        let late = try #require(fixture.nextListing())
        fixture.answer(late, 2, ["new", "x"], isLast: false)
        let later = try #require(fixture.nextListing())
        fixture.take("a", 4)
        // A page of the list that was given up.
        fixture.answer(later, 4, ["y"])
        fixture.pass(.seconds(10))
        #expect(fixture.told() == ["room.occupied new"])
        fixture.list(4, "new", "x", "y", "z")
        fixture.pass(.seconds(10))
        #expect(fixture.told() == ["sync a gap"])
    }

    @Test("takes a change for a page if it is later, whichever comes first")
    func pages() throws {
        let fixture = Fixture(grace: .zero)
        fixture.connect("a")
        let first = try #require(fixture.nextListing())
        // Later than the first page, and before it.
        fixture.take("a", 5, joined: ["b", "z"])
        fixture.take("a", 6, left: ["a"])
        fixture.answer(first, 4, ["a", "c"], isLast: false)
        let second = try #require(fixture.nextListing())
        #expect(second.after == "c")
        fixture.answer(second, 8, ["y", "z"])
        #expect(fixture.told() == ["sync start"])
        #expect(fixture.view.rooms == 4)
        // Later than the first page, not than the second.
        fixture.take("a", 7, joined: ["c", "x"])
        fixture.take("a", 8, left: ["x", "c"])
        #expect(fixture.told() == ["room.vacated c"])
        fixture.take("a", 9, joined: ["x"])
        #expect(fixture.told() == ["room.occupied x"])
    }

    @Test("does not take a list for whole whose messages were not all heard")
    func earlyGap() throws {
        let fixture = Fixture()
        fixture.connect("a")
        let listing = try #require(fixture.nextListing())
        fixture.take("a", 9, joined: ["x"])
        fixture.answer(listing, 7, ["y"])
        #expect(fixture.told() == [])
        fixture.pass(.seconds(1))
        fixture.list(9, "x", "y")
        #expect(fixture.told() == ["sync start"])
    }

    @Test("asks again when a server does not answer, at longer and longer times")
    func noAnswer() throws {
        let fixture = Fixture()
        fixture.connect("a")
        var times: [Int64] = []
        for _ in 0..<8 {
            var listing = fixture.nextListing()
            while listing == nil {
                fixture.now += 10
                listing = fixture.nextListing()
            }
            times.append(fixture.now)
            // The one above is under way.
            #expect(fixture.nextListing() == nil)
            fixture.view.listed(try #require(listing), nil, at: fixture.time)
        }
        let pauses = zip(times.dropFirst(), times).map { $0 - $1 }
        for (pause, least) in zip(pauses, [400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] as [Int64]) {
            #expect((least...least + 40).contains(pause), "\(pauses)")
        }
    }

    @Test("says of a server that does not answer, or whose list never fits, that it cannot be read: once a minute")
    func unreadable() throws {
        let fixture = Fixture()
        fixture.connect("a", "b")
        func told(seconds: Int, _ page: (Listing) -> ListedRooms?) -> [String] {
            for _ in 0..<seconds * 10 {
                fixture.now += 100
                while let listing = fixture.nextListing() {
                    fixture.view.listed(listing, page(listing), at: fixture.time)
                }
            }
            return fixture.view.takeUnreadable().map { "\($0.server) \($0.namespace) \($0.fault)" }.sorted()
        }
        let good = ListedRooms(sequence: 0, rooms: ["x"], isLast: true)
        // There seems to be more, and nothing to go on behind.
        let endless = ListedRooms(sequence: 0, rooms: [], isLast: false)
        // While servers come that is usual.
        #expect(told(seconds: 15) { $0.server == "a" ? endless : nil } == [])
        #expect(told(seconds: 40) { $0.server == "a" ? endless : nil } == ["a / unfit", "b / unanswered"])
        #expect(told(seconds: 120) { $0.server == "a" ? good : nil } == ["b / unanswered", "b / unanswered"])
        #expect(told(seconds: 120) { _ in good } == [])
    }

    @Test("says nothing of a server that could not be asked, and of names no more than a log bears")
    func unasked() {
        let fixture = Fixture()
        let long = "/" + String(repeating: "n", count: 1_000)
        fixture.view.know([("away", ["/"], true), ("b", [long], true)], at: fixture.time)
        fixture.view.connected()
        for _ in 0..<400 {
            fixture.now += 100
            while let listing = fixture.nextListing() {
                fixture.view.listed(listing, nil, wasAsked: listing.server == "b", at: fixture.time)
            }
        }
        let told = fixture.view.takeUnreadable()
        #expect(told.map(\.server) == ["b"] && told.allSatisfy { $0.namespace.utf8.count == 100 })
    }

    @Test("a server that does not answer, however many namespaces it has, keeps no other one waiting")
    func fairness() throws {
        let fixture = Fixture()
        let many = (0..<1_000).map { "/n\($0)" }
        fixture.view.know(
            (0..<20).map { ("hung\($0)", many, true) } + [("good", ["/"], true)], at: fixture.time)
        fixture.view.connected()
        var asked: [String: Int] = [:]
        while let listing = fixture.nextListing() {
            asked[listing.server, default: 0] += 1
            if listing.server == "good" { fixture.answer(listing, 0, ["x"]) }
        }
        #expect(asked.count == 21)
        #expect(asked.values.allSatisfy { $0 == 1 })
        #expect(fixture.told() == ["sync start"])
    }

    @Test("asks a server that cannot be asked for one list at a time, not for all of its namespaces at once")
    func refusal() throws {
        let fixture = Fixture()
        fixture.view.know([("a", (0..<27_000).map { "/n\($0)" }, true)], at: fixture.time)
        fixture.view.connected()
        var asked = 0
        for _ in 0..<1_000 {
            fixture.now += 10
            while let listing = fixture.nextListing() {
                asked += 1
                fixture.view.listed(listing, nil, at: fixture.time)
            }
        }
        // In ten seconds: pauses of 0.4, 0.8, 1.6 and 3.2 s.
        #expect((4...6).contains(asked))
    }

    @Test("tells of sockets, of each message once")
    func sockets() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0)
        fixture.pass(.seconds(60))
        _ = fixture.told()
        let joins = [ServerChanges.Member(room: "x", socket: "s1", isThere: true)]
        fixture.take("a", 1, sockets: [.init(id: "s1", isConnected: true)], members: joins)
        fixture.take("a", 1, sockets: [.init(id: "s1", isConnected: true)], members: joins)
        #expect(fixture.told() == ["socket.connected s1", "socket.joined x s1"])
        fixture.take("a", 2, sockets: [.init(id: "s1", isConnected: false, reason: "transport close")])
        fixture.take("a", 3, sockets: [.init(id: "s1", isConnected: true)])
        fixture.take("a", 4, sockets: [.init(id: "s1", isConnected: false, reason: "ping timeout")])
        fixture.pass(.seconds(3))
        #expect(fixture.told() == ["socket.disconnected s1 ping timeout"])
    }

    @Test("lets a lost server's rooms go, unless it comes back in time")
    func lostServer() {
        let fixture = Fixture()
        fixture.connect("a", "b")
        fixture.list(0, "x")
        fixture.list(0, "x")
        fixture.take("a", 1, joined: ["y"])
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.lose("a")
        fixture.lose("a")
        fixture.hear("a")
        fixture.pass(.seconds(60))
        #expect(fixture.told() == ["server.lost a", "server.up a"])
        fixture.list(2, "y")
        #expect(fixture.told() == ["sync a server"])
        fixture.lose("a")
        fixture.pass(.seconds(3))
        #expect(fixture.told() == ["server.lost a", "room.vacated y"])
        fixture.lose("b")
        fixture.pass(.seconds(3))
        #expect(fixture.told() == ["server.lost b", "room.vacated x"])
    }

    @Test("lets a namespace's rooms go with it")
    func lostNamespace() {
        let fixture = Fixture(grace: .zero)
        fixture.view.know([("a", ["/", "/chat"], true)], at: fixture.time)
        fixture.view.connected()
        fixture.list(0, "x")
        fixture.list(0, "x")
        #expect(fixture.told() == ["sync start", "sync start"])
        fixture.hear("a")
        #expect(fixture.told() == ["room.vacated x"])
        fixture.take("a", 1, joined: ["y"])
        #expect(fixture.told() == ["room.occupied y"])
    }

    @Test("reads all lists again when RabbitMQ was away, and asks nothing meanwhile")
    func broker() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(5, "gone", "stays")
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.view.disconnected()
        fixture.pass(.seconds(60))
        #expect(fixture.nextListing() == nil)
        fixture.connect("a")
        fixture.list(9, "new", "stays")
        fixture.pass(.seconds(3))
        #expect(fixture.told() == ["room.occupied new", "sync a broker", "room.vacated gone"])
    }

    @Test("gives up a namespace's rooms when they take too much memory, and tells of its sockets all the same")
    func overflow() {
        let fixture = Fixture(bytes: 10_000)
        fixture.connect("a")
        fixture.list(0)
        _ = fixture.told()
        let rooms = (0..<50).map { RoomName.name(String(repeating: "x", count: 200) + "\($0)") }
        fixture.take("a", 1, joined: Array(rooms.prefix(5)))
        #expect(fixture.told().count == 5)
        fixture.take("a", 2, joined: rooms)
        #expect(fixture.told().last == "sync too_many_rooms")
        #expect(fixture.view.rooms == 0)
        #expect(fixture.view.overfull == 1)
        fixture.take("a", 3, joined: ["y"], left: ["y"], sockets: [.init(id: "s", isConnected: true)])
        fixture.take("a", 9, sockets: [.init(id: "t", isConnected: true)])
        fixture.pass(.seconds(60))
        #expect(fixture.told() == ["socket.connected s", "socket.connected t"])
        #expect(fixture.nextListing() == nil)
    }

    @Test("changes that wait for a list take memory")
    func unlisted() {
        let fixture = Fixture(bytes: 100_000)
        fixture.connect("a")
        for number in 1...1_000 {
            fixture.take("a", number, joined: [.name(String(repeating: "x", count: 200) + "\(number)")])
        }
        #expect(fixture.told() == ["sync too_many_rooms"])
    }

    @Test("tells of many ends little by little")
    func many() {
        let fixture = Fixture()
        fixture.connect("a")
        fixture.list(0)
        fixture.take("a", 1, joined: (0..<2_500).map { .number($0) })
        fixture.pass(.seconds(60))
        _ = fixture.told()
        fixture.lose("a")
        fixture.pass(.seconds(3))
        #expect(fixture.told().count == 1_001)
        #expect(fixture.view.deadline(mayAsk: true) == fixture.time.monotonic + .milliseconds(20))
        fixture.pass(.milliseconds(19))
        #expect(fixture.told().isEmpty)
        fixture.pass(.milliseconds(1))
        #expect(fixture.told().count == 1_000)
        fixture.pass(.milliseconds(20))
        #expect(fixture.told().count == 500)
        #expect(fixture.view.deadline(mayAsk: true) == nil)
    }

    @Test("rooms that come and go take memory while their end is held back")
    func heldBack() {
        let fixture = Fixture(bytes: 100_000)
        fixture.connect("a")
        fixture.list(0)
        for number in 0..<1_000 {
            let room = RoomName.name(String(repeating: "x", count: 200) + "\(number)")
            fixture.take("a", 2 * number + 1, joined: [room])
            fixture.take("a", 2 * number + 2, left: [room])
        }
        #expect(fixture.told().last == "sync too_many_rooms")
    }
}

@Suite("Holders of rooms")
struct RoomHoldersTests {
    @Test("counts what it takes, and gives back all of it")
    func bytes() {
        var holders = RoomHolders()
        let isNew = [
            holders.insert("x", 1), holders.insert("x", 2), holders.insert("x", 3), holders.insert("x", 3),
            holders.insert(42, 3),
        ]
        #expect(isNew == [true, false, false, false, true])
        let all = holders.bytes
        holders.hand(3, to: 4)
        #expect(holders.bytes == all)
        let emptied = [holders.removeAll(of: 3), holders.removeAll(of: 4)]
        #expect(emptied == [[], [42]])
        let isEmpty = [holders.remove("x", 1), holders.remove("x", 1), holders.remove("x", 2)]
        #expect(isEmpty == [false, false, true])
        #expect(holders.bytes == 0)
        #expect(holders.count == 0)
    }
}
