import BrokerFixtures
import EventLoop
import JSON
import Logging
import Synchronization
import Testing

@testable import AMQPBridge

@Suite("The cluster client, with a broker on this machine,")
struct ClusterClientTests {
    /// Servers that answer what they are told to: `nil` is nothing.
    private static func broker(
        _ servers: String...,
        answer: @escaping @Sendable (_ server: String, _ question: String) -> String? = { _, _ in nil }
    ) -> LoopbackBroker {
        LoopbackBroker { message, peer in
            switch message {
            case .publish("socket.io.cluster", "#discover", _, _):
                for server in servers { peer.hear(heartbeatText(server)) }
            case .question(_, _, let id, _, _, let body):
                for server in servers { if let text = answer(server, body) { peer.reply(text, to: id) } }
            default: break
            }
        }
    }

    private func client(
        _ broker: LoopbackBroker, waiting: Int = 10_000, wireFormat: any WireFormat = AMQP0()
    ) -> ClusterClient {
        var configuration = ClusterClient.Configuration()
        configuration.waiting = waiting
        let client = ClusterClient(
            configuration, broker: broker.configuration, wireFormat: wireFormat,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        client.start()
        return client
    }

    @Test("asks servers and gathers what they answer")
    func asks() async throws {
        let broker = Self.broker("a", "b") { server, question in
            serverText(server, .fetchSocketsResponse, "{\"count\":\(server == "a" ? 1 : 2)}")
        }
        let client = client(broker)
        let answer = try await client.ask(CountSockets(), timeout: .seconds(5))
        #expect(answer.value.sockets == 3)
        #expect(answer.servers == .all(2))
        #expect(client.status == .ready)
        #expect(client.counters.connects.value == 1 && client.counters.complete.value == 1)
        let servers = try await client.servers(timeout: .seconds(1))
        #expect(servers.map(\.uid) == ["a", "b"])
        #expect(servers.allSatisfy { $0.lastSeen >= .zero && $0.lastSeen < .seconds(30) })
        client.stop()
        broker.stop()
    }

    @Test("knows the answers to every kind of question")
    func kinds() async throws {
        let broker = Self.broker("a") { server, question in
            if question.contains("\"type\":9") { return serverText(server, .serverSideEmitResponse, "{\"packet\":7}") }
            if question.contains("\"type\":3") {
                return serverText(server, .broadcastClientCount, "{\"clientCount\":0}")
            }
            return serverText(
                server, .fetchSocketsResponse, "{\"sockets\":[{\"id\":\"s\",\"rooms\":[\"r\"]}],\"matched\":4}")
        }
        let client = client(broker)
        let timeout = Duration.seconds(5)
        #expect(
            try await client.ask(FetchSockets(SocketSelection()), timeout: timeout).value.sockets.map(\.id)
                == ["s"])
        #expect(try await client.ask(ListRooms(), timeout: timeout).value.rooms == [.init(name: "r", sockets: 1)])
        #expect(
            try await client.ask(ChangeSockets(SocketSelection(), .join(["x"])), timeout: timeout).value.matched == 4
        )
        #expect(
            try await client.ask(ServerSideEmit(event: "e"), timeout: timeout).value.map(\.value.string) == ["7"]
        )
        let acknowledgements = try await client.outcome(of: AcknowledgedEmit(Emit(event: "e"), .all), timeout: timeout)
        #expect(acknowledgements.isRouted && acknowledgements.answer.recipients == 0)
        client.stop()
        broker.stop()
    }

    @Test("tells the broker that it wants to know when a queue is deleted")
    func greeting() async throws {
        let greeting = Mutex<[UInt8]>([])
        let broker = LoopbackBroker { _, peer in greeting.withLock { $0 = peer.greeting } }
        let client = client(broker)
        // Heard of nobody, but asked.
        #expect(try await client.servers(timeout: .seconds(5)).isEmpty)
        let text = greeting.withLock { String(decoding: $0, as: UTF8.self) }
        for capability in ["consumer_cancel_notify", "connection.blocked", "basic.nack", "publisher_confirms"] {
            #expect(text.contains(capability))
        }
        client.stop()
        broker.stop()
    }

    @Test("lets thousands wait, and answers each of them with what has come")
    func thousands() async throws {
        let broker = Self.broker("a", "b") { server, _ in
            server == "a" ? serverText(server, .broadcastClientCount, "{\"clientCount\":0}") : nil
        }
        let client = client(broker, waiting: 5_000)
        _ = try await client.servers(timeout: .seconds(5))
        let (partial, refused) = await withTaskGroup { group in
            for number in 0..<5_100 {
                group.addTask {
                    do {
                        let emit = AcknowledgedEmit(Emit(event: "e\(number)"), .all)
                        let answer = try await client.ask(emit, timeout: .seconds(3))
                        return answer.servers == ServerTally(expected: 2, responded: 1, missing: ["b"]) ? 1 : 0
                    } catch {
                        return error as? ClusterError == .overloaded ? -1 : 0
                    }
                }
            }
            return await group.reduce(into: (0, 0)) { sums, result in
                if result > 0 { sums.0 += 1 } else if result < 0 { sums.1 += 1 }
            }
        }
        #expect(partial == 5_000)
        #expect(refused == 100)
        #expect(client.counters.partial.value == 5_000)
        client.stop()
        broker.stop()
    }

    @Test("waits no longer for a caller who has left, before or after asking")
    func cancellation() async throws {
        let asked = Gate()
        let broker = Self.broker("a") { _, _ in
            asked.open()
            return nil
        }
        let client = client(broker)
        let start = MonotonicTime.now()
        let change = ChangeSockets(SocketSelection(), .leave(["r"]))
        let changing = Task { try await client.ask(change, timeout: .seconds(60)) }
        await asked.wait()
        changing.cancel()
        // It may be carried out all the same.
        await #expect(throws: ClusterError.unknown) { try await changing.value }

        let reading = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await client.ask(CountSockets(), timeout: .seconds(60))
        }
        await #expect(throws: ClusterError.abandoned) { try await reading.value }
        #expect(MonotonicTime.now() - start < .seconds(30))
        client.stop()
        broker.stop()
    }

    @Test("ends every wait when it is stopped, and begins none afterwards")
    func stops() async throws {
        let asked = Gate()
        let broker = Self.broker("a") { _, _ in
            asked.open()
            return nil
        }
        let client = client(broker)
        let waiting = Task { try await client.ask(CountSockets(), timeout: .seconds(60)) }
        await asked.wait()
        client.stop()
        await #expect(throws: ClusterError.brokerUnavailable) { try await waiting.value }
        await #expect(throws: ClusterError.brokerUnavailable) {
            try await client.ask(CountSockets(), timeout: .seconds(60))
        }
        await #expect(throws: ClusterError.brokerUnavailable) { try await client.servers(timeout: .seconds(60)) }
        broker.stop()
    }

    @Test("connects again when the connection breaks, and asks again who is there")
    func reconnects() async throws {
        let broker = Self.broker("a") { server, _ in serverText(server, .fetchSocketsResponse, "{\"count\":1}") }
        let client = client(broker)
        #expect(try await client.ask(CountSockets(), timeout: .seconds(5)).value.sockets == 1)
        broker.drop()
        // Until it has noticed, and until it is back, questions fail.
        var answer: ClusterAnswer<SocketCounts>?
        for _ in 0..<200 where client.counters.connects.value < 2 || answer == nil {
            answer = try? await client.ask(CountSockets(), timeout: .seconds(5))
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(answer?.value.sockets == 1)
        #expect(answer?.servers == .all(1))
        #expect(client.counters.connects.value == 2)
        #expect(broker.connections.load(ordering: .relaxed) == 2)
        client.stop()
        broker.stop()
    }

    @Test("says that there is no broker")
    func noBroker() async throws {
        let broker = LoopbackBroker()
        broker.refuses.store(true, ordering: .relaxed)
        let client = client(broker)
        await #expect(throws: ClusterError.brokerUnavailable) {
            try await client.ask(CountSockets(), timeout: .seconds(60))
        }
        #expect(client.status == .disconnected)
        client.stop()
        broker.stop()
    }

    // MARK: Callbacks

    @Test("publishes what clients are to acknowledge once the answers can come, and gathers them")
    func callbacks() async throws {
        let peer = Mutex<LoopbackBroker.Peer?>(nil)
        let broker = LoopbackBroker { _, connection in peer.withLock { $0 = connection } }
        let client = client(broker, wireFormat: PythonSocketIO(hostID: "our-host"))
        _ = try await client.servers(timeout: .seconds(5))
        let answer = try await client.callbacks(mode: .first, timeout: .seconds(60)) { number in
            let text = "{\"method\":\"callback\",\"host_id\":\"our-host\",\"id\":\(number),\"args\":[\"ok\"]}"
            peer.withLock { $0 }?.deliver(text, to: "callbacks", channel: 3)
            return ("published", waits: true)
        }
        #expect(answer?.0 == "published")
        #expect(answer?.responses.map(\.string) == ["[\"ok\"]"])
        let unpublished = try await client.callbacks(mode: .all, timeout: .seconds(60)) { _ in (1, waits: false) }
        #expect(unpublished?.0 == 1 && unpublished?.responses == [])
        let leaving = Task {
            try await client.callbacks(mode: .all, timeout: .seconds(60)) { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                return (2, waits: true)
            }
        }
        #expect(try await leaving.value?.responses == [])
        client.stop()
        await #expect(throws: ClusterError.brokerUnavailable) {
            try await client.callbacks(mode: .all, timeout: .seconds(60)) { _ in (3, waits: true) }
        }
        broker.stop()
    }
}

@Suite("The emitter, with a broker on this machine,")
struct LoopEmitterClusterTests {
    /// Everything that an emitter needs, on a loop of its own.
    private final class Fixture: Sendable {
        let broker: LoopbackBroker
        let cluster: ClusterClient
        let emitter: LoopEmitter
        private let loop: EventLoop
        private let link: BrokerLink
        private let thread: SystemThread

        init(
            _ wireFormat: any WireFormat, servers: [String],
            answer: @escaping @Sendable (_ server: String, _ question: String) -> String? = { _, _ in nil }
        ) {
            let taken = Box()
            broker = LoopbackBroker { message, peer in
                switch message {
                case .publish("socket.io.cluster", "#discover", _, _):
                    for server in servers { peer.hear(heartbeatText(server)) }
                case .question(_, "/", let id, _, _, let body):
                    for server in servers { if let text = answer(server, body) { peer.reply(text, to: id) } }
                case .question(_, _, let id, _, _, _): peer.giveBack(id)
                case .publish(_, _, _, let body): taken.bodies.withLock { $0.append(body) }
                default: break
                }
            }
            self.taken = taken
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let loop = EventLoop()
            self.loop = loop
            link = BrokerLink(broker.configuration, loop: loop, logger: logger)
            cluster = ClusterClient(broker: broker.configuration, wireFormat: wireFormat, logger: logger)
            emitter = LoopEmitter(
                wireFormat: wireFormat, link: link, cluster: cluster, questionTimeout: .milliseconds(500))
            loop.add(link)
            thread = SystemThread(name: "test-loop") { loop.run() }
            cluster.start()
        }

        private let taken: Box
        var bodies: [String] { taken.bodies.withLock { $0 } }

        /// Runs `body` on the loop, once it is connected.
        func run<Value: Sendable>(_ body: @escaping @Sendable (LoopEmitter) async throws -> Value) async throws -> Value
        {
            for _ in 0..<500 where link.status != .ready { try await Task.sleep(for: .milliseconds(10)) }
            return try await Task(executorPreference: loop) { [emitter] in try await body(emitter) }.value
        }

        func stop() {
            cluster.stop()
            let (loop, link) = (loop, link)
            loop.execute {
                link.close()
                loop.stop()
            }
            thread.join()
            broker.stop()
        }
    }

    private final class Box: Sendable {
        let bodies = Mutex<[String]>([])
    }

    @Test("leaves out the sockets of rooms that python-socketio's servers cannot leave out, however many they are")
    func exceptions() async throws {
        let ids = (0..<500).map { "sid\($0)" }
        let fixture = Fixture(PythonSocketIO(hostID: "h"), servers: ["a"]) { server, _ in
            let list = ids.map { "{\"id\":\"\($0)\"}" }.joined(separator: ",")
            return serverText(server, .fetchSocketsResponse, "{\"sockets\":[\(list)]}")
        }
        _ = try await fixture.run { emitter in
            try await emitter.emit(Emit(event: "e", except: ["room"], exceptSockets: ["x"]), confirmation: .broker)
        }
        let names = (["x", "room"] + ids.sorted()).map { "\"\($0)\"" }.joined(separator: ",")
        #expect(fixture.bodies.count == 1)
        #expect(fixture.bodies.first?.contains("\"skip_sid\":[\(names)]") == true)
        fixture.stop()
    }

    @Test("publishes nothing if a server has not said whom to leave out")
    func unknownExceptions() async throws {
        let fixture = Fixture(PythonSocketIO(), servers: ["a", "b"]) { server, _ in
            server == "a" ? serverText(server, .fetchSocketsResponse, "{\"sockets\":[]}") : nil
        }
        let tally = ServerTally(expected: 2, responded: 1, missing: ["b"])
        await #expect(throws: EmitError.exceptionsUnknown(tally)) {
            try await fixture.run { try await $0.emit(Emit(event: "e", except: ["room"]), confirmation: .broker) }
        }
        #expect(fixture.bodies == [])
        fixture.stop()
    }

    @Test("looks at an emit before it asks anybody about it")
    func invalid() async throws {
        let fixture = Fixture(PythonSocketIO(), servers: ["a"])
        let emit = Emit(event: "", except: ["room"])
        await #expect(throws: EmitError.invalid(emit.faults())) {
            try await fixture.run { try await $0.emit(emit, confirmation: .broker) }
        }
        fixture.stop()
    }

    @Test("publishes the library's own messages where nobody can be asked, and nothing where there is none")
    func changes() async throws {
        let python = Fixture(PythonSocketIO(hostID: "h"), servers: [])
        let join = ChangeSockets(SocketSelection(id: "s"), .join(["r"]))
        #expect(try await python.run { try await $0.change(join, timeout: .seconds(5)) } == .published)
        #expect(
            python.bodies == [
                "{\"method\":\"enter_room\",\"sid\":\"s\",\"room\":\"r\",\"namespace\":\"/\",\"host_id\":\"h\"}"
            ])
        for command in [
            ChangeSockets(SocketSelection(rooms: ["a"]), .join(["r"])),
            ChangeSockets(SocketSelection(id: "s"), .join([])),
        ] {
            await #expect(throws: EmitError.notAsked(.noServers(exchange: "socket.io.cluster"))) {
                try await python.run { try await $0.change(command, timeout: .seconds(5)) }
            }
        }
        python.stop()
        let amqp0 = Fixture(AMQP0(), servers: [])
        await #expect(throws: EmitError.notAsked(.noServers(exchange: "socket.io.cluster"))) {
            try await amqp0.run { try await $0.change(join, timeout: .seconds(5)) }
        }
        #expect(amqp0.bodies == [])
        amqp0.stop()
    }

    @Test("publishes nothing that would harm servers or sockets, or do less than was asked for, and says why")
    func harm() async throws {
        let python = Fixture(PythonSocketIO(hostID: "h"), servers: [])
        for (change, field) in [
            (.leave(["s"]), CommandField("rooms", index: 0)), (.disconnect(close: true), CommandField("close")),
        ] as [(ChangeSockets.Change, CommandField)] {
            let command = ChangeSockets(SocketSelection(id: "s"), change)
            let error = await #expect(throws: EmitError.self) {
                try await python.run { try await $0.change(command, timeout: .seconds(5)) }
            }
            guard case .notExpressible(let fault)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(fault.field == field)
        }
        #expect(python.bodies == [])
        python.stop()
    }

    @Test("says that a room is the id of a socket, and not that the socket is not there")
    func roomIsSocket() async throws {
        let fixture = Fixture(PythonSocketIO(), servers: ["a"]) { server, _ in
            serverText(server, .fetchSocketsResponse, "{\"matched\":0,\"error\":\"room_is_socket\"}")
        }
        let join = ChangeSockets(SocketSelection(id: "s"), .join(["t"]))
        let error = await #expect(throws: EmitError.self) {
            try await fixture.run { try await $0.change(join, timeout: .seconds(5)) }
        }
        guard case .notExpressible(let fault)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(fault.field == CommandField("rooms"))
        fixture.stop()
    }

    @Test("has all when it has the first acknowledgement, if nothing else was asked for")
    func first() async throws {
        let fixture = Fixture(ClusterFormat(), servers: ["a", "b"]) { server, _ in
            server == "a" ? serverText(server, .broadcastAck, "{\"args\":[1]}") : nil
        }
        for (mode, isComplete) in [(AcknowledgementMode.first, true), (.all, false)] {
            let receipt = try await fixture.run {
                try await $0.emit(Emit(event: "e"), acknowledged: mode, timeout: .milliseconds(1_500))
            }
            #expect(receipt.responses.map(\.string) == ["[1]"])
            #expect(receipt.isComplete == isComplete)
        }
        fixture.stop()
    }

    @Test("emits to rooms that are numbers wherever servers have such, and says which server has not")
    func numbers() async throws {
        let emit = Emit(event: "e", rooms: [42])
        let python = Fixture(PythonSocketIO(), servers: ["a"])
        let receipt = try await python.run { emitter in
            _ = try await emitter.cluster?.servers(timeout: .seconds(5))
            return try await emitter.emit(emit, confirmation: .broker)
        }
        #expect(receipt.routed == nil)
        #expect(python.bodies.first?.contains("\"room\":42") == true)
        python.stop()
        let early = EmitError.notAsked(.notSupported(.numbers, server: "a"))
        let cluster = Fixture(ClusterFormat(), servers: ["a"])
        let batch = try await cluster.run { emitter in
            _ = try await emitter.cluster?.servers(timeout: .seconds(5))
            return await emitter.emit(batch: [emit, Emit(event: "e", rooms: ["42"]), Emit(namespace: "/c", event: "e")])
        }
        #expect(batch.map { (try? $0.get()) != nil } == [false, true, true])
        #expect(batch.first == .failure(early))
        for confirmation in AMQPBridge.Confirmation.allCases {
            await #expect(throws: early) {
                try await cluster.run { try await $0.emit(emit, confirmation: confirmation) }
            }
        }
        cluster.stop()
    }

    @Test("asks the servers where there are some")
    func asks() async throws {
        let fixture = Fixture(PythonSocketIO(), servers: ["a"]) { server, question in
            question.contains("\"type\":3")
                ? serverText(server, .broadcastClientCount, "{\"clientCount\":0}")
                : serverText(server, .fetchSocketsResponse, "{\"matched\":2}")
        }
        let join = ChangeSockets(SocketSelection(id: "s"), .join(["r"]))
        #expect(
            try await fixture.run { try await $0.change(join, timeout: .seconds(5)) }
                == .done(ClusterAnswer(2, servers: .all(1))))
        let receipt = try await fixture.run {
            try await $0.emit(Emit(event: "e"), acknowledged: .all, timeout: .seconds(5))
        }
        #expect(receipt.routed == true && receipt.recipients == 0 && receipt.isComplete == true)
        #expect(receipt.servers == .all(1))
        // A namespace that no server has.
        let nobody = try await fixture.run {
            try await $0.emit(Emit(namespace: "/c", event: "e"), acknowledged: .all, timeout: .seconds(5))
        }
        #expect(nobody.routed == false && nobody.recipients == 0 && nobody.isComplete == true)
        #expect(fixture.bodies == [])
        fixture.stop()
    }

    @Test("emits to the servers themselves")
    func toServers() async throws {
        let fixture = Fixture(AMQP0(), servers: [])
        let receipt = try await fixture.run {
            try await $0.emit(toServers: ServerSideEmit(namespace: "/c", event: "e", arguments: JSONText("1")))
        }
        #expect(receipt.routed == true)
        #expect(fixture.bodies == ["{\"uid\":\"emitter\",\"nsp\":\"/c\",\"type\":9,\"data\":{\"packet\":[\"e\",1]}}"])
        for command in [ServerSideEmit(event: "error"), ServerSideEmit(namespace: "c", event: "e")] {
            await #expect(throws: EmitError.self) { try await fixture.run { try await $0.emit(toServers: command) } }
        }
        fixture.stop()
    }

    @Test("needs servers that answer, or that return acknowledgements by themselves")
    func acknowledgements() async throws {
        let amqp0 = Fixture(AMQP0(), servers: [])
        await #expect(throws: EmitError.notAsked(.noServers(exchange: "socket.io.cluster"))) {
            try await amqp0.run { try await $0.emit(Emit(event: "e"), acknowledged: .all, timeout: .seconds(5)) }
        }
        amqp0.stop()
        let python = Fixture(PythonSocketIO(), servers: [])
        let error = await #expect(throws: EmitError.self) {
            try await python.run { try await $0.emit(Emit(event: "e"), acknowledged: .all, timeout: .seconds(5)) }
        }
        guard case .notExpressible(let fault)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(fault.field == CommandField("rooms"))
        let receipt = try await python.run {
            try await $0.emit(Emit(event: "e", rooms: ["r"]), acknowledged: .all, timeout: .milliseconds(1_500))
        }
        // Nothing is invented.
        #expect(
            receipt.routed == nil && receipt.recipients == nil && receipt.isComplete == nil && receipt.servers == nil)
        #expect(receipt.responses == [])
        #expect(python.bodies.count == 1 && python.bodies.first?.contains("\"callback\":[\"r\",\"/\",") == true)
        python.stop()
    }
}

/// Something to wait for, once.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
