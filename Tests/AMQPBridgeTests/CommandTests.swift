import Testing

@testable import AMQPBridge

@Suite("An emit")
struct CommandTests {
    @Test("has no faults as it usually is")
    func isFaultless() {
        #expect(Emit(event: "e").faults().isEmpty)
        let emit = Emit(
            namespace: "/chat/é?x=1", event: "order paid", rooms: ["a", "a"], except: ["b"], exceptSockets: ["c"])
        #expect(emit.faults().isEmpty)
    }

    @Test("needs an event that is not reserved")
    func events() {
        #expect(fields(Emit(event: "")) == [CommandField("event")])
        for event in Emit.reservedEvents { #expect(fields(Emit(event: event)) == [CommandField("event")]) }
        #expect(
            Emit.reservedEvents == [
                "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
            ])
        for event in ["Connect", "connection", " connect", "error", "é", "disco", "\u{E3}"] {
            #expect(fields(Emit(event: event)) == [])
        }
    }

    @Test(
        "is for a namespace that begins with a slash and has no '#'",
        arguments: ["", "chat", "#", "/#", "/a#b", " /", "/" + String(repeating: "é", count: 128)])
    func namespaces(namespace: String) {
        #expect(fields(Emit(namespace: namespace, event: "e")) == [CommandField("namespace")])
    }

    @Test("has a namespace of at most 255 bytes")
    func longestNamespace() {
        let longest = "/" + String(repeating: "é", count: 127)
        #expect(fields(Emit(namespace: longest, event: "e")).isEmpty)
        #expect(fields(Emit(namespace: longest + "x", event: "e")) == [CommandField("namespace")])
    }

    @Test("has names of 1 to 255 bytes of UTF-8")
    func lengthsOfNames() {
        let longest = String(repeating: "é", count: 127) + "x"
        #expect(longest.utf8.count == 255)
        let good = [longest, "x"]
        let goodRooms = good.map { RoomName.name($0) }
        #expect(fields(Emit(event: "e", rooms: goodRooms, except: goodRooms, exceptSockets: good)).isEmpty)
        let bad = ["x", longest + "x", "", String(repeating: "é", count: 128)]
        let badRooms = bad.map { RoomName.name($0) }
        #expect(
            fields(Emit(event: "e", rooms: badRooms, except: badRooms, exceptSockets: bad))
                == ["rooms", "except", "exceptSockets"].flatMap { list in
                    [1, 2, 3].map { CommandField(list, index: $0) }
                })
    }

    @Test("has at most 100 names in all lists together, duplicates not counted")
    func limitsNames() {
        func names(_ prefix: String, _ count: Int) -> [RoomName] { (0..<count).map { "\(prefix)\($0)" } }
        let full = Emit(
            event: "e", rooms: names("r", 50) + names("r", 50), except: names("x", 30),
            exceptSockets: (0..<20).map { "s\($0)" })
        #expect(full.faults().isEmpty)
        #expect(Emit(event: "e", rooms: names("r", 100)).faults().isEmpty)
        #expect(fields(Emit(event: "e", rooms: names("r", 101))) == [CommandField("rooms")])
        #expect(fields(Emit(event: "e", except: names("x", 100), exceptSockets: ["s"])) == [CommandField("except")])
        // The same name in two lists is one name.
        #expect(Emit(event: "e", rooms: names("n", 100), except: names("n", 100)).faults().isEmpty)
        #expect(fields(Emit(event: "e", rooms: names("n", 100), except: ["m"])) == [CommandField("rooms")])
    }

    @Test("has numbers that every reader of JSON takes, and counts them apart from text")
    func numbers() {
        let most = 1 << 53
        #expect(fields(Emit(event: "e", rooms: [.number(most), .number(-most)])).isEmpty)
        #expect(
            fields(Emit(event: "e", rooms: [0, .number(most + 1)], except: [.number(-most - 1)]))
                == [CommandField("rooms", index: 1), CommandField("except", index: 0)])
        let emit = Emit(event: "e", rooms: [42, "42", 42])
        #expect(emit.faults(limits: CommandLimits(names: 2)).isEmpty)
        #expect(emit.faults(limits: CommandLimits(names: 1)).map(\.field) == [CommandField("rooms")])
    }

    @Test("has another limit of names if told so")
    func takesAnotherLimit() {
        let emit = Emit(event: "e", rooms: ["a", "b"], except: ["c"])
        #expect(emit.faults(limits: CommandLimits(names: 3)).isEmpty)
        #expect(emit.faults(limits: CommandLimits(names: 2)).map(\.field) == [CommandField("rooms")])
    }

    @Test("shows all its faults at once")
    func showsAllFaults() {
        let emit = Emit(namespace: "x", event: "connect", rooms: [""], except: ["", "a"], exceptSockets: ["a", ""])
        #expect(
            fields(emit) == [
                CommandField("event"), CommandField("namespace"), CommandField("rooms", index: 0),
                CommandField("except", index: 0), CommandField("exceptSockets", index: 1),
            ])
    }

    @Test("keeps the order of names when it drops duplicates")
    func dropsDuplicates() {
        #expect(["b", "a", "b", "c", "a"].withoutDuplicates == ["b", "a", "c"])
        #expect([String]().withoutDuplicates == [])
    }

    @Test("tells names apart that only look alike")
    func tellsSimilarNamesApart() {
        // Composed and decomposed: equal Swift strings, different rooms.
        let rooms = ["\u{E9}", "e\u{301}", "\u{E9}"]
        #expect(rooms.withoutDuplicates.map { Array($0.utf8) } == rooms.prefix(2).map { Array($0.utf8) })
    }

    private func fields(_ emit: Emit) -> [CommandField] {
        emit.faults().map(\.field)
    }
}
