import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("Gathered sockets")
struct SocketGatheringTests {
    @Test("are of all servers, in the order of code points, each with its server")
    func merges() throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        #expect(gathering.take(try serverMessage("a", .fetchSocketsResponse, socketsText("c", "😀"))) == .done)
        #expect(gathering.take(try serverMessage("b", .fetchSocketsResponse, socketsText("B", "ﬀ", "a"))) == .done)
        // By UTF-16 unit, as in JavaScript, the emoji would come before the ligature.
        #expect(gathering.result.sockets.map(\.id) == ["B", "a", "c", "ﬀ", "😀"])
        #expect(gathering.result.sockets.map(\.server) == ["b", "b", "a", "b", "a"])
        #expect(!gathering.result.hasMore)
    }

    @Test("are there once, by the bytes of their ids")
    func deduplicates() throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        _ = gathering.take(try serverMessage("a", .fetchSocketsResponse, socketsText("s", "s", "e\u{301}")))
        _ = gathering.take(try serverMessage("b", .fetchSocketsResponse, socketsText("s", "\u{E9}")))
        #expect(
            gathering.result.sockets.map { Array($0.id.utf8) } == ["e\u{301}", "s", "\u{E9}"].map { Array($0.utf8) })
    }

    @Test("come a page at a time", arguments: [(1, ["a"], true), (2, ["a", "b"], true), (3, ["a", "b", "c"], false)])
    func pages(limit: Int, ids: [String], hasMore: Bool) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection(), limit: limit))
        _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, socketsText("c", "a")))
        _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, socketsText("b")))
        #expect(gathering.result.sockets.map(\.id) == ids)
        #expect(gathering.result.hasMore == hasMore)
    }

    @Test("are only those that were asked for, whatever a server sends")
    func filters() throws {
        let behind = SocketGathering(FetchSockets(SocketSelection(), after: "b"))
        _ = behind.take(try serverMessage("x", .fetchSocketsResponse, socketsText("a", "b", "b0", "c")))
        #expect(behind.result.sockets.map(\.id) == ["b0", "c"])
        let one = SocketGathering(FetchSockets(SocketSelection(id: "\u{E9}"), limit: 1))
        _ = one.take(try serverMessage("x", .fetchSocketsResponse, socketsText("e\u{301}", "a")))
        #expect(one.result.sockets == [])
        let other = SocketGathering(FetchSockets(SocketSelection(id: "a"), limit: 1))
        _ = other.take(try serverMessage("x", .fetchSocketsResponse, socketsText("b", "a", "c")))
        #expect(other.result.sockets.map(\.id) == ["a"])
        #expect(!other.result.hasMore)
    }

    @Test("carry what was asked for, as their servers wrote it, and nothing else")
    func fields() throws {
        let text =
            "{\"sockets\":[{\"data\":{\"n\": 0.10},\"rooms\":[ \"r\" ],\"id\":\"s\",\"handshake\":{\"url\":\"/\"},\"x\":1},{\"id\":\"t\"}]}"
        for fields in [[], [.rooms], [.data], [.handshake], [.rooms, .data, .handshake]] as [[SocketField]] {
            let gathering = SocketGathering(FetchSockets(SocketSelection(), fields: fields))
            _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, text))
            let (full, bare) = (gathering.result.sockets[0], gathering.result.sockets[1])
            #expect(full.rooms?.string == (fields.contains(.rooms) ? "[ \"r\" ]" : nil))
            #expect(full.data?.string == (fields.contains(.data) ? "{\"n\": 0.10}" : nil))
            #expect(full.handshake?.string == (fields.contains(.handshake) ? "{\"url\":\"/\"}" : nil))
            #expect(bare.rooms == nil && bare.data == nil && bare.handshake == nil)
        }
    }

    @Test("have no credentials in their handshakes, in whatever letters")
    func credentials() throws {
        let handshake =
            "{\"auth\":{\"token\":\"secret\"},\"headers\":{\"Cookie\":\"secret\",\"host\":\"h\",\"authorization\":\"secret\","
            + "\"Proxy-Authorization\":\"secret\",\"a\\\"b\":\"c\"},\"query\":{\"EIO\":\"4\"}}"
        let gathering = SocketGathering(FetchSockets(SocketSelection(), fields: [.handshake]))
        _ = gathering.take(
            try serverMessage("x", .fetchSocketsResponse, "{\"sockets\":[{\"id\":\"s\",\"handshake\":\(handshake)}]}"))
        #expect(
            gathering.result.sockets[0].handshake?.string
                == "{\"headers\":{\"host\":\"h\",\"a\\\"b\":\"c\"},\"query\":{\"EIO\":\"4\"}}")
    }

    @Test(
        "are not made of what is no answer", arguments: ["{}", "{\"sockets\":{}}", "{\"sockets\":null}", "1", "null"])
    func noAnswers(data: String) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, data)) == .ignored)
        #expect(gathering.take(try serverMessage("x", .broadcastAck, socketsText("s"))) == .ignored)
        #expect(gathering.result.sockets == [])
    }

    @Test("are those of their server's answer that have an id")
    func withoutID() throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        let data = "{\"sockets\":[{},1,{\"id\":2},null,{\"id\":\"s\"}]}"
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, data)) == .done)
        #expect(gathering.result.sockets.map(\.id) == ["s"])
    }
}

@Suite("Gathered counts")
struct CountGatheringTests {
    @Test("are sums of what servers counted, and of what is counted here for those that cannot")
    func sums() throws {
        let gathering = CountGathering(CountSockets(rooms: ["a", "b", "a", "nobody", "e\u{301}"]))
        let counted = "{\"sockets\":[],\"count\":5,\"rooms\":{\"a\":2,\"b\":0,\"\u{E9}\":9}}"
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, counted)) == .done)
        let whole =
            "{\"sockets\":[{\"id\":\"s\",\"rooms\":[\"a\",\"b\",\"a\"]},{\"id\":\"t\",\"rooms\":[\"a\"]},{\"rooms\":[\"a\"]},{\"id\":\"u\"}]}"
        #expect(gathering.take(try serverMessage("y", .fetchSocketsResponse, whole)) == .done)
        #expect(gathering.result.sockets == 8)
        #expect(gathering.result.rooms.map(\.name) == ["a", "b", "nobody", "e\u{301}"])
        #expect(gathering.result.rooms.map(\.sockets) == [4, 1, 0, 0])
    }

    @Test("stay numbers whatever servers say")
    func absurd() throws {
        let gathering = CountGathering(CountSockets(rooms: ["a", "b"]))
        let most = "{\"count\":9223372036854775807,\"rooms\":{\"a\":9223372036854775807,\"b\":-9}}"
        for uid in ["x", "y", "z"] {
            #expect(gathering.take(try serverMessage(uid, .fetchSocketsResponse, most)) == .done)
        }
        #expect(gathering.result.sockets > 1 << 40)
        #expect(gathering.result.rooms[0].sockets > 1 << 40)
        #expect(gathering.result.rooms[1].sockets == 0)
        let negative = "{\"count\":-7,\"rooms\":{\"b\":\"many\"}}"
        #expect(gathering.take(try serverMessage("w", .fetchSocketsResponse, negative)) == .done)
        #expect(gathering.result.rooms[1].sockets == 0)
    }

    @Test("of a selection are sums, too, and never of a part of it")
    func selection() throws {
        let gathering = SelectionGathering()
        #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, "{\"sockets\":[],\"count\":5}")) == .done)
        let whole = "{\"sockets\":[{\"id\":\"s\",\"rooms\":[\"a\",\"b\"]},{\"id\":\"t\"}]}"
        #expect(gathering.take(try serverMessage("y", .fetchSocketsResponse, whole)) == .done)
        #expect(gathering.result == 7)
        #expect(
            gathering.take(
                try serverMessage("z", .fetchSocketsResponse, "{\"sockets\":[{\"id\":\"s\"}],\"more\":true}"))
                == .tooLarge(isLast: true))
    }

    @Test("are not made of what is no answer", arguments: ["{}", "{\"count\":\"5\"}", "{\"sockets\":1}", "[]"])
    func noAnswers(data: String) throws {
        for gathering in [
            CountGathering(CountSockets()), RoomGathering(ListRooms()), SelectionGathering(),
        ] as [any Gathering] {
            #expect(gathering.take(try serverMessage("x", .fetchSocketsResponse, data)) == .ignored)
            #expect(gathering.take(try serverMessage("x", .serverSideEmitResponse, "{\"count\":1}")) == .ignored)
        }
    }
}

@Suite("Gathered rooms")
struct RoomGatheringTests {
    private static let whole =
        "{\"sockets\":[{\"id\":\"s1\",\"rooms\":[\"s1\",\"b\",\"é\"]},{\"id\":\"s2\",\"rooms\":[\"s2\",\"b\",\"a\"]}]}"

    @Test("have the sockets of all servers, in the order of code points")
    func merges() throws {
        let gathering = RoomGathering(ListRooms())
        #expect(
            gathering.take(
                try serverMessage(
                    "x", .fetchSocketsResponse, "{\"count\":9,\"rooms\":{\"b\":2,\"ﬀ\":1,\"😀\":3,\"none\":0}}"))
                == .done)
        #expect(gathering.take(try serverMessage("y", .fetchSocketsResponse, Self.whole)) == .done)
        #expect(gathering.result.rooms.map(\.name) == ["a", "b", "é", "ﬀ", "😀"])
        #expect(gathering.result.rooms.map(\.sockets) == [1, 4, 1, 1, 3])
        #expect(!gathering.result.hasMore)
    }

    @Test("are only those that were asked for, of servers that send everything")
    func filters() throws {
        func names(_ command: ListRooms) throws -> [RoomName] {
            let gathering = RoomGathering(command)
            _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, Self.whole))
            return gathering.result.rooms.map(\.name)
        }
        #expect(try names(ListRooms(prefix: "s", includesPrivate: true)) == ["s1", "s2"])
        #expect(try names(ListRooms(prefix: "s")) == [])
        #expect(try names(ListRooms(after: "a")) == ["b", "é"])
        #expect(try names(ListRooms(after: "b", includesPrivate: true)) == ["s1", "s2", "é"])
        #expect(try names(ListRooms(prefix: "e")) == [])
    }

    private static let numbers =
        "{\"count\":3,\"rooms\":[[\"4\",1],[\"42\",2],[42,3],[-1,1],[1.5,1],[null,1],[\"x\"],[],7,[9007199254740993,1]]}"

    @Test("tell numbers from text, in the order of their texts, text first")
    func tellsNumbers() throws {
        let gathering = RoomGathering(ListRooms())
        #expect(gathering.take(try serverMessage("a", .fetchSocketsResponse, Self.numbers)) == .done)
        // One that knows no numbers, and one that tells of its sockets instead.
        let early = "{\"count\":1,\"rooms\":{\"42\":10}}"
        #expect(gathering.take(try serverMessage("b", .fetchSocketsResponse, early)) == .done)
        let whole = "{\"sockets\":[{\"id\":\"s1\",\"rooms\":[\"s1\",42,{},\"421\"]}]}"
        #expect(gathering.take(try serverMessage("c", .fetchSocketsResponse, whole)) == .done)
        #expect(gathering.result.rooms.map(\.name) == [-1, "4", "42", 42, "421"])
        #expect(gathering.result.rooms.map(\.sockets) == [1, 1, 12, 4, 1])
    }

    @Test("are behind a number, or behind text of the same digits")
    func behindNumbers() throws {
        for (after, names) in [("4", ["42", 42]), ("42", [42]), (42, []), (4, ["42", 42])] as [(RoomName, [RoomName])] {
            let gathering = RoomGathering(ListRooms(after: after))
            _ = gathering.take(try serverMessage("a", .fetchSocketsResponse, Self.numbers))
            #expect(gathering.result.rooms.map(\.name) == names)
        }
        let beginning = RoomGathering(ListRooms(prefix: "42"))
        _ = beginning.take(try serverMessage("a", .fetchSocketsResponse, Self.numbers))
        #expect(beginning.result.rooms.map(\.name) == ["42", 42])
    }

    @Test("are counted as what they are: numbers or text")
    func countsNumbers() throws {
        let gathering = CountGathering(CountSockets(rooms: [42, "42", 42, "none"]))
        _ = gathering.take(try serverMessage("a", .fetchSocketsResponse, Self.numbers))
        _ = gathering.take(try serverMessage("b", .fetchSocketsResponse, "{\"count\":1,\"rooms\":{\"42\":10}}"))
        #expect(gathering.result.rooms.map(\.name) == [42, "42", "none"])
        #expect(gathering.result.rooms.map(\.sockets) == [3, 12, 0])
    }

    @Test("come a page at a time")
    func pages() throws {
        let gathering = RoomGathering(ListRooms(limit: 2))
        _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, "{\"count\":1,\"rooms\":{\"c\":1,\"a\":1}}"))
        _ = gathering.take(try serverMessage("y", .fetchSocketsResponse, "{\"count\":1,\"rooms\":{\"b\":1}}"))
        #expect(gathering.result.rooms.map(\.name) == ["a", "b"])
        #expect(gathering.result.hasMore)
    }
}

@Suite("Gathered matches")
struct MatchGatheringTests {
    @Test(
        "are a sum, or unknown as soon as one server does not say",
        arguments: [
            ([], 0), (["{\"matched\":2}", "{\"matched\":0}", "{\"matched\":3}"], 5), (["{\"matched\":-4}"], 0),
            (["{\"matched\":2}", "{\"sockets\":[]}", "{\"matched\":3}"], nil), (["{\"matched\":\"2\"}"], nil),
            (["[]"], nil),
        ] as [([String], Int?)])
    func sums(answers: [String], matched: Int?) throws {
        let gathering = MatchGathering()
        for (index, data) in answers.enumerated() {
            #expect(gathering.take(try serverMessage("\(index)", .fetchSocketsResponse, data)) == .done)
        }
        #expect(gathering.result.matched == matched)
        #expect(gathering.take(try serverMessage("x", .broadcastAck, "{\"matched\":1}")) == .ignored)
        #expect(gathering.result.matched == matched)
    }
}

extension MatchGatheringTests {
    @Test("are refused as soon as one server has refused a room that is a socket")
    func refusals() throws {
        let gathering = MatchGathering()
        _ = gathering.take(try serverMessage("a", .fetchSocketsResponse, "{\"matched\":2,\"error\":\"other\"}"))
        #expect(!gathering.result.isRefused)
        _ = gathering.take(
            try serverMessage("b", .fetchSocketsResponse, "{\"matched\":0,\"error\":\"room_is_socket\"}"))
        _ = gathering.take(try serverMessage("c", .fetchSocketsResponse, "{\"matched\":1}"))
        #expect(gathering.result.isRefused && gathering.result.matched == 3)
    }
}

@Suite("Gathered answers of servers")
struct ServerResponseGatheringTests {
    @Test("are values as they were written, and none of servers where nobody listens")
    func values() throws {
        let gathering = ServerResponseGathering()
        for (uid, data) in [
            ("a", "{\"packet\":{\"port\": 1.0}}"), ("b", "{\"handled\":false}"), ("c", "{}"),
            ("d", "{\"packet\":[{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"AQI=\"]}"),
            ("e", "{\"packet\":null,\"handled\":true}"),
        ] {
            #expect(gathering.take(try serverMessage(uid, .serverSideEmitResponse, data)) == .done)
        }
        #expect(gathering.result.map(\.server) == ["a", "c", "d", "e"])
        #expect(
            gathering.result.map(\.value.string) == ["{\"port\": 1.0}", "null", "[{\"$binary\":\"AQI=\"}]", "null"])
        #expect(gathering.take(try serverMessage("f", .serverSideEmitResponse, "1")) == .done)
        #expect(gathering.take(try serverMessage("g", .fetchSocketsResponse, "{\"packet\":1}")) == .ignored)
    }
}

@Suite("Gathered acknowledgements")
struct AcknowledgementGatheringTests {
    @Test("are complete when every client that was counted has answered")
    func counts() throws {
        let gathering = AcknowledgementGathering(.all)
        #expect(try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":2}") == .partial)
        #expect(try take(gathering, "b", .broadcastClientCount, "{\"clientCount\":0}") == .done)
        #expect(try take(gathering, "a", .broadcastAck, "{\"packet\":1}") == .partial)
        #expect(try take(gathering, "a", .broadcastAck, "{\"packet\":2}") == .done)
        #expect(gathering.result.recipients == 2)
        #expect(gathering.result.responses.map(\.string) == ["[1]", "[2]"])
    }

    @Test("are one for each client at most, and a server counts its clients once")
    func bounds() throws {
        let gathering = AcknowledgementGathering(.all)
        _ = try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":1}")
        #expect(try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":9}") == .ignored)
        #expect(try take(gathering, "a", .broadcastAck, "{}") == .done)
        #expect(try take(gathering, "a", .broadcastAck, "{}") == .ignored)
        #expect(gathering.result.recipients == 1)
        #expect(gathering.result.responses.count == 1)
    }

    @Test("may come before their number")
    func early() throws {
        let gathering = AcknowledgementGathering(.all)
        #expect(try take(gathering, "a", .broadcastAck, "{\"packet\":1}") == .partial)
        #expect(gathering.result.recipients == nil)
        #expect(try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":1}") == .done)
        #expect(gathering.result.recipients == 1)
    }

    @Test("end with the first, if that is enough")
    func first() throws {
        let gathering = AcknowledgementGathering(.first)
        #expect(try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":2}") == .partial)
        #expect(try take(gathering, "b", .broadcastClientCount, "{\"clientCount\":0}") == .done)
        #expect(try take(gathering, "a", .broadcastAck, "{\"packet\":1}") == .finished)
    }

    @Test(
        "are all arguments of a client, or the first of servers that know no more",
        arguments: [
            ("{\"packet\":\"x\"}", "[\"x\"]"), ("{}", "[]"), ("{\"packet\":null}", "[null]"),
            ("{\"packet\":1,\"args\":[1, 2.0]}", "[1, 2.0]"), ("{\"args\":[]}", "[]"),
            ("{\"packet\":[1],\"args\":\"no\"}", "[[1]]"),
            ("{\"args\":[{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"AQ==\"]}", "[{\"$binary\":\"AQ==\"}]"),
            ("{\"packet\":{\"_placeholder\":true,\"num\":0},\"attachments\":[\"AQ==\"]}", "[{\"$binary\":\"AQ==\"}]"),
            ("{\"packet\":{\"_placeholder\":true,\"num\":0}}", "[{\"_placeholder\":true,\"num\":0}]"),
        ])
    func arguments(data: String, expected: String) throws {
        let gathering = AcknowledgementGathering(.all)
        _ = try take(gathering, "a", .broadcastAck, data)
        #expect(gathering.result.responses.map(\.string) == [expected])
    }

    @Test("are not made of what is none")
    func noAnswers() throws {
        let gathering = AcknowledgementGathering(.first)
        #expect(try take(gathering, "a", .broadcastClientCount, "{}") == .ignored)
        #expect(try take(gathering, "a", .broadcastClientCount, "{\"clientCount\":\"1\"}") == .ignored)
        #expect(try take(gathering, "a", .fetchSocketsResponse, "{\"clientCount\":1}") == .ignored)
        #expect(gathering.take(try heartbeat("a")) == .ignored)
        #expect(gathering.result.responses.isEmpty)
    }

    @Test("stay numbers whatever servers say")
    func absurd() throws {
        let gathering = AcknowledgementGathering(.all)
        for uid in ["a", "b", "c"] {
            #expect(
                try take(gathering, uid, .broadcastClientCount, "{\"clientCount\":9223372036854775807}") == .partial)
        }
        #expect(try #require(gathering.result.recipients) > 1 << 40)
        #expect(try take(gathering, "d", .broadcastClientCount, "{\"clientCount\":-1}") == .done)
    }

    private func take(
        _ gathering: AcknowledgementGathering, _ uid: String, _ kind: ClusterMessage.Kind, _ data: String
    ) throws -> GatheringProgress {
        gathering.take(try serverMessage(uid, kind, data))
    }
}

@Suite("A message of a server")
struct ServerMessageTests {
    @Test(
        "is an object with a uid that is not a gateway's, and a type that is known",
        arguments: [
            "", "x", "1", "[]", "null", "{}", "{\"uid\":\"a\"}", "{\"type\":2}", "{\"uid\":\"\",\"type\":2}",
            "{\"uid\":\"emitter\",\"type\":2}", "{\"uid\":1,\"type\":2}", "{\"uid\":\"a\",\"type\":0}",
            "{\"uid\":\"a\",\"type\":14}", "{\"uid\":\"a\",\"type\":\"2\"}",
            "{\"uid\":\"a\",\"type\":2}}", "{\"uid\":\"a\",\"type\":99999999999999999999}",
        ])
    func none(text: String) {
        #expect(ServerMessage(Array(text.utf8))?.uid == nil)
    }

    @Test("may be deep; too deep, it is cut", arguments: [(254, 254), (256, 199), (100_000, 199)])
    func depth(levels: Int, kept: Int) throws {
        let data = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        let text = try serverMessage("a", .broadcastAck, data).data?.text.string
        #expect(text?.count { $0 == "[" } == kept)
        #expect(text?.contains("null") == (kept < levels))
    }

    @Test("has all its members")
    func members() throws {
        let message = try serverMessage("a", .broadcastAck, "{\"packet\":1}")
        #expect(message.uid == "a")
        #expect(message.kind == .broadcastAck)
        #expect(message.data?.members["packet"]?.integer == 1)
        for name in ["uid", "nsp", "type", "data"] as [StaticString] { #expect(message.members[name] != nil) }
        #expect(message.members["packet"] == nil)
        #expect(try heartbeat("a").data == nil)
    }
}
