import AMQP
import BrokerFixtures
import CRabbitMQ
import EventLoop
import Glibc
import Logging
import Synchronization
import Testing

@testable import AMQPBridge

@Suite("Questions on an event loop, with a broker on this machine,")
struct LoopQuestionsTests {
    /// A loop with its link, and a client that knows these servers: each tells the client of 100 sockets.
    private final class Fixture: Sendable {
        let broker: LoopbackBroker
        let client: ClusterClient
        let questions: LoopQuestions
        private let link: BrokerLink
        private let loop = EventLoop()
        private let thread: SystemThread
        private let asked: Asked
        private static let patience: Duration = .seconds(2)

        final class Asked: Sendable {
            let onLoop = Atomic<Int>(0)
            let byClient = Atomic<Int>(0)
        }

        /// - Parameters:
        ///   - delay: the microseconds that servers take to answer the client.
        ///   - answer: what servers say to a question on the loop's channel.
        init(
            _ servers: [String], delay: UInt32 = 0,
            answer: @escaping @Sendable (LoopbackBroker.Peer, _ id: String) -> Void
        ) async throws {
            let asked = Asked()
            self.asked = asked
            let expiration = "\(Self.patience.wholeMilliseconds)"
            broker = LoopbackBroker { message, peer in
                switch message {
                case .publish("socket.io.cluster", "#discover", _, _):
                    for server in servers { peer.hear(heartbeatText(server)) }
                case .question(_, _, let id, _, let time, _) where time == expiration:
                    asked.onLoop.add(1, ordering: .relaxed)
                    answer(peer, id)
                case .question(_, _, let id, _, _, _):
                    asked.byClient.add(1, ordering: .relaxed)
                    usleep(delay)
                    for server in servers { peer.reply(LoopQuestionsTests.text(server, 100), to: id) }
                default: break
                }
            }
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            client = ClusterClient(broker: broker.configuration, wireFormat: AMQP0(), logger: logger)
            link = BrokerLink(broker.configuration, loop: loop, logger: logger)
            questions = LoopQuestions(client, link: link, patience: Self.patience)
            loop.add(link)
            thread = SystemThread(name: "test-loop") { [loop] in loop.run() }
            client.start()
            for _ in 0..<500 where link.status != .ready { try await Task.sleep(for: .milliseconds(10)) }
            // The channel is opened when it is wanted first.
            _ = try? await count()
            for _ in 0..<500 where !isOpen { try await Task.sleep(for: .milliseconds(10)) }
            asked.onLoop.store(0, ordering: .relaxed)
            asked.byClient.store(0, ordering: .relaxed)
        }

        /// How many questions servers have been asked since the first.
        var onLoop: Int { asked.onLoop.load(ordering: .relaxed) }
        var byClient: Int { asked.byClient.load(ordering: .relaxed) }

        private var isOpen: Bool {
            let isOpen = Mutex<Bool?>(nil)
            loop.execute { isOpen.withLock { $0 = self.questions.isOpen } }
            while true { if let isOpen = isOpen.withLock({ $0 }) { return isOpen } }
        }

        func count(
            _ command: CountSockets = CountSockets(), timeout: Duration = .seconds(5)
        ) async throws -> ClusterAnswer<SocketCounts> {
            try await Task(executorPreference: loop) { [questions] in
                try await questions.count(command, timeout: timeout)
            }.value
        }

        /// Many at once, all in one turn of the loop.
        func counts(_ number: Int) async throws -> [ClusterAnswer<SocketCounts>] {
            try await Task(executorPreference: loop) { [questions] in
                try await withThrowingTaskGroup(of: ClusterAnswer<SocketCounts>.self) { group in
                    for _ in 0..<number {
                        group.addTask { try await questions.count(CountSockets(), timeout: .seconds(5)) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }.value
        }

        func stop() {
            client.stop()
            loop.execute { [link, loop] in
                link.close()
                loop.stop()
            }
            thread.join()
            broker.stop()
        }
    }

    fileprivate static func text(_ server: String, _ count: Int, _ more: String = "") -> String {
        serverText(server, .fetchSocketsResponse, "{\"count\":\(count)\(more)}")
    }

    private static func say(_ text: String, to id: String, _ peer: LoopbackBroker.Peer) {
        peer.deliver(text, to: "replies", id: id, channel: FrameWriter.guestChannel)
    }

    @Test("are answered when all servers have answered, whoever they are, each once")
    func complete() async throws {
        let fixture = try await Fixture(["a", "b"]) { peer, id in
            Self.say(Self.text("unknown", 30), to: id, peer)
            Self.say(Self.text("a", 1), to: id, peer)
            Self.say(Self.text("a", 5), to: id, peer)
            Self.say(Self.text("emitter", 7), to: String(id.reversed()), peer)
            Self.say(Self.text("b", 7), to: "x" + id.dropFirst(), peer)
            Self.say(Self.text("b", 200), to: id, peer)
        }
        let before = fixture.client.counters.complete.value
        for _ in 0..<3 {
            let answer = try await fixture.count()
            #expect(answer.value.sockets == 231)
            #expect(answer.servers == .all(3))
        }
        #expect(fixture.onLoop == 3 && fixture.byClient == 0)
        #expect(fixture.client.counters.complete.value == before + 3)
        fixture.stop()
    }

    @Test("have rooms in the order of the question")
    func rooms() async throws {
        let fixture = try await Fixture(["a"]) { peer, id in
            Self.say(Self.text("a", 9, ",\"rooms\":{\"x\":2,\"y\":3}"), to: id, peer)
        }
        let answer = try await fixture.count(CountSockets(rooms: ["y", "z", "x"]))
        #expect(answer.value.rooms.map(\.sockets) == [3, 0, 2])
        #expect(fixture.onLoop == 1 && fixture.byClient == 0)
        fixture.stop()
    }

    @Test(
        "are asked again by the client if an answer is not what all servers have soon",
        arguments: [
            "nothing", "of one", "returned", "too large", "unfinished", "too long", "no JSON", "to be repaired",
        ])
    func askedAgain(_ fault: String) async throws {
        let fixture = try await Fixture(["a", "b"]) { peer, id in
            if fault != "nothing" && fault != "returned" { Self.say(Self.text("a", 1), to: id, peer) }
            switch fault {
            case "returned": peer.giveBack(id, channel: FrameWriter.guestChannel)
            case "too large":
                Self.say(serverText("b", .fetchSocketsResponse, "{\"error\":\"too_large\"}"), to: id, peer)
            case "unfinished": Self.say(Self.text("b", 1, ",\"more\":true"), to: id, peer)
            case "too long": Self.say(Self.text("b", 1, String(repeating: " ", count: 16 << 10)), to: id, peer)
            case "no JSON": Self.say("{", to: id, peer)
            case "to be repaired": Self.say(Self.text("b", 1, ",\"x\":\"\\ud800\""), to: id, peer)
            default: break
            }
        }
        let answer = try await fixture.count()
        #expect(answer.value.sockets == 200)
        #expect(answer.servers == .all(2))
        #expect(fixture.onLoop == 1 && fixture.byClient == 1)
        // For a while nothing is tried here.
        _ = try await fixture.count()
        #expect(fixture.onLoop == 1 && fixture.byClient == 2)
        fixture.stop()
    }

    @Test("are one question if they come in one turn, also when it is asked again")
    func joined() async throws {
        for answers in [true, false] {
            // Who asks when the client has an answer asks anew.
            let fixture = try await Fixture(["a"], delay: 300_000) { peer, id in
                if answers { Self.say(Self.text("a", 1), to: id, peer) }
            }
            let counts = try await fixture.counts(20)
            #expect(counts.count == 20 && counts.allSatisfy { $0.value.sockets == (answers ? 1 : 100) })
            #expect(counts.allSatisfy { $0.servers == ServerTally.all(1) })
            #expect((fixture.onLoop, fixture.byClient) == (1, answers ? 0 : 1))
            fixture.stop()
        }
    }

    @Test("are another question when the first has left: it may be answered already")
    func notJoinedLater() async throws {
        let fixture = try await Fixture(["a"]) { peer, id in
            usleep(200_000)
            Self.say(Self.text("a", 1), to: id, peer)
        }
        async let first = fixture.count()
        for _ in 0..<500 where fixture.onLoop == 0 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(try await fixture.count().value.sockets == 1)
        #expect(try await first.value.sockets == 1)
        #expect((fixture.onLoop, fixture.byClient) == (2, 0))
        fixture.stop()
    }

    @Test("of other rooms are other questions")
    func notJoined() async throws {
        let fixture = try await Fixture(["a"]) { peer, id in Self.say(Self.text("a", 1), to: id, peer) }
        async let one = fixture.count(CountSockets(rooms: ["x"]))
        async let other = fixture.count(CountSockets(rooms: ["y"]))
        #expect(try await one.value.rooms.map(\.name.text) == ["x"])
        #expect(try await other.value.rooms.map(\.name.text) == ["y"])
        #expect(fixture.onLoop == 2)
        fixture.stop()
    }

    @Test("are asked again if the broker closes the channel, or the connection breaks")
    func closed() async throws {
        for breaks in [false, true] {
            let fixture = try await Fixture(["a"]) { peer, _ in
                guard !breaks else { return peer.close() }
                var close = amqp_channel_close_t()
                close.reply_code = 404
                peer.send(0x0014_0028, close, channel: FrameWriter.guestChannel)
            }
            #expect(try await fixture.count().value.sockets == 100)
            #expect(fixture.onLoop == 1 && fixture.byClient == 1)
            fixture.stop()
        }
    }

    @Test(
        "are the client's if they have little time, ask for numbers or for much, or are about servers that nobody knows"
    )
    func clients() async throws {
        let fixture = try await Fixture(["a"]) { peer, id in Self.say(Self.text("a", 1), to: id, peer) }
        #expect(try await fixture.count(timeout: .seconds(1)).value.sockets == 100)
        await #expect(throws: ClusterError.notSupported(.numbers, server: "a")) {
            try await fixture.count(CountSockets(rooms: [.number(4)]))
        }
        let rooms = (0..<300).map { RoomName.name("a room with a long name \($0)") }
        _ = try await fixture.count(CountSockets(rooms: rooms))
        _ = try? await fixture.count(CountSockets(namespace: "/other"))
        #expect(fixture.onLoop == 0)
        fixture.stop()
    }

    @Test("are asked here of a few servers, not of many", arguments: [32, 33])
    func many(servers: Int) async throws {
        let names = (0..<servers).map { "s\($0)" }
        let fixture = try await Fixture(names) { peer, id in
            for name in names { Self.say(Self.text(name, 1), to: id, peer) }
        }
        let answer = try await fixture.count()
        #expect(answer.servers == .all(servers))
        #expect(answer.value.sockets == (servers == 32 ? 32 : 3_300))
        #expect((fixture.onLoop, fixture.byClient) == (servers == 32 ? (1, 0) : (0, 1)))
        fixture.stop()
    }
}
