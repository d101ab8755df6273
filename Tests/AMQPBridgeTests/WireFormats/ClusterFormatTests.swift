import Foundation
import JSON
import Testing

@testable import AMQPBridge

@Suite("The cluster format")
struct ClusterFormatTests {
    /// The emits that correspond to the recorded calls.
    static let recorded: [String: Emit] = [
        "broadcast": Emit(event: "hello", arguments: JSONText("{\"a\":1}")),
        "broadcast-room-except-flags": flagged(),
    ]

    private static func flagged() -> Emit {
        var emit = Emit(event: "hello", rooms: ["room1", "room2"], except: ["room3"])
        emit.isVolatile = true
        emit.isCompressed = false
        return emit
    }

    @Test("publishes what servers were seen to publish, but for whose it is", arguments: recorded.keys.sorted())
    func publishesAsRecorded(name: String) throws {
        let publications = try ClusterFormat().publications(for: try #require(Self.recorded[name]))
        try #require(publications.count == 1)
        guard case .object(var expected) = try RecordedBroadcasts().message(of: name) else {
            Issue.record("the recording is no object")
            return
        }
        expected["uid"] = .string("emitter")
        #expect(try Meaning(of: publications[0].body) == .object(expected))
        #expect(publications[0].exchange == "socket.io.cluster")
        #expect(publications[0].expiration == nil)
    }

    @Test("misses members only where servers subscribe room by room")
    func reasons() throws {
        func reason(
            _ rooms: [RoomName], _ servers: NamespaceServers = NamespaceServers()
        ) throws -> UnroutedReason {
            let format = ClusterFormat()
            return format.unroutedReason(of: try format.publications(for: Emit(event: "e", rooms: rooms)), servers)
        }
        let socket: RoomName = "0123456789abcdefghij"
        for rooms in [[], ["r"], [socket]] as [[RoomName]] {
            #expect(try reason(rooms) == .noServer)
            #expect(try reason(rooms, NamespaceServers(known: 2)) == .noNamespace)
            #expect(try reason(rooms, NamespaceServers(known: 2, serving: 2)) == .noServer)
        }
        let dynamic = NamespaceServers(known: 2, serving: 2, dynamic: 1)
        #expect(try reason(["r"], dynamic) == .noMember)
        // What goes to every server of the namespace misses servers.
        for rooms in [[], [socket], ["r", socket]] as [[RoomName]] { #expect(try reason(rooms, dynamic) == .noServer) }
    }

    @Test("leaves out flags that have their default: volatile false would count as volatile")
    func flags() throws {
        let body = try ClusterFormat().publications(for: Emit(event: "e"))[0].body
        #expect(String(decoding: body, as: UTF8.self).contains("\"flags\":{}"))
    }

    @Test("puts bytes behind the packet")
    func binary() throws {
        var emit = Emit(event: "e", arguments: JSONText("{\"_placeholder\":true,\"num\":0}"))
        emit.isBinary = true
        emit.attachments = ["AQI="]
        let body = try ClusterFormat().publications(for: emit)[0].body
        guard case .object(let message) = try Meaning(of: body), case .object(let data)? = message["data"] else {
            Issue.record("no data")
            return
        }
        #expect(data["attachments"] == .array([.string("AQI=")]))
        #expect(
            data["packet"]
                == .object([
                    "type": .number(2),
                    "data": .array([
                        .string("e"), .object(["_placeholder": .boolean(true), "num": .number(0)]),
                    ]),
                ]))
    }

    // MARK: Routing

    private static let id = "z_EN0znCFgY9-mdbAAAA"
    private static let longest = String(repeating: "x", count: 255 - "/chat#room#".utf8.count)

    @Test(
        "takes the shortest way that is right",
        arguments: [
            ([], ["/chat"]),
            (["a"], ["/chat#room#a", "/chat#static"]),
            (["a", "b", "a"], ["/chat#room#a", "/chat#room#b", "/chat#static"]),
            // Socket ids are bound by nobody.
            ([.name(id)], ["/chat"]),
            (["a", .name(id)], ["/chat"]),
            ([.name(id + "x")], ["/chat#room#\(id)x", "/chat#static"]),
            (["z_EN0znCFgY9-mdbAAA."], ["/chat#room#z_EN0znCFgY9-mdbAAA.", "/chat#static"]),
            ([.name(longest)], ["/chat#room#\(longest)", "/chat#static"]),
            ([.name(longest + "x")], ["/chat"]),
            (["a", .name(longest + "x")], ["/chat"]),
            // Numbers are bound under their digits.
            ([42, "a", "42"], ["/chat#room#42", "/chat#room#a", "/chat#static"]),
            ([-9_007_199_254_740_992], ["/chat#room#-9007199254740992", "/chat#static"]),
        ] as [([RoomName], [String])])
    func routingKeys(rooms: [RoomName], keys: [String]) throws {
        let publications = try ClusterFormat().publications(for: Emit(namespace: "/chat", event: "e", rooms: rooms))
        #expect(publications.count == 1)
        #expect([publications[0].routingKey] + publications[0].carbonCopies == keys)
    }

    @Test("falls back to the namespace's key when there are too many others")
    func manyRooms() throws {
        func keys(_ count: Int) throws -> [String] {
            // Each of 200 bytes with its prefix.
            let rooms: [RoomName] = (0..<count).map {
                .name("\($0 + 1_000)" + String(repeating: "r", count: 200 - 4 - "/#room#".utf8.count))
            }
            let publication = try ClusterFormat().publications(for: Emit(event: "e", rooms: rooms))[0]
            return [publication.routingKey] + publication.carbonCopies
        }
        // 163 * 200 + "/#static" are within 32 KiB, 164 * 200 are not.
        #expect(try keys(164).count == 165)
        #expect(try keys(165) == ["/"])
    }

    @Test("knows recipients")
    func abilities() {
        #expect(ClusterFormat().knowsRecipients)
        #expect(ClusterFormat(exchange: "x").exchange == "x")
    }
}

/// What a server's adapter was seen to publish to the cluster.
private struct RecordedBroadcasts: Decodable {
    struct Case: Decodable {
        let name: String
        let messages: [Message]
    }

    struct Message: Decodable {
        let message: Meaning
    }

    let cases: [Case]

    init() throws {
        let file = try #require(
            Bundle.module.url(forResource: "cluster", withExtension: "json", subdirectory: "Fixtures"))
        self = try JSONDecoder().decode(RecordedBroadcasts.self, from: Data(contentsOf: file))
    }

    func message(of name: String) throws -> Meaning {
        try #require(cases.first { $0.name == name }?.messages.first).message
    }
}
