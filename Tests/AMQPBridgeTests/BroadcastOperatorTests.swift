import Synchronization
import Testing

@testable import AMQPBridge

@Suite("A broadcast operator")
struct BroadcastOperatorTests {
    @Test("reaches everyone in the main namespace unless it is told otherwise")
    func everyone() async throws {
        #expect(try await emitted { try await $0.emit("hello") } == Emit(event: "hello"))
    }

    @Test("gathers whom the event is for, in any order of steps")
    func composition() async throws {
        var expected = Emit(
            namespace: "/chat", event: "hello", rooms: ["a", "b", "c", "d"], except: ["x", "y", "z"],
            exceptSockets: ["s", "t"])
        try expected.setArguments([1, "two"])
        let emit = try await emitted {
            try await $0.to("a", "b").exceptSockets("s").except("x", "y").in("c").of("/chat").to(["d"]).except(["z"])
                .exceptSockets(["t"]).emit("hello", 1, "two")
        }
        #expect(emit == expected)
    }

    @Test("takes rooms that are numbers, in variables and beside text")
    func numbers() async throws {
        let (id, name) = (42, "name")
        let emit = try await emitted {
            try await $0.to(7).to("a", 8).to(.number(id)).to(name).in(9).to(rooms: [10, "b"]).except(1, "c").except(
                rooms: [2])
                .emit("hello")
        }
        #expect(emit.rooms == [7, "a", 8, 42, "name", 9, 10, "b"])
        #expect(emit.except == [1, "c", 2])
    }

    @Test("is a value: a step changes a copy")
    func immutability() async throws {
        let emit = try await emitted { everyone in
            let room = everyone.to("a")
            _ = room.to("b").except("c").of("/d").exceptSockets("e").to([])
            try await room.emit("hello")
        }
        #expect(emit == Emit(event: "hello", rooms: ["a"]))
    }

    @Test("fails with an empty list of rooms, which must not be everyone, whatever is named besides")
    func emptyList() async {
        for rooms in [[[]], [["a"], []], [[], ["a"]]] as [[[String]]] {
            let error = await #expect(throws: EmitError.self) {
                try await emitted { try await rooms.reduce($0) { $0.to($1) }.emit("hello") }
            }
            guard case .invalid(let faults) = error else { continue }
            #expect(faults.map(\.field) == [CommandField("rooms")])
        }
    }

    @Test("leaves out nobody with an empty list of exceptions")
    func emptyExceptions() async throws {
        let emit = try await emitted { try await $0.except([]).exceptSockets([]).emit("hello") }
        #expect(emit == Emit(event: "hello"))
    }

    @Test("publishes nothing when an argument is wrong")
    func wrongArgument() async {
        await #expect(throws: EmitError.self) { try await emitted { try await $0.emit("hello", .json("{")) } }
    }

    @Test("hands on what became of it")
    func outcome() async throws {
        let receipt = Receipt(id: "01J", routed: false)
        #expect(try await BroadcastOperator { _ async throws(EmitError) in receipt }.emit("hello") == receipt)
        await #expect(throws: EmitError.notPublished(.brokerNack)) {
            try await BroadcastOperator { _ async throws(EmitError) in throw .notPublished(.brokerNack) }.emit("hello")
        }
    }

    /// The one emit that was published.
    private func emitted(_ body: (BroadcastOperator) async throws -> Void) async throws -> Emit {
        let emits = Mutex<[Emit]>([])
        do {
            try await body(
                BroadcastOperator { emit async throws(EmitError) in
                    emits.withLock { $0.append(emit) }
                    return Receipt(id: "01J", routed: true)
                })
        } catch {
            #expect(emits.withLock { $0 }.isEmpty)
            throw error
        }
        let published = emits.withLock { $0 }
        #expect(published.count == 1)
        return try #require(published.first)
    }
}
