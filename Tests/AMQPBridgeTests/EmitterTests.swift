import EventLoop
import Glibc
import Synchronization
import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("An emitter, without a broker,", .serialized)
struct EmitterTests {
    @Test("says why it cannot connect, and does not try again")
    func refused() async throws {
        weak var format: ThreadNotingFormat?
        for _ in 0..<10 {
            let noting = ThreadNotingFormat()
            format = noting
            let error = await #expect(throws: BrokerError.self) {
                try await Emitter.connect(to: "amqp://u:secret@127.0.0.1:1", wireFormat: noting)
            }
            #expect(error?.description.contains("secret") == false)
        }
        #expect(await eventually { format == nil })
    }

    @Test(
        "says what is wrong with an address, but not the address",
        arguments: ["http://u:secret@h", "amqps://u:secret@h?verify=secret"])
    func addresses(uri: String) async {
        let error = await #expect(throws: BrokerError.self) {
            try await Emitter.connect(to: uri, wireFormat: AMQP0())
        }
        #expect(error?.description.contains("secret") == false)
        #expect(error?.description.hasPrefix("the broker's address ") == true)
    }

    @Test("says that the other side is no broker")
    func noBroker() async throws {
        let listener = try Listener()
        let connecting = Task { try await Emitter.connect(to: listener.uri, wireFormat: AMQP0()) }
        listener.acceptAndClose()
        await #expect(throws: BrokerError.self) { try await connecting.value }
    }

    @Test("publishes on its own thread, whoever calls")
    func hops() async throws {
        let format = ThreadNotingFormat()
        let emitter = try started(format)
        let caller = Caller()
        for _ in 0..<20 {
            _ = try? await emitter.emit("e")
            await caller.emit(with: emitter)
            await Self.emitOnMainActor(with: emitter)
            await withTaskGroup { group in
                for _ in 0..<4 { group.addTask { _ = try? await emitter.to("room").emit("e", 1) } }
            }
        }
        #expect(format.emits == 20 * 7)
        #expect(format.threads.count == 1)
        #expect(!format.threads.contains(UInt(pthread_self())))
        await emitter.close()
    }

    @Test("fails at once while there is no connection, and says so")
    func unavailable() async throws {
        let emitter = try started()
        await #expect(throws: EmitError.notPublished(.brokerUnavailable)) { try await emitter.to("room").emit("e") }
        await emitter.close()
    }

    @Test("checks what it is asked for")
    func invalid() async throws {
        let emitter = try started(limits: CommandLimits(names: 1))
        for emit in [{ try await emitter.emit("connect") }, { try await emitter.to("a", "b").emit("e") }]
            as [@Sendable () async throws -> Receipt]
        {
            let error = await #expect(throws: EmitError.self) { try await emit() }
            if case .invalid = error { continue }
            Issue.record("\(String(describing: error))")
        }
        let error = await #expect(throws: EmitError.self) { try await emitter.to("broadcast").emit("e") }
        #expect(error.map { "\($0)".hasPrefix("rooms[0]: ") } == true)
        await emitter.close()
    }

    @Test("takes nothing any more when it is closed, which can be done twice and by many")
    func closed() async throws {
        let emitter = try started()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask { await emitter.close() }
                group.addTask { _ = try? await emitter.emit("e") }
            }
        }
        await emitter.close()
        await #expect(throws: EmitError.notPublished(.brokerUnavailable)) { try await emitter.emit("e") }
    }

    @Test("leaves no thread, descriptor or object behind, closed or only let go", arguments: [true, false])
    func leavesNothing(isClosed: Bool) async throws {
        var loops: [WeakLoop] = []
        for _ in 0..<20 {
            let emitter = try started()
            loops.append(WeakLoop(loop: emitter.loop))
            let room = emitter.to("room")
            _ = try? await room.emit("e")
            if isClosed { await emitter.close() }
        }
        // A loop owns a descriptor; its thread and its link hold on to it.
        let all = loops
        #expect(await eventually { all.allSatisfy { $0.loop == nil } })
    }

    private func started(
        _ format: any WireFormat = AMQP0(), limits: CommandLimits = CommandLimits()
    ) throws -> Emitter {
        let configuration = try BrokerLink.Configuration(url: "amqp://127.0.0.1:1")
        let emitter = Emitter(configuration, wireFormat: format, limits: limits, logger: nil)
        emitter.start { _ in }
        return emitter
    }

    @MainActor private static func emitOnMainActor(with emitter: Emitter) async {
        _ = try? await emitter.to("room").emit("e")
    }

    private struct WeakLoop {
        weak var loop: EventLoop?
    }

    private actor Caller {
        func emit(with emitter: Emitter) async { _ = try? await emitter.of("/").emit("e", ["a": 1]) }
    }
}

@Suite("An emitter's lifetime")
struct EmitterLifetimeTests {
    @Test("ends once, when it was closed and the last emit has finished")
    func ends() async {
        let ends = Mutex(0)
        let lifetime = EmitterLifetime { ends.withLock { $0 += 1 } }
        #expect(lifetime.begin() && lifetime.begin())
        lifetime.finish()
        lifetime.letGo()
        #expect(!lifetime.begin())
        #expect(ends.withLock { $0 } == 0)
        lifetime.finish()
        #expect(ends.withLock { $0 } == 1)
        lifetime.letGo()
        #expect(ends.withLock { $0 } == 1)
        lifetime.hasEnded()
        await lifetime.close()
        #expect(ends.withLock { $0 } == 1)
    }

    @Test("is over for those who close it when the thread has ended")
    func waits() async {
        let lifetime = EmitterLifetime {}
        let closed = Counters(1)
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    await lifetime.close()
                    closed.add(at: 0)
                }
            }
            try? await Task.sleep(for: .milliseconds(20))
            #expect(closed.values == [0])
            lifetime.hasEnded()
        }
        #expect(closed.values == [4])
    }
}

/// Notes on which threads it was asked.
private final class ThreadNotingFormat: WireFormat {
    static let name = "noting"
    let exchanges: [ServerExchange] = []
    let knowsRecipients = true
    private let noted = Mutex<(threads: Set<UInt>, emits: Int)>(([], 0))

    var threads: Set<UInt> { noted.withLock { $0.threads } }
    var emits: Int { noted.withLock { $0.emits } }

    func publications(for emit: Emit) throws(NotExpressible) -> [Publication] {
        noted.withLock {
            $0.threads.insert(UInt(pthread_self()))
            $0.emits += 1
        }
        return [Publication(exchange: "x", routingKey: "", body: [])]
    }

    func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason { .noServer }
}

/// Something that listens and speaks no AMQP.
private struct Listener {
    private let descriptor: Int32
    let uri: String

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(bound)
        (self.descriptor, uri) = (descriptor, "amqp://127.0.0.1:\(address.sin_port.bigEndian)")
    }

    func acceptAndClose() {
        close(accept(descriptor, nil, nil))
        close(descriptor)
    }
}

private func eventually(_ isTrue: () -> Bool) async -> Bool {
    for _ in 0..<2_000 {
        if isTrue() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
