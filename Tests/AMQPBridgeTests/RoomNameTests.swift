import JSON
import Testing

@testable import AMQPBridge

@Suite("A room")
struct RoomNameTests {
    @Test("is the same as another by bytes, and a number is no text")
    func equality() {
        let rooms: [RoomName] = ["a", "42", 42, 42, "\u{E9}", "e\u{301}", "a", .number(42), .name("42"), ""]
        #expect(rooms.withoutDuplicates == ["a", "42", 42, "\u{E9}", "e\u{301}", ""])
        #expect(Set(rooms).count == 6)
        let id = 7
        #expect("user:\(id)" as RoomName == .name("user:7"))
    }

    @Test("stands where its text stands, and as text before the number of the same digits")
    func order() {
        let rooms: [RoomName] = [-1, "10", 10, "2", 2, "20", "2a", "a", "ﬀ", "😀"]
        #expect(rooms.shuffled().sorted { $0.precedes($1) } == rooms)
        for room in rooms { #expect(!room.precedes(room)) }
    }

    @Test("has 1 to 255 bytes, or is a number that JavaScript has exactly")
    func faults() {
        let good: [RoomName] = [.name(String(repeating: "x", count: 255)), "x", 0, 9_007_199_254_740_992]
        let bad: [RoomName] = ["", .name(String(repeating: "é", count: 128)), 9_007_199_254_740_993, .number(.min)]
        #expect(CommandFault.names(good, "rooms") == [])
        #expect(CommandFault.names(bad, "rooms").map(\.field) == bad.indices.map { CommandField("rooms", index: $0) })
        let many = [RoomName](repeating: "", count: 1_000)
        #expect(CommandFault.names(many, "rooms").count == 20)
    }

    @Test(
        "is read from a string or an integer",
        arguments: [
            ("\"42\"", "42"), ("42", 42), ("-1", -1), ("9007199254740992", 9_007_199_254_740_992), ("\"\"", ""),
            ("9007199254740993", nil), ("42.0", nil), ("4e1", nil), ("true", nil), ("null", nil), ("[42]", nil),
        ] as [(String, RoomName?)])
    func reads(text: String, room: RoomName?) throws {
        #expect(try RoomName(JSONDocument(parsing: Array(text.utf8)).root) == room)
    }

    @Test("is written as what it is")
    func writes() {
        let json = JSONWriter.bytes { (["a\"", 42, "42", -1] as [RoomName]).write(to: &$0) }
        #expect(String(decoding: json, as: UTF8.self) == "[\"a\\\"\",42,\"42\",-1]")
    }

    @Test("looks like a socket's id, or does not")
    func socketIDs() {
        #expect(("z_EN0znCFgY9-mdbAAAA" as RoomName).isSocketID)
        let others: [RoomName] = [
            "z_EN0znCFgY9-mdbAAA", "z_EN0znCFgY9-mdbAAAAA", "z_EN0znCFgY9-mdbAAA.", 42, "", "éééééééééé",
        ]
        #expect(!others.contains { $0.isSocketID })
    }
}
