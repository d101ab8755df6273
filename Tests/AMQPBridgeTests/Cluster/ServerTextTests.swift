import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQPBridge

/// What clients and applications can put into a server's answer, and no parser takes; and what becomes of it.
private let oddValues: [(value: String, becomes: String)] = [
    ("\"a\\ud800b\"", "\"a\u{FFFD}b\""), ("\"\\udc00\"", "\"\u{FFFD}\""), ("{\"a\\u0000b\":1}", "{\"a\u{FFFD}b\":1}"),
    ("{\"\\ud800\":1,\"\\u0000\":2}", "{\"\u{FFFD}\":1,\"\u{FFFD}\":2}"), ("\"\u{1}\0\"", "\"\\u0001\\u0000\""),
    ("8\0", "8 "),
    ("NaN", "null"), ("[Infinity,-Infinity]", "[null,null]"), ("1e999", "null"),
    ("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"),
]

@Suite("A server's odd value")
struct ServerTextTests {
    @Test("costs itself only, wherever it is in sockets", arguments: oddValues.indices)
    func sockets(index: Int) throws {
        let (odd, mended) = oddValues[index]
        for field in ["rooms", "data", "handshake"] {
            let text =
                "{\"sockets\":[{\"id\":\"a\",\"data\":1},{\"id\":\"b\",\"\(field)\":[\(odd)],\"x\":\(odd)},{\"id\":\"c\"}],\"y\":\(odd)}"
            let gathering = SocketGathering(FetchSockets(SocketSelection(), fields: [.rooms, .data, .handshake]))
            #expect(gathering.take(try serverMessage("s", .fetchSocketsResponse, text)) == .done)
            #expect(gathering.result.sockets.map(\.id) == ["a", "b", "c"])
            let socket = gathering.result.sockets[1]
            let told = [socket.rooms, socket.data, socket.handshake].compactMap { $0?.string.trimmed }
            // A room that is neither a name nor a number is left out.
            let isTold = field != "rooms" || mended.hasPrefix("\"") || mended.hasPrefix("8")
            #expect(told == [isTold ? "[\(mended)]".trimmed : "[]"])
        }
    }

    @Test("costs itself only among ids and rooms")
    func names() throws {
        let text =
            "{\"sockets\":[{\"id\":\"\\ud800\",\"rooms\":[\"r\"]},{\"id\":\"b\",\"rooms\":[\"r\",\"\\ud800\",\"q\\u0000\"]}]}"
        let sockets = SocketGathering(FetchSockets(SocketSelection()))
        _ = sockets.take(try serverMessage("s", .fetchSocketsResponse, text))
        #expect(sockets.result.sockets.map(\.id) == ["b", "\u{FFFD}"])
        let rooms = RoomGathering(ListRooms())
        _ = rooms.take(try serverMessage("s", .fetchSocketsResponse, text))
        // A room with the odd socket's name is taken for its own.
        #expect(rooms.result.rooms.map(\.name) == ["q\0", "r"])
        let counts = CountGathering(CountSockets(rooms: ["r"]))
        _ = counts.take(
            try serverMessage(
                "s", .fetchSocketsResponse, "{\"count\":3,\"rooms\":{\"a\\u0000\":1,\"r\":2,\"\\ud800\":1}}"))
        #expect(counts.result.rooms.map(\.sockets) == [2])
        #expect(counts.result.sockets == 3)
    }

    @Test("costs itself only in acknowledgements and in what servers answer", arguments: oddValues.indices)
    func values(index: Int) throws {
        let (odd, mended) = oddValues[index]
        let acknowledgements = AcknowledgementGathering(.all)
        _ = acknowledgements.take(try serverMessage("s", .broadcastClientCount, "{\"clientCount\":3,\"x\":\(odd)}"))
        for data in ["{\"args\":[1,\(odd),2]}", "{\"packet\":\(odd)}", "{\"packet\":3,\"x\":\(odd)}"] {
            _ = acknowledgements.take(try serverMessage("s", .broadcastAck, data))
        }
        #expect(
            acknowledgements.result.responses.map(\.string.trimmed)
                == ["[1,\(mended),2]", "[\(mended)]", "[3]"].map(\.trimmed))
        let servers = ServerResponseGathering()
        _ = servers.take(try serverMessage("s", .serverSideEmitResponse, "{\"packet\":{\"v\":[\(odd),1]}}"))
        #expect(servers.result.map(\.value.string.trimmed) == ["{\"v\":[\(mended),1]}".trimmed])
    }

    @Test("costs itself only in a heartbeat")
    func heartbeats() throws {
        var presence = Presence()
        let message = try heartbeat("a", "\"namespaces\":[\"/\",\"/\\ud800\"],\"agent\":\"\\udc00\",\"x\":NaN")
        _ = presence.hear(message, now: .seconds(1))
        #expect(presence.servers(of: "/") == ["a"])
    }

    @Test("is told of once a minute for each server, with its reason and without what it says")
    func warnings() {
        let fixture = ClusterFixture()
        fixture.ask("q")
        for _ in 0..<3 {
            fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":NaN,\"secret\":1}"), to: "q")
            fixture.reply(serverText("b", .fetchSocketsResponse, "{\"secret\":", namespace: "/chat"), to: "q")
        }
        #expect(fixture.warnings.map(\.server) == ["a", "b"])
        #expect(fixture.warnings.map(\.namespace) == ["/", "/chat"])
        #expect(fixture.warnings.map(\.outcome) == [.repaired, .ignored])
        #expect(fixture.warnings.allSatisfy { !$0.reason.contains("secret") && !$0.reason.isEmpty })
        fixture.advance(.seconds(61))
        fixture.hear(heartbeatText("a", "\"namespaces\":[\"/\"],\"x\":NaN"))
        fixture.hear(heartbeatText("a", "\"namespaces\":[\"/\"],\"x\":NaN"))
        #expect(fixture.warnings.map(\.server) == ["a", "b", "a"])
    }

    @Test("tells of messages that are too long")
    func long() {
        var limits = ClusterSession.Limits()
        limits.heartbeatBytes = 100
        let fixture = ClusterFixture(limits: limits)
        fixture.hear(heartbeatText("c", "\"x\":\"\(String(repeating: "x", count: 100))\""))
        #expect(fixture.warnings.map(\.reason) == ["too long"])
        #expect(fixture.session.servers.map(\.uid) == ["a", "b"])
    }

}

extension String {
    fileprivate var trimmed: String { filter { $0 != " " } }
}
