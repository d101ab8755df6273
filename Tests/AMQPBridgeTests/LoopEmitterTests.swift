import BrokerFixtures
import EventLoop
import Logging
import Testing

@testable import AMQPBridge

@Suite("The emitter, without a broker,")
struct LoopEmitterTests {
    @Test("refuses what is wrong under any wire format before it looks at this one")
    func invalid() async {
        var emit = Emit(namespace: "x", event: "")
        emit.isBinary = true
        let faults = emit.faults()
        #expect(faults.count == 2)
        for confirmation in AMQPBridge.Confirmation.allCases {
            await #expect(throws: EmitError.invalid(faults)) {
                try await emitter().emit(emit, confirmation: confirmation)
            }
        }
    }

    @Test("has its own limit of names")
    func limits() async {
        let emit = Emit(event: "e", rooms: ["a", "b"])
        let limits = CommandLimits(names: 1)
        await #expect(throws: EmitError.invalid(emit.faults(limits: limits))) {
            try await emitter(AMQP0(), limits).emit(emit, confirmation: .broker)
        }
    }

    @Test("refuses what the servers cannot do")
    func notExpressible() async {
        let error = await #expect(throws: EmitError.self) {
            try await emitter().emit(Emit(event: "e", rooms: ["broadcast"]), confirmation: .broker)
        }
        guard case .notExpressible(let fault) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(fault.field == CommandField("rooms", index: 0))
    }

    @Test("refuses numbers where no server has such rooms, whatever would carry them")
    func numbers() async {
        let join = ChangeSockets(SocketSelection(rooms: ["a"]), .join(["b", 42]))
        let disconnect = ChangeSockets(SocketSelection(rooms: [42]), .disconnect(close: false))
        let except = ChangeSockets(SocketSelection(except: [42]), .disconnect(close: false))
        for (command, field) in [
            (join, CommandField("rooms", index: 1)), (disconnect, CommandField("in", index: 0)),
            (except, CommandField("except", index: 0)),
        ] {
            await #expect(throws: Self.refusal(field)) { try await emitter().change(command, timeout: .seconds(1)) }
        }
        await #expect(throws: Self.refusal(CommandField("rooms", index: 0))) {
            try await emitter().emit(Emit(event: "e", rooms: [42]), acknowledged: .all, timeout: .seconds(1))
        }
        await #expect(throws: Self.refusal(CommandField("except", index: 0))) {
            try await emitter().emit(Emit(event: "e", except: [42]), confirmation: .broker)
        }
    }

    private static func refusal(_ field: CommandField) -> EmitError {
        .notExpressible(CommandFault(field, "servers of this wire format have no rooms that are numbers"))
    }

    @Test("cannot publish, whether anybody waits or not", arguments: AMQPBridge.Confirmation.allCases)
    func unavailable(confirmation: AMQPBridge.Confirmation) async {
        await #expect(throws: EmitError.notPublished(.brokerUnavailable)) {
            try await emitter().emit(Emit(event: "e", rooms: ["a", "b"]), confirmation: confirmation)
        }
    }

    @Test("says of each emit of a batch what became of it")
    func batch() async throws {
        let emits = [Emit(event: "e"), Emit(event: ""), Emit(event: "e", rooms: ["broadcast"])]
        let outcomes = try await emitter().emit(batch: emits)
        #expect(outcomes.count == 3)
        #expect(outcomes[0] == .failure(.notPublished(.brokerUnavailable)))
        #expect(outcomes[1] == .failure(.invalid(emits[1].faults())))
        guard case .failure(.notExpressible) = outcomes[2] else {
            Issue.record("\(outcomes[2])")
            return
        }
    }

    @Test("says that questions are turned off, where somebody would have to be asked")
    func turnedOff() async throws {
        let off = EmitError.notAsked(.turnedOff)
        let second = Duration.seconds(1)
        let leave = ChangeSockets(SocketSelection(id: "sid"), .leave(["r"]))
        for format in [AMQP0(), PythonSocketIO()] as [any WireFormat] {
            let emitter = try emitter(format, isClusterOff: true)
            await #expect(throws: off) {
                try await emitter.emit(Emit(event: "e"), acknowledged: .all, timeout: second)
            }
            await #expect(throws: off) { try await emitter.emit(toServers: ServerSideEmit(event: "e")) }
        }
        await #expect(throws: off) { try await emitter(isClusterOff: true).change(leave, timeout: second) }
        let python = try emitter(PythonSocketIO(), isClusterOff: true)
        let except = Emit(event: "e", except: ["r"])
        await #expect(throws: off) { try await python.emit(except, confirmation: .broker) }
        // The servers' own message, for which nobody is asked.
        await #expect(throws: EmitError.notPublished(.brokerUnavailable)) {
            try await python.change(leave, timeout: second)
        }
        // Without anything to turn off, as in the library, it is the wire format that cannot.
        await #expect {
            try await emitter(PythonSocketIO()).emit(except, confirmation: .broker)
        } throws: { error in
            if case EmitError.notExpressible = error { true } else { false }
        }
    }

    private func emitter(
        _ format: any WireFormat = AMQP0(), _ limits: CommandLimits = CommandLimits(), isClusterOff: Bool = false
    ) throws -> LoopEmitter {
        let configuration = try BrokerLink.Configuration(url: "amqp://127.0.0.1:1")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let link = BrokerLink(configuration, loop: EventLoop(), logger: logger)
        return LoopEmitter(wireFormat: format, link: link, limits: limits, isClusterOff: isClusterOff)
    }
}
