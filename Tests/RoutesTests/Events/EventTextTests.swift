import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("The text of events")
struct EventTextTests {
    private let id = EventID(epoch: "e", number: 7)

    private func text(_ event: ClusterEvent) -> String {
        let entry = EventEntry(event)
        return String(decoding: EventText.event(entry.kind.rawValue, id, json: entry.json), as: UTF8.self)
    }

    @Test("has the members that the event has, and no others")
    func members() {
        #expect(
            text(ClusterEvent(.roomOccupied, time: 1_700_000_000_042, namespace: "/", room: .name("chat:1")))
                == """
                id: e-7
                event: room.occupied
                data: {"id":"e-7","type":"room.occupied","time":"2023-11-14T22:13:20.042Z","namespace":"/","room":"chat:1"}


                """)
        #expect(
            text(
                ClusterEvent(
                    .socketDisconnected, time: 0, namespace: "/a", room: .number(42), socket: "s", server: "u",
                    reason: "ping timeout")
            ).contains(
                #""time":"1970-01-01T00:00:00.000Z","namespace":"/a","room":42,"socket":"s","server":"u","#
                    + #""reason":"ping timeout"}"#))
    }

    @Test("is one line of data, whatever a name has in it")
    func hostileNames() throws {
        let name = "a\nevent: fake\r\ndata: {}\n\n\u{2028}\0\""
        let text = text(ClusterEvent(.roomVacated, time: 0, namespace: "/", room: .name(name)))
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        #expect(lines.count == 5 && !text.utf8.contains(UInt8(ascii: "\r")))
        let document = try JSONDocument(parsing: Array(lines[2].dropFirst("data: ".utf8.count)))
        #expect(document.root.member("room")?.string == name)
    }

    @Test("says what to do where events are missing", arguments: [EventReset.unknown, .tooOld, .tooSlow])
    func resets(reason: EventReset) throws {
        let text = String(decoding: EventText.reset(reason, id, time: 999), as: UTF8.self)
        #expect(
            text.hasPrefix(
                "id: e-7\nevent: reset\ndata: {\"id\":\"e-7\",\"type\":\"reset\",\"time\":\"1970-01-01T00:00:00.999Z\","
            ))
        #expect(text.contains("\"reason\":\"\(reason.rawValue)\"") && text.contains("GET /v1/rooms"))
    }

    @Test("begins, ends and waits without an event")
    func others() {
        #expect(EventText.opening(id) == Array("retry: 3000\nid: e-7\n\n".utf8))
        #expect(EventText.comment(nil) == Array(":\n\n".utf8))
        #expect(EventText.comment(id) == Array(":\nid: e-7\n\n".utf8))
        #expect(EventText.farewell == Array("retry: 1000\n\n".utf8))
    }
}
