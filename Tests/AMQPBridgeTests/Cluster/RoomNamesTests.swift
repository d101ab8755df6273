import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("Rooms that no request can name")
struct RoomNamesTests {
    private static let longest = String(repeating: "é", count: 127) + "x"
    private static let tooLong = String(repeating: "é", count: 128)

    @Test("are left out of a socket's rooms; the others are as their server wrote them")
    func ofSockets() throws {
        let rooms =
            "[ \"a\" ,\"\",\"\(Self.longest)\",\"\(Self.tooLong)\",42,-9007199254740992,9007199254740993,1.5,null,{},[],true,\"\\u0062\"]"
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        _ = gathering.take(
            try serverMessage("x", .fetchSocketsResponse, "{\"sockets\":[{\"id\":\"s\",\"rooms\":\(rooms)}]}"))
        #expect(
            gathering.result.sockets.map { $0.rooms?.string } == [
                "[\"a\",\"\(Self.longest)\",42,-9007199254740992,\"\\u0062\"]"
            ])
    }

    @Test("are none, where there is no list", arguments: ["{}", "null", "\"a\"", "1"])
    func noList(rooms: String) throws {
        let gathering = SocketGathering(FetchSockets(SocketSelection()))
        _ = gathering.take(
            try serverMessage("x", .fetchSocketsResponse, "{\"sockets\":[{\"id\":\"s\",\"rooms\":\(rooms)}]}"))
        #expect(gathering.result.sockets.count == 1 && gathering.result.sockets[0].rooms == nil)
    }

    @Test("are left out of lists of rooms, whether the server has counted or not")
    func ofLists() throws {
        let counted = "{\"count\":9,\"rooms\":{\"\":1,\"a\":1,\"\(Self.longest)\":1,\"\(Self.tooLong)\":1}}"
        let whole = socketsText("s", rooms: "[\"\",\"a\",\"\(Self.tooLong)\"]")
        for (text, names) in [(counted, ["a", Self.longest]), (whole, ["a"])] {
            let gathering = RoomGathering(ListRooms())
            _ = gathering.take(try serverMessage("x", .fetchSocketsResponse, text))
            #expect(gathering.result.rooms.map(\.name.text) == names)
            #expect(!gathering.result.hasMore)
        }
    }
}
