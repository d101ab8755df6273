import AMQPBridge
import Testing

@testable import Routes

@Suite("A stream of events is for")
struct EventFilterTests {
    private static let events: [ClusterEvent.Kind: ClusterEvent] = [
        .roomOccupied: ClusterEvent(.roomOccupied, time: 0, namespace: "/", room: .name("chat:1")),
        .roomVacated: ClusterEvent(.roomVacated, time: 0, namespace: "/a", room: .name("order:1")),
        .socketConnected: ClusterEvent(.socketConnected, time: 0, namespace: "/", socket: "s"),
        .socketDisconnected: ClusterEvent(.socketDisconnected, time: 0, namespace: "/a", socket: "s"),
        .socketJoined: ClusterEvent(.socketJoined, time: 0, namespace: "/", room: .name("chat:1"), socket: "s"),
        .socketLeft: ClusterEvent(.socketLeft, time: 0, namespace: "/", room: .number(42), socket: "s"),
        .serverUp: ClusterEvent(.serverUp, time: 0, server: "u"),
        .serverLost: ClusterEvent(.serverLost, time: 0, server: "u"),
        .sync: ClusterEvent(.sync, time: 0),
    ]

    /// The kinds of which the filter admits the event above.
    private func admitted(_ filter: EventFilter) -> [String] {
        ClusterEvent.Kind.allCases.filter { filter.admits(EventEntry(Self.events[$0]!)) }.map(\.rawValue)
    }

    @Test("all but those of members, if no type is named")
    func all() {
        #expect(
            admitted(EventFilter()) == [
                "room.occupied", "room.vacated", "socket.connected", "socket.disconnected", "server.up", "server.lost",
                "sync",
            ])
        #expect(!EventFilter().wantsMembers)
    }

    @Test(
        "the types that are named, and for what says that others are missing",
        arguments: [
            (["room.*"], ["room.occupied", "room.vacated"]), (["room.vacated"], ["room.vacated"]),
            (["socket.*"], ["socket.connected", "socket.disconnected", "socket.joined", "socket.left"]),
            (["server.lost", "socket.left"], ["socket.left", "server.lost"]), (["sync"], []),
        ])
    func types(types: [String], expected: [String]) {
        #expect(admitted(EventFilter(types: types)) == expected + ["sync"])
    }

    @Test(
        "members only if they are named",
        arguments: [
            (["socket.*"], true), (["socket.joined"], true), (["socket.left"], true), (["socket.connected"], false),
            (["room.*", "server.*"], false),
        ])
    func members(types: [String], wants: Bool) {
        #expect(EventFilter(types: types).wantsMembers == wants)
    }

    @Test("the rooms that are named, and then for no event without a room")
    func rooms() {
        let all = EventFilter.types.filter { !$0.hasSuffix("*") }
        #expect(
            admitted(EventFilter(types: all, rooms: ["chat:*"])) == ["room.occupied", "socket.joined", "sync"])
        #expect(admitted(EventFilter(types: all, rooms: ["x", "4*"])) == ["socket.left", "sync"])
    }

    @Test("the namespaces that are named, and then for no event without one")
    func namespaces() {
        #expect(
            admitted(EventFilter(namespaces: ["/a"])) == ["room.vacated", "socket.disconnected", "sync"])
        #expect(admitted(EventFilter(namespaces: ["/A", "/b"])) == ["sync"])
        #expect(admitted(EventFilter(namespaces: ["/b", "/a*"])) == ["room.vacated", "socket.disconnected", "sync"])
        #expect(
            admitted(EventFilter(namespaces: ["*"]))
                == ["room.occupied", "room.vacated", "socket.connected", "socket.disconnected", "sync"])
    }

    @Test("servers only to who hears of their coming, or may ask for them; the rest of what names one is for all")
    func servers() {
        let sync = EventEntry(ClusterEvent(.sync, time: 0, namespace: "/", server: "u", reason: "gap"))
        func told(_ reach: Reach, readsServers: Bool = false) -> String {
            String(decoding: EventFilter(reach: reach, readsServers: readsServers).json(of: sync), as: UTF8.self)
        }
        #expect(told(Reach()).hasSuffix(#""namespace":"/","server":"u","reason":"gap"}"#))
        for reach in [Reach(rooms: NameGlobs([Glob("chat:*")])), Reach(namespaces: NameGlobs([Glob("/")]))] {
            #expect(told(reach).hasSuffix(#""namespace":"/","reason":"gap"}"#))
            #expect(told(reach, readsServers: true) == told(Reach()))
        }
    }

    @Test("what its key may read: without * for rooms no event without a room")
    func reach() {
        let all = EventFilter.types.filter { !$0.hasSuffix("*") }
        func admitted(_ reach: Reach) -> [String] { self.admitted(EventFilter(types: all, reach: reach)) }
        #expect(
            admitted(Reach(rooms: NameGlobs([Glob("chat:*")]))) == ["room.occupied", "socket.joined", "sync"])
        #expect(
            admitted(Reach(namespaces: NameGlobs([Glob("/")])))
                == ["room.occupied", "socket.connected", "socket.joined", "socket.left", "sync"])
        let other = EventEntry(ClusterEvent(.sync, time: 0, namespace: "/secret"))
        #expect(!EventFilter(reach: Reach(namespaces: NameGlobs([Glob("/")]))).admits(other))
        #expect(EventFilter().admits(other) && !EventFilter(namespaces: ["/"]).admits(other))
    }

    @Test(
        "a kind or a family, and nothing else", arguments: ["", "*", "room", "room.", "ROOM.*", "room.*,sync", "reset"])
    func unknownTypes(text: String) {
        #expect(!EventFilter.isType(text))
    }

    @Test("rooms, if a type has any")
    func typesWithoutRooms() {
        #expect(
            EventFilter.types.filter(EventFilter.isWithoutRooms)
                == ["server.*", "socket.connected", "socket.disconnected", "server.up", "server.lost"])
    }
}
