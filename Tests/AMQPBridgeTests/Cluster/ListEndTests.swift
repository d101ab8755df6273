import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

/// What a server says that has ended its list early.
private func cut(_ list: String) -> String { String(list.dropLast()) + ",\"more\":true}" }

@Suite("A list that servers end early")
struct ListEndTests {
    @Test("ends at the smallest last id of those servers, and goes on there")
    func sockets() throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, cut(socketsText("a", "f")))) == .done)
        #expect(gathering.take(try serverMessage("y", .fetchSocketsResponse, cut(socketsText("b", "d")))) == .done)
        #expect(gathering.take(try serverMessage("z", .fetchSocketsResponse, socketsText("c", "e"))) == .done)
        #expect(gathering.result.sockets.map(\.id) == ["a", "b", "c", "d"])
        #expect(gathering.result.hasMore)
    }

    @Test("is no longer than was asked for", arguments: [(1, ["a"]), (2, ["a", "b"]), (3, ["a", "b"])])
    func limit(limit: Int, ids: [String]) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection(), limit: limit))
        _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, cut(socketsText("a", "b"))))
        _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, socketsText("c", "d", "e")))
        #expect(gathering.result.sockets.map(\.id) == ids)
        #expect(gathering.result.hasMore)
    }

    @Test("ends in the order of bytes, not in that of UTF-16")
    func order() throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, cut(socketsText("ﬀ"))))
        _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, cut(socketsText("😀"))))
        #expect(gathering.result.sockets.map(\.id) == ["ﬀ"])
    }

    @Test(
        "has nothing to go on behind when a server says only that it has more: its answer is too large",
        arguments: [cut(socketsText()), cut(socketsText("a")), cut(socketsText("b"))])
    func nothing(answer: String) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection(), after: "b"))
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, answer)) == .tooLarge(isLast: true))
        #expect(gathering.take(try serverMessage("y", .fetchSocketsResponse, socketsText("c"))) == .done)
        #expect(gathering.result.sockets.map(\.id) == ["c"])
        #expect(!gathering.result.hasMore)
    }

    @Test("is whole when no server says otherwise", arguments: ["false", "null", "1", "\"true\""])
    func notMore(value: String) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        let text = String(socketsText("a").dropLast()) + ",\"more\":\(value)}"
        _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, text))
        _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, socketsText("b")))
        #expect(gathering.result.sockets.map(\.id) == ["a", "b"])
        #expect(!gathering.result.hasMore)
    }

    @Test("of rooms ends at the smallest last name, with the counts of all")
    func rooms() throws {
        let gathering = RoomGathering(ListRooms())
        let texts = [
            ("x", "{\"count\":9,\"rooms\":{\"d\":1,\"a\":1},\"more\":true}"),
            ("y", "{\"count\":9,\"rooms\":{\"a\":2,\"e\":1},\"more\":true}"),
            ("z", "{\"count\":9,\"rooms\":{\"c\":1,\"d\":5,\"e\":7}}"),
        ]
        for (uid, text) in texts {
            #expect(gathering.take(try serverMessage(uid, .fetchSocketsResponse, text)) == .done)
        }
        #expect(
            gathering.result.rooms == [
                .init(name: "a", sockets: 3), .init(name: "c", sockets: 1), .init(name: "d", sockets: 6),
            ])
        #expect(gathering.result.hasMore)
    }

    @Test(
        "of rooms has nothing to go on behind without a room that was asked for",
        arguments: ["{}", "{\"r1\":1}", "{\"r2\":0}", "{\"s\":1}"])
    func noRooms(rooms: String) throws {
        let gathering = RoomGathering(ListRooms(prefix: "r", after: "r1"))
        let text = "{\"count\":9,\"rooms\":\(rooms),\"more\":true}"
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, text)) == .tooLarge(isLast: true))
        #expect(gathering.result == RoomPage(rooms: [], hasMore: false))
    }

    @Test("of rooms goes on behind names that are left out, if it may have been cut off at them")
    func namesLeftOut() throws {
        let long = String(repeating: "b", count: 256)
        let gathering = RoomGathering(ListRooms(limit: 2))
        // Three are one more than there may be: the server may have a fourth.
        let text = "{\"count\":9,\"rooms\":{\"a\":1,\"\(long)\":1,\"c\":1}}"
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, text)) == .done)
        #expect(gathering.result.rooms.map(\.name) == ["a", "c"])
        #expect(gathering.result.hasMore)
    }

    @Test("makes counts that are not all")
    func counts() throws {
        let gathering = CountGathering(CountSockets(rooms: ["r"]))
        let text = "{\"count\":2,\"rooms\":{\"r\":1},\"more\":true}"
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, text)) == .tooLarge(isLast: true))
        #expect(gathering.result.sockets == 2)
    }

    /// Any way in which servers end early, page by page: everything is told once.
    @Test("is told page by page, each entry once", arguments: 0..<100)
    func allPages(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let names = (0..<40).map { "\(Character(UnicodeScalar(0xFB00 + $0 * 600)!))\($0)" }
        // Each id on one server, each room on any.
        let ids = names.map { (id: $0, server: Int.random(in: 0..<3, using: &random)) }
        let rooms = (0..<3).map { _ in names.filter { _ in Bool.random(using: &random) } }
        let limit = Int.random(in: 1...12, using: &random)
        func told(_ all: [String], after: String?) -> (list: [String], isCut: Bool) {
            let behind = all.sorted { $0.precedes($1) }.filter { name in after.map { $0.precedes(name) } ?? true }
            let size = Bool.random(using: &random) ? limit + 1 : Int.random(in: 1...8, using: &random)
            return (Array(behind.prefix(min(size, limit + 1))), size < limit + 1 && size < behind.count)
        }
        var (after, found): (String?, [String]) = (nil, [])
        repeat {
            let gathering = SocketGathering(FetchSockets(SocketSelection(), after: after, limit: limit))
            for server in 0..<3 {
                let (list, isCut) = told(ids.filter { $0.server == server }.map(\.id), after: after)
                let text = "{\"sockets\":[" + list.map { "{\"id\":\"\($0)\"}" }.joined(separator: ",") + "]}"
                _ = gathering.take(try serverMessage("\(server)", .fetchSocketsResponse, isCut ? cut(text) : text))
            }
            found += gathering.result.sockets.map(\.id)
            after = gathering.result.hasMore ? try #require(gathering.result.sockets.last).id : nil
        } while after != nil
        #expect(found == names.sorted { $0.precedes($1) })

        var counted: [RoomPage.Room] = []
        repeat {
            let gathering = RoomGathering(ListRooms(after: after.map { .name($0) }, limit: limit))
            for server in 0..<3 {
                let (list, isCut) = told(rooms[server], after: after)
                let text = "{\"count\":9,\"rooms\":{" + list.map { "\"\($0)\":1" }.joined(separator: ",") + "}}"
                _ = gathering.take(try serverMessage("\(server)", .fetchSocketsResponse, isCut ? cut(text) : text))
            }
            counted += gathering.result.rooms
            after = gathering.result.hasMore ? try #require(gathering.result.rooms.last).name.text : nil
        } while after != nil
        let expected = names.sorted { $0.precedes($1) }.map { name in
            RoomPage.Room(name: .name(name), sockets: rooms.count { $0.contains(name) })
        }
        #expect(counted == expected.filter { $0.sockets > 0 })
    }
}

@Suite("An answer that was too large to be sent")
struct TooLargeAnswerTests {
    private static let kinds: [ClusterMessage.Kind] = [
        .fetchSocketsResponse, .serverSideEmitResponse, .broadcastClientCount, .broadcastAck,
    ]

    @Test("is recognised by its error, and by nothing else")
    func recognised() throws {
        for kind in Self.kinds {
            #expect(try serverMessage("a", kind, "{\"requestId\":\"q\",\"error\":\"too_large\"}").isTooLarge)
        }
        for data in ["{}", "{\"error\":\"other\"}", "{\"error\":null}", "[\"too_large\"]", "\"too_large\""] {
            #expect(try !serverMessage("a", .fetchSocketsResponse, data).isTooLarge)
        }
        #expect(try !serverMessage("a", .heartbeat, "{\"error\":\"too_large\"}").isTooLarge)
    }

    @Test("leaves how many were changed unknown")
    func matched() throws {
        let gathering = MatchGathering()
        _ = gathering.take(try serverMessage("a", .fetchSocketsResponse, "{\"matched\":2}"))
        #expect(gathering.takeTooLarge(try tooLarge("b", .fetchSocketsResponse)) == .tooLarge(isLast: true))
        #expect(gathering.result.matched == nil)
    }

    @Test("of one client leaves those of the others to be waited for")
    func acknowledgements() throws {
        let gathering = AcknowledgementGathering(.all)
        _ = gathering.take(try serverMessage("a", .broadcastClientCount, "{\"clientCount\":3}"))
        #expect(gathering.takeTooLarge(try tooLarge("a", .broadcastAck)) == .tooLarge(isLast: false))
        #expect(gathering.take(try serverMessage("a", .broadcastAck, "{\"args\":[1]}")) == .partial)
        #expect(gathering.takeTooLarge(try tooLarge("a", .broadcastAck)) == .tooLarge(isLast: true))
        #expect(gathering.takeTooLarge(try tooLarge("a", .broadcastAck)) == .ignored)
        #expect(gathering.result.responses.map(\.string) == ["[1]"])
        #expect(gathering.result.recipients == 3)
        // Before the number of clients is known.
        #expect(gathering.takeTooLarge(try tooLarge("b", .broadcastAck)) == .tooLarge(isLast: false))
        #expect(gathering.take(try serverMessage("b", .broadcastClientCount, "{\"clientCount\":1}")) == .done)
    }

    private func tooLarge(_ uid: String, _ kind: ClusterMessage.Kind) throws -> ServerMessage {
        try serverMessage(uid, kind, "{\"requestId\":\"q\",\"error\":\"too_large\"}")
    }
}
