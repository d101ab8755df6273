import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("python-socketio")
struct PythonSocketIOTests {
    private static let hostID = "0123456789abcdef0123456789abcdef"

    /// The emits that correspond to the recorded calls.
    static let recorded: [String: Emit] = [
        "all": Emit(event: "hello", arguments: JSONText("\"to all\"")),
        "room": Emit(event: "hello", arguments: JSONText("{\"a\":1}"), rooms: ["room1"]),
        "union": Emit(event: "hello", arguments: JSONText("\"once\""), rooms: ["room1", "room2"]),
        "skip": Emit(
            event: "hello", arguments: JSONText("1"), rooms: ["room1"], exceptSockets: ["sidA", "sidB"]),
        "no-args": Emit(event: "hello"),
        "many-args": Emit(event: "hello", arguments: JSONText("1,\"two\",[3],null,{\"four\":4.5}")),
        "null-arg": Emit(event: "hello", arguments: JSONText("null")),
        "namespace": Emit(namespace: "/chat", event: "x", arguments: JSONText("1"), rooms: ["r"]),
        "unicode": Emit(event: "héllo", arguments: JSONText("\"日本\"")),
        "binary": binary("{\"_placeholder\":true,\"num\":0}", ["AQI="]),
        "binary-nested": binary(
            "{\"f\":{\"_placeholder\":true,\"num\":0},\"n\":1},{\"_placeholder\":true,\"num\":1}", ["AQI=", "Aw=="]),
    ]

    private static func binary(_ arguments: String, _ attachments: [String]) -> Emit {
        var emit = Emit(event: "bin", arguments: JSONText(arguments))
        emit.isBinary = true
        emit.attachments = attachments
        return emit
    }

    @Test("has no server where there is no queue, whatever servers of another kind say of themselves")
    func reasons() throws {
        let format = PythonSocketIO()
        for servers in [NamespaceServers(), NamespaceServers(known: 1), NamespaceServers(known: 1, serving: 1)] {
            for rooms in [[], ["r"]] as [[RoomName]] {
                let publications = try format.publications(for: Emit(event: "e", rooms: rooms))
                #expect(format.unroutedReason(of: publications, servers) == .noServer)
            }
        }
    }

    @Test("publishes what the library was seen to publish", arguments: recorded.keys.sorted())
    func publishesAsRecorded(name: String) throws {
        let format = PythonSocketIO(hostID: Self.hostID)
        let publications = try format.publications(for: try #require(Self.recorded[name]))
        let messages = try Fixture(named: "python-socketio").messages(of: name)
        try #require(publications.count == messages.count)
        for (publication, message) in zip(publications, messages) {
            #expect(publication.exchange == "socketio")
            #expect(publication.routingKey == message.routingKey)
            #expect(publication.carbonCopies.isEmpty)
            #expect(publication.expiration == 60_000)
            #expect(try Meaning(of: publication.body) == Meaning(of: message.body.utf8))
        }
    }

    @Test("has an emit for every recorded call")
    func coversTheFixture() throws {
        #expect(
            try Set(Fixture(named: "python-socketio").cases.map(\.name))
                == Set(Self.recorded.keys).union(Self.changes.keys).union(["callback", "callback-reply"]))
    }

    // MARK: Sockets

    /// The commands that correspond to the recorded calls.
    static let changes: [String: ChangeSockets] = [
        "enter_room": ChangeSockets(SocketSelection(id: "sidA"), .join(["room1"])),
        "leave_room": ChangeSockets(SocketSelection(id: "sidA"), .leave(["room1"])),
        "close_room": ChangeSockets(SocketSelection(rooms: ["room1"]), .leave(["room1"])),
        "disconnect": ChangeSockets(SocketSelection(id: "sidA"), .disconnect(close: false)),
    ]

    @Test("does to sockets what the library was seen to do", arguments: changes.keys.sorted())
    func changesAsRecorded(name: String) throws {
        let publications = try #require(
            try PythonSocketIO(hostID: Self.hostID).publications(for: Self.changes[name]!))
        let messages = try Fixture(named: "python-socketio").messages(of: name)
        try #require(publications.count == 1 && messages.count == 1)
        #expect(publications[0].exchange == "socketio")
        #expect(publications[0].routingKey == messages[0].routingKey)
        #expect(publications[0].expiration == 60_000)
        #expect(try Meaning(of: publications[0].body) == Meaning(of: messages[0].body.utf8))
    }

    @Test("needs a message for each room, once")
    func rooms() throws {
        let join = ChangeSockets(SocketSelection(namespace: "/c", id: "s\""), .join(["a", "b", "a"]))
        let bodies = try PythonSocketIO(hostID: "h").publications(for: join)?.map(\.text)
        #expect(
            bodies
                == ["a", "b"].map {
                    "{\"method\":\"enter_room\",\"sid\":\"s\\\"\",\"room\":\"\($0)\",\"namespace\":\"/c\",\"host_id\":\"h\"}"
                })
        let leave = ChangeSockets(SocketSelection(id: "s"), .leave(["a", "b", "a"]))
        #expect(try PythonSocketIO().publications(for: leave)?.count == 2)
    }

    @Test("has rooms that are numbers as JSON's integers, beside text of the same digits")
    func numbers() throws {
        #expect(try bodies(Emit(event: "e", rooms: [42]))[0].contains("\"room\":42,\"skip_sid\""))
        #expect(try bodies(Emit(event: "e", rooms: [0]))[0].contains("\"room\":0,"))
        #expect(
            try bodies(Emit(event: "e", rooms: [42, "42", 42, -1]))[0].contains("\"room\":[42,\"42\",-1],\"skip_sid\""))
        let asking = try PythonSocketIO().publication(for: Emit(event: "e", rooms: [42, "a"]), callback: 7)
        #expect(asking.text.contains("\"room\":[42,\"a\"]") && asking.text.contains("\"callback\":[42,\"/\",7]"))
        for (change, method) in [
            (.join([42, "42", 42]), "enter_room"), (.leave([42, "42"]), "leave_room"),
        ] as [(ChangeSockets.Change, String)] {
            let command = ChangeSockets(SocketSelection(id: "s"), change)
            let bodies = try PythonSocketIO(hostID: "h").publications(for: command)?.map(\.text)
            #expect(
                bodies
                    == ["42", "\"42\""].map {
                        "{\"method\":\"\(method)\",\"sid\":\"s\",\"room\":\($0),\"namespace\":\"/\",\"host_id\":\"h\"}"
                    })
        }
        let empty = ChangeSockets(SocketSelection(rooms: [42]), .leave([42]))
        #expect(try PythonSocketIO().publications(for: empty)?.first?.text.contains("\"room\":42,") == true)
        let another = ChangeSockets(SocketSelection(rooms: [42]), .leave(["42"]))
        #expect(try PythonSocketIO().publications(for: another) == nil)
    }

    @Test("does nothing that would harm a server or a socket, or be less than was asked for")
    func harm() throws {
        let (own, other) = ("z_EN0znCFgY9-mdbAAAA", "z_EN0znCFgY9-mdbAAAB" as RoomName)
        let refused: [(ChangeSockets, CommandField)] = [
            (ChangeSockets(SocketSelection(id: own), .join(["r", other])), CommandField("rooms", index: 1)),
            (ChangeSockets(SocketSelection(id: own), .leave(["r", .name(own)])), CommandField("rooms", index: 1)),
            (ChangeSockets(SocketSelection(id: "short"), .leave(["short"])), CommandField("rooms", index: 0)),
            (ChangeSockets(SocketSelection(rooms: [other]), .leave([other])), CommandField("rooms", index: 0)),
            (ChangeSockets(SocketSelection(id: own), .disconnect(close: true)), CommandField("close")),
        ]
        for (command, field) in refused {
            let error = #expect(throws: NotExpressible.self) { try PythonSocketIO().publications(for: command) }
            #expect(error?.fault.field == field)
        }
        let taken: [ChangeSockets] = [
            // It is there already.
            ChangeSockets(SocketSelection(id: own), .join([.name(own)])),
            // It cannot be there.
            ChangeSockets(SocketSelection(id: own), .leave([other])),
            ChangeSockets(SocketSelection(id: own), .join(["z_EN0znCFgY9-mdbAAA."])),
        ]
        for command in taken { #expect(try PythonSocketIO().publications(for: command)?.count == 1) }
    }

    @Test("can do nothing to many sockets, except empty a room")
    func manySockets() throws {
        for command in [
            ChangeSockets(SocketSelection(rooms: ["r"]), .join(["a"])), ChangeSockets(SocketSelection(), .leave(["r"])),
            ChangeSockets(SocketSelection(rooms: ["r"], except: ["s"]), .leave(["r"])),
            ChangeSockets(SocketSelection(rooms: ["r"]), .leave(["other"])),
            ChangeSockets(SocketSelection(rooms: ["r", "s"]), .leave(["r"])),
            ChangeSockets(SocketSelection(rooms: ["r"]), .leave(["r", "s"])),
            ChangeSockets(SocketSelection(rooms: ["\u{E9}"]), .leave(["e\u{301}"])),
            ChangeSockets(SocketSelection(rooms: ["r"]), .disconnect(close: true)),
            ChangeSockets(SocketSelection(), .disconnect(close: false)),
        ] { #expect(try PythonSocketIO().publications(for: command) == nil) }
    }

    // MARK: Acknowledgements

    @Test("asks for acknowledgements as the library was seen to")
    func callback() throws {
        let emit = Emit(event: "ask", arguments: JSONText("1"), rooms: ["sidA"])
        let publication = try PythonSocketIO(hostID: Self.hostID).publication(for: emit, callback: 1)
        let message = try Fixture(named: "python-socketio").messages(of: "callback")[0]
        #expect(publication.exchange == "socketio" && publication.routingKey == "*" && publication.expiration == 60_000)
        #expect(try Meaning(of: publication.body) == Meaning(of: message.body.utf8))
        #expect(
            PythonSocketIO(exchange: "x", hostID: "h").callbackAddress == CallbackAddress(exchange: "x", hostID: "h"))
    }

    @Test("has the answers of several rooms come back under the first of them")
    func callbackOfRooms() throws {
        let emit = Emit(namespace: "/c", event: "e", rooms: ["a\"", "b"], exceptSockets: ["s"])
        let text = try PythonSocketIO().publication(for: emit, callback: 1 << 40).text
        #expect(
            text.contains(
                "\"room\":[\"a\\\"\",\"b\"],\"skip_sid\":[\"s\"],\"callback\":[\"a\\\"\",\"/c\",1099511627776]"))
    }

    @Test("cannot ask everyone for acknowledgements, nor leave out rooms")
    func callbackRefusals() {
        for (emit, field) in [
            (Emit(event: "e"), "rooms"), (Emit(event: "e", rooms: ["r"], except: ["s"]), "except"),
        ] {
            let error = #expect(throws: NotExpressible.self) {
                try PythonSocketIO().publication(for: emit, callback: 1)
            }
            #expect(error?.fault.field == CommandField(field))
        }
    }

    @Test("is the only one whose servers do so much by themselves")
    func otherFormats() {
        #expect(PythonSocketIO().asManager?.exceptsRooms == false)
        #expect(AMQP0().asManager == nil && ClusterFormat().asManager == nil)
    }

    @Test("is another host in every process")
    func hostIDs() throws {
        let formats = [PythonSocketIO(), PythonSocketIO()]
        #expect(formats[0].hostID != formats[1].hostID)
        for format in formats {
            #expect(format.hostID.count == 32)
            #expect(format.hostID.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            let body = try #require(try format.publications(for: Emit(event: "e")).first).text
            #expect(body.hasSuffix("\"host_id\":\"\(format.hostID)\"}"))
        }
    }

    @Test("counts a room or a skipped socket once")
    func dropsDuplicates() throws {
        let one = Emit(event: "e", rooms: ["a", "a"], exceptSockets: ["s", "s"])
        #expect(try bodies(one)[0].contains("\"room\":\"a\",\"skip_sid\":[\"s\"]"))
        let several = Emit(event: "e", rooms: ["a", "b", "a"], exceptSockets: ["s", "t", "s"])
        #expect(try bodies(several)[0].contains("\"room\":[\"a\",\"b\"],\"skip_sid\":[\"s\",\"t\"]"))
    }

    @Test("refuses exceptions that may be rooms")
    func refusesExcept() {
        let emit = Emit(event: "e", except: ["room"])
        #expect(fieldRefused(by: PythonSocketIO(), emit) == CommandField("except"))
    }

    @Test("sends a flag without bytes as what it is")
    func withoutBytes() throws {
        var emit = Emit(event: "e", arguments: JSONText("1"))
        emit.isBinary = true
        #expect(try bodies(emit)[0].contains("\"data\":[1],\"binary\":false"))
    }

    @Test("has any namespace, and a room named 'broadcast' like any other")
    func hasNoForbiddenNames() throws {
        let emit = Emit(namespace: "/any", event: "e", rooms: ["broadcast"])
        #expect(try bodies(emit)[0].contains("\"namespace\":\"/any\",\"room\":\"broadcast\""))
    }

    @Test("takes another exchange and expiration")
    func takesOptions() throws {
        let publications = try PythonSocketIO(exchange: "other", expiration: nil).publications(for: Emit(event: "e"))
        #expect(publications.map(\.exchange) == ["other"])
        #expect(publications.map(\.expiration) == [nil])
    }

    @Test("passes arguments on byte for byte", arguments: verbatimArguments)
    func passesArgumentsOn(arguments: String) throws {
        let emit = Emit(event: "e", arguments: JSONText(arguments))
        #expect(try bodies(emit)[0].contains("\"data\":[\(arguments)],\"binary\":false"))
    }

    @Test("cannot tell whether a server wanted it")
    func knowsNoRecipients() {
        #expect(!PythonSocketIO().knowsRecipients)
    }

    private func bodies(_ emit: Emit) throws -> [String] {
        try PythonSocketIO(hostID: Self.hostID).publications(for: emit).map(\.text)
    }
}
