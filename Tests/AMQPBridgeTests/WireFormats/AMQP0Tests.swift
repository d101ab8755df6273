import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQPBridge

@Suite("amqp0")
struct AMQP0Tests {
    /// The emits that correspond to the recorded calls. Flags (volatile, compress) are not on this wire.
    static let recorded: [String: Emit] = [
        "all": Emit(event: "hello", arguments: JSONText("\"to all clients\"")),
        "room": Emit(event: "hello", arguments: JSONText("{\"a\": 1}"), rooms: ["room1"]),
        "no-args": Emit(event: "hello", rooms: ["room1"]),
        "many-args": Emit(
            event: "hello", arguments: JSONText("1, \"two\", [3], null, {\"four\": 4.5}, true"), rooms: ["room1"]),
        "union": Emit(event: "hello", arguments: JSONText("\"once?\""), rooms: ["room1", "room2"]),
        "room-except-room": Emit(event: "hello", arguments: JSONText("1"), rooms: ["room2"], except: ["room1"]),
        "all-except-sid": Emit(event: "hello", arguments: JSONText("1"), exceptSockets: ["sid-AAAA"]),
        "to-sid": Emit(event: "hello", arguments: JSONText("1"), rooms: ["sid-AAAA"]),
        "unicode": Emit(
            event: "héllo ✓", arguments: JSONText("\"日本\",\"\\u0000\\\"\\\\\""), rooms: ["room 3/ü"]),
        "numbers": Emit(
            event: "n", arguments: JSONText("0.1, 1e21, 0, 9007199254740991, 1.0"), rooms: ["room1"]),
        "volatile": Emit(event: "v", arguments: JSONText("1"), rooms: ["room1"]),
        "compress-off": Emit(event: "v", arguments: JSONText("1"), rooms: ["room1"]),
        "namespace": Emit(namespace: "/chat", event: "x", arguments: JSONText("1")),
    ]

    @Test("knows from its keys whether a server or a member is missing, and from heartbeats whether the namespace is")
    func reasons() throws {
        func reason(
            _ rooms: [RoomName], _ servers: NamespaceServers = NamespaceServers()
        ) throws -> UnroutedReason {
            let format = AMQP0()
            return format.unroutedReason(of: try format.publications(for: Emit(event: "e", rooms: rooms)), servers)
        }
        #expect(try reason([]) == .noServer && reason(["r"]) == .noMember)
        for rooms in [[], ["r"]] as [[RoomName]] {
            #expect(try reason(rooms, NamespaceServers(known: 2)) == .noNamespace)
            let serving = NamespaceServers(known: 2, serving: 1)
            #expect(try reason(rooms, serving) == reason(rooms))
        }
    }

    /// But for a union, which the adapter sends to sockets in two of the rooms twice.
    @Test(
        "publishes what the adapter was seen to publish", arguments: recorded.keys.sorted().filter { $0 != "union" })
    func publishesAsRecorded(name: String) throws {
        let format = AMQP0(namespaces: ["/", "/chat"])
        let publications = try format.publications(for: try #require(Self.recorded[name]))
        let messages = try Fixture(named: "amqp0").messages(of: name)
        try #require(publications.count == messages.count)
        for (publication, message) in zip(publications, messages) {
            #expect(publication.exchange == "socket.io")
            #expect(publication.routingKey == message.routingKey)
            #expect(publication.carbonCopies == message.headers?["CC"] ?? [])
            #expect(publication.expiration == nil)
            #expect(try Meaning(of: publication.body) == Meaning(of: message.body.utf8))
        }
    }

    @Test("has an emit for every recorded call")
    func coversTheFixture() throws {
        #expect(try Set(Fixture(named: "amqp0").cases.map(\.name)) == Set(Self.recorded.keys))
    }

    @Test("publishes to each room without those before it, so that everybody receives it once")
    func excludesEarlierRooms() throws {
        let emit = Emit(event: "e", rooms: ["a", "b", "c"], except: ["x"], exceptSockets: ["sid"])
        let publications = try AMQP0().publications(for: emit)
        #expect(publications.map(\.routingKey) == ["a", "b", "c"])
        #expect(publications.allSatisfy { $0.exchange == "socket.io" && $0.carbonCopies.isEmpty })
        let packet = "{\"packet\":{\"type\":2,\"data\":[\"e\"]},\"except\":"
        #expect(
            publications.map(\.text) == [
                packet + "[\"x\",\"sid\"]}", packet + "[\"x\",\"sid\",\"a\"]}", packet + "[\"x\",\"sid\",\"a\",\"b\"]}",
            ])
    }

    @Test("refuses rooms whose names alone would be too much, without making the messages")
    func refusesQuadraticUnions() throws {
        let rooms = (0..<5_000).map { RoomName.name("room:\($0)") }
        let start = MonotonicTime.now()
        let emit = Emit(event: "e", rooms: rooms)
        let error = #expect(throws: NotExpressible.self) { try AMQP0().publications(for: emit) }
        #expect(error?.fault.field == CommandField("rooms"))
        #expect(MonotonicTime.now() - start < .milliseconds(500))
        let fits = Emit(event: "e", rooms: Array(rooms.prefix(1_000)), except: ["x"])
        let publications = try AMQP0().publications(for: fits)
        #expect(publications.count == 1_000)
        #expect(publications.reduce(0) { $0 + $1.body.count } < AMQP0.mostListedBytes)
        let many = Emit(event: "e", rooms: Array(rooms.prefix(1_000)), except: (0..<4_000).map { .name("user:\($0)") })
        #expect(throws: NotExpressible.self) { try AMQP0().publications(for: many) }
    }

    @Test("counts a room or an exception once")
    func dropsDuplicates() throws {
        let emit = Emit(event: "e", rooms: ["a", "a"], except: ["x", "y", "x"], exceptSockets: ["y", "z", "z"])
        let publications = try AMQP0().publications(for: emit)
        #expect(publications.map(\.routingKey) == ["a"])
        #expect(publications[0].carbonCopies.isEmpty)
        #expect(publications[0].text.hasSuffix("\"except\":[\"x\",\"y\",\"z\"]}"))
        let several = Emit(event: "e", rooms: ["a", "b", "a", "b"])
        #expect(try AMQP0().publications(for: several).map(\.routingKey) == ["a", "b"])
    }

    @Test("refuses a room named 'broadcast', which is everyone")
    func refusesBroadcast() {
        let emit = Emit(event: "e", rooms: ["a", "broadcast"])
        #expect(fieldRefused(by: AMQP0(), emit) == CommandField("rooms", index: 1))
        #expect(fieldRefused(by: AMQP0(), Emit(event: "e", except: ["broadcast"])) == nil)
    }

    @Test("refuses rooms that are numbers, which its servers do not have")
    func refusesNumbers() {
        #expect(fieldRefused(by: AMQP0(), Emit(event: "e", rooms: ["a", 42])) == CommandField("rooms", index: 1))
        #expect(
            fieldRefused(by: AMQP0(), Emit(event: "e", rooms: ["a"], except: [42])) == CommandField("except", index: 0))
        #expect(fieldRefused(by: AMQP0(), Emit(event: "e", rooms: ["42"])) == nil)
    }

    @Test("warns whoever has several namespaces of what their servers need, and nobody else")
    func caution() throws {
        #expect(AMQP0().caution == nil)
        #expect(AMQP0(exchange: "x{namespace}", namespaces: ["/chat"]).caution == nil)
        let caution = try #require(AMQP0(exchange: "x{namespace}", namespaces: ["/", "/chat"]).caution)
        #expect(caution.contains("exchangeName") && caution.contains("queuePrefix"))
        #expect(PythonSocketIO().caution == nil && ClusterFormat().caution == nil)
    }

    @Test("refuses namespaces that are not configured")
    func refusesOtherNamespaces() {
        let emit = Emit(namespace: "/chat", event: "e")
        #expect(fieldRefused(by: AMQP0(), emit) == CommandField("namespace"))
        #expect(fieldRefused(by: AMQP0(namespaces: ["/chat"]), emit) == nil)
        #expect(fieldRefused(by: AMQP0(namespaces: ["/chat"]), Emit(event: "e")) == CommandField("namespace"))
    }

    @Test("has an exchange for each namespace")
    func putsTheNamespaceIntoTheExchange() throws {
        let format = AMQP0(exchange: "{namespace}.x.{namespace}", namespaces: ["/", "/chat"])
        #expect(try format.publications(for: Emit(event: "e"))[0].exchange == "/.x./")
        #expect(try format.publications(for: Emit(namespace: "/chat", event: "e"))[0].exchange == "/chat.x./chat")
    }

    @Test("refuses a namespace whose exchange would have more than 255 bytes")
    func refusesOverlongExchanges() {
        let longest = "/" + String(repeating: "é", count: 125)
        let format = AMQP0(exchange: "x-{namespace}-", namespaces: [longest, longest + "x", longest + "xx"])
        #expect(fieldRefused(by: format, Emit(namespace: longest, event: "e")) == nil)
        #expect(fieldRefused(by: format, Emit(namespace: longest + "x", event: "e")) == nil)
        #expect(fieldRefused(by: format, Emit(namespace: longest + "xx", event: "e")) == CommandField("namespace"))
    }

    @Test("refuses binary arguments")
    func refusesBinary() {
        var emit = Emit(event: "e")
        emit.isBinary = true
        #expect(fieldRefused(by: AMQP0(), emit) == CommandField("binary"))
    }

    @Test("passes arguments on byte for byte", arguments: verbatimArguments)
    func passesArgumentsOn(arguments: String) throws {
        let emit = Emit(event: "e\"", arguments: JSONText(arguments))
        let expected = "{\"packet\":{\"type\":2,\"data\":[\"e\\\"\",\(arguments)]},\"except\":[]}"
        #expect(try AMQP0().publications(for: emit).map(\.text) == [expected])
    }

    @Test("can tell whether a server wanted it")
    func knowsRecipients() {
        #expect(AMQP0().knowsRecipients)
    }
}

/// Arguments that no reader and writer of JSON would leave alone.
let verbatimArguments = [
    "0.1", "1e21", "12345678901234567890123", "{\"b\":1,\"a\":2,\"10\":3,\"9\":4}", " [ 1 ,\t2 ] \n, { } ",
    "\"\\u00e9\\/\\u0000\",\"é😀\"", "-0, 1.0, 1E+2",
]

/// The field that a format refuses; `nil` if it refuses nothing.
func fieldRefused(by format: some WireFormat, _ emit: Emit) -> CommandField? {
    do {
        _ = try format.publications(for: emit)
        return nil
    } catch {
        return error.fault.field
    }
}
