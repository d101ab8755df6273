import Logging
import Testing

@testable import AMQPBridge

@Suite("The emitter, without a broker,")
struct EmitterTests {
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
            try await emitter(limits).emit(emit, confirmation: .broker)
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

    @Test("cannot publish, whether anybody waits or not", arguments: AMQPBridge.Confirmation.allCases)
    func unavailable(confirmation: AMQPBridge.Confirmation) async {
        await #expect(throws: EmitError.notPublished(.brokerUnavailable)) {
            try await emitter().emit(Emit(event: "e", rooms: ["a", "b"]), confirmation: confirmation)
        }
    }

    private func emitter(_ limits: CommandLimits = CommandLimits()) throws -> Emitter {
        let configuration = BrokerLink.Configuration(endpoint: try BrokerEndpoint(uri: "amqp://127.0.0.1:1"))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let link = BrokerLink(configuration, loop: EventLoop(), logger: logger)
        return Emitter(wireFormat: AMQP0(), link: link, limits: limits)
    }
}
