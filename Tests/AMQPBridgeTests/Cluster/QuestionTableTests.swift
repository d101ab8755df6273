import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQPBridge

@Suite("The table of questions")
struct QuestionTableTests {
    @Test("answers when every server has, and not before")
    func complete() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"])
        fixture.receive("a", "q", count: 2)
        #expect(fixture.results[1] == nil)
        fixture.receive("b", "q", count: 3)
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.sockets == 5)
        #expect(outcome.servers == .all(2))
        #expect(outcome.isRouted)
        fixture.expectNothingLeft()
    }

    @Test("counts a server once, and one that nobody knew as one more")
    func servers() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"])
        for _ in 0..<3 { fixture.receive("a", "q", count: 1) }
        fixture.receive("new", "q", count: 10)
        #expect(fixture.results[1] == nil)
        fixture.receive("b", "q", count: 100)
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.sockets == 111)
        #expect(outcome.servers == .all(3))
    }

    @Test("drops late answers, and those to nothing")
    func late() {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"])
        #expect(fixture.table.isUnderWay("q"))
        fixture.receive("a", "other", count: 1)
        fixture.receive("a", "q", count: 1)
        #expect(!fixture.table.isUnderWay("q"))
        fixture.receive("a", "q", count: 1)
        #expect(fixture.results[1]?.count == 1)
    }

    @Test("takes what says nothing for no answer")
    func ignored() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"])
        fixture.table.receive(try serverMessage("a", .broadcastAck, "{}"), for: "q", size: 10)
        fixture.table.receive(try serverMessage("stranger", .fetchSocketsResponse, "{}"), for: "q", size: 10)
        #expect(fixture.results[1] == nil)
        fixture.expire(after: .seconds(6))
        #expect(try fixture.outcome(1)?.servers == ServerTally(expected: 1, responded: 0, missing: ["a"]))
    }

    @Test("answers at the deadline with what has come, and names the missing")
    func deadline() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["c", "a", "b"])
        fixture.receive("b", "q", count: 2)
        let deadline = try #require(fixture.table.deadline)
        #expect(deadline > fixture.now + .seconds(5) && deadline <= fixture.now + .milliseconds(5_020))
        fixture.expire(after: .milliseconds(4_999))
        #expect(fixture.results[1] == nil)
        fixture.expire(after: .milliseconds(21))
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.sockets == 2)
        #expect(outcome.servers == ServerTally(expected: 3, responded: 1, missing: ["a", "c"]))
        #expect(outcome.isRouted)
        fixture.expectNothingLeft()
    }

    @Test("waits no more for a server that has gone")
    func left() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"])
        fixture.begin("other", expected: ["a"], waiter: 2)
        fixture.table.left("nobody")
        fixture.receive("a", "q", count: 2)
        fixture.table.left("a")
        #expect(fixture.results[1] == nil)
        #expect(try fixture.outcome(2)?.servers == .all(0))
        fixture.table.left("b")
        let outcome = try #require(try fixture.outcome(1))
        // What it had said before is true all the same.
        #expect(outcome.sockets == 2)
        #expect(outcome.servers == .all(1))
        fixture.expectNothingLeft()
    }

    @Test("ends a question that the broker could give to nobody")
    func returned() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"])
        _ = fixture.table.returned("other")
        #expect(fixture.results[1] == nil)
        _ = fixture.table.returned("q")
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.servers == ServerTally(expected: 2, responded: 0, missing: ["a", "b"]))
        #expect(!outcome.isRouted)
        fixture.expectNothingLeft()
    }

    @Test("names those whose answers were too large to be sent, and waits for them no longer")
    func tooLarge() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b", "c"])
        for (uid, data) in [
            ("b", "{\"error\":\"too_large\"}"), ("a", "{\"count\":2}"), ("c", "{\"error\":\"too_large\"}"),
        ] {
            #expect(fixture.results[1] == nil)
            fixture.table.receive(try serverMessage(uid, .fetchSocketsResponse, data), for: "q", size: 10)
        }
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.servers == ServerTally(expected: 3, responded: 1, missing: [], tooLarge: ["b", "c"]))
        #expect(!outcome.servers.isComplete)
        #expect(outcome.sockets == 2)
        fixture.expectNothingLeft()
    }

    @Test("goes on waiting for a server that could not send one of its clients' acknowledgements")
    func acknowledgementTooLarge() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"], Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        for uid in ["a", "b"] {
            for (kind, data) in [
                (.broadcastClientCount, "{\"clientCount\":2}"), (.broadcastAck, "{\"error\":\"too_large\"}"),
            ] as [(ClusterMessage.Kind, String)] {
                fixture.table.receive(try serverMessage(uid, kind, data), for: "q", size: 1)
            }
        }
        #expect(fixture.results[1] == nil)
        fixture.table.receive(try serverMessage("a", .broadcastAck, "{\"packet\":1}"), for: "q", size: 1)
        #expect(fixture.results[1] == nil)
        fixture.expire(after: .seconds(6))
        let outcome = try #require(try fixture.outcome(1))
        #expect(outcome.servers == ServerTally(expected: 2, responded: 0, missing: [], tooLarge: ["a", "b"]))
        fixture.begin("r", expected: ["a"], waiter: 2, Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        fixture.table.receive(try serverMessage("a", .broadcastAck, "{\"error\":\"too_large\"}"), for: "r", size: 1)
        fixture.table.left("a")
        #expect(try fixture.outcome(2)?.servers == ServerTally(expected: 1, responded: 0, missing: [], tooLarge: ["a"]))
        let acknowledgements = try #require(outcome.answer as? Acknowledgements)
        #expect(acknowledgements.recipients == 4 && acknowledgements.responses.count == 1)
    }

    // MARK: Reads that are the same

    @Test("has one question for many who ask the same")
    func coalesces() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], waiter: 1)
        #expect(fixture.join(2) && fixture.join(3))
        #expect(fixture.table.count == 1)
        #expect(fixture.table.waiting == 3)
        fixture.receive("a", "q", count: 4)
        for waiter in 1...3 { #expect(try fixture.outcome(waiter)?.sockets == 4) }
        #expect(!fixture.join(4))
        fixture.expectNothingLeft()
    }

    @Test("goes on for those who still wait when one of them has left")
    func abandonedJoint() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], waiter: 1)
        #expect(fixture.join(2))
        fixture.table.abandon(waiter: 1)
        #expect(fixture.errors(1) == [.abandoned])
        #expect(fixture.table.waiting == 1)
        // It may even be joined again.
        #expect(fixture.join(3))
        fixture.receive("a", "q", count: 4)
        #expect(try fixture.outcome(2)?.sockets == 4)
        #expect(try fixture.outcome(3)?.sockets == 4)
        #expect(fixture.results[1]?.count == 1)
        fixture.expectNothingLeft()
    }

    @Test("forgets a question that nobody waits for, and asks the next one anew")
    func abandoned() {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], waiter: 1)
        fixture.table.abandon(waiter: 1)
        fixture.table.abandon(waiter: 1)
        fixture.table.abandon(waiter: 99)
        #expect(fixture.errors(1) == [.abandoned])
        #expect(!fixture.join(2))
        #expect(fixture.table.deadline == nil)
        fixture.expectNothingLeft()
    }

    @Test("does not know what becomes of a change that nobody waits for any more")
    func abandonedChange() {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], waiter: 1, TableFixture.change)
        fixture.table.abandon(waiter: 1)
        #expect(fixture.errors(1) == [.unknown])
        fixture.expectNothingLeft()
    }

    @Test("never has one change for two")
    func changes() {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], waiter: 1, TableFixture.change)
        #expect(!fixture.join(2, TableFixture.change))
    }

    @Test("keeps the newest of the same question for others to join")
    func newest() throws {
        let fixture = TableFixture()
        fixture.begin("old", expected: ["a", "b"], waiter: 1)
        fixture.begin("new", expected: ["a", "b"], waiter: 2)
        _ = fixture.table.returned("old")
        #expect(fixture.join(3))
        _ = fixture.table.returned("new")
        #expect(fixture.results[3]?.count == 1)
        #expect(!fixture.join(4))
        fixture.expectNothingLeft()
    }

    // MARK: The connection

    @Test("keeps what has come when the connection breaks")
    func disconnected() throws {
        let fixture = TableFixture()
        fixture.begin("some", expected: ["a", "b"], waiter: 1)
        fixture.receive("a", "some", count: 3)
        fixture.begin("read", expected: ["a"], waiter: 2, TableFixture.count("/c"))
        fixture.begin("change", expected: ["a"], waiter: 3, TableFixture.change, isConfirmed: false)
        fixture.begin("confirmed", expected: ["a"], waiter: 4, TableFixture.change)
        fixture.begin("emit", expected: ["a"], waiter: 5, Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        fixture.table.disconnected()
        #expect(try fixture.outcome(1)?.servers == ServerTally(expected: 2, responded: 1, missing: ["b"]))
        #expect(fixture.errors(2) == [.brokerUnavailable])
        #expect(fixture.errors(3) == [.unknown])
        #expect(fixture.errors(4) == [.unknown])
        #expect(try fixture.outcome(5)?.servers == ServerTally(expected: 1, responded: 0, missing: ["a"]))
        fixture.expectNothingLeft()
    }

    // MARK: Bounds

    @Test("holds no more bytes for a question than it may: the server is missing")
    func bytesPerQuestion() throws {
        let fixture = TableFixture(limits: .init(bytesPerQuestion: 400, bytes: 1_000))
        fixture.begin("q", expected: ["a", "b", "c"], TableFixture.event())
        // 128 bytes beside the value are held.
        fixture.answer("a", "q", bytes: 200, size: 400)
        fixture.answer("b", "q", bytes: 10, size: 73)
        fixture.answer("c", "q", bytes: 10, size: 72)
        fixture.expire(after: .seconds(6))
        let outcome = try #require(try fixture.outcome(1))
        #expect((outcome.answer as? [ServerResponse])?.map(\.server) == ["a", "c"])
        #expect(outcome.servers.missing == ["b"])
    }

    @Test("holds nothing of what it does not need, however long it was")
    func heldBytes() throws {
        let fixture = TableFixture(limits: .init(bytesPerQuestion: 100, bytes: 100))
        fixture.begin("q", expected: ["a", "b", "c"])
        for uid in ["a", "b", "c"] { fixture.receive(uid, "q", count: 1, size: 100) }
        #expect(try fixture.outcome(1)?.servers == .all(3))
    }

    @Test("counts servers that nobody has expected: there may be any number of them")
    func unexpected() throws {
        let limits = QuestionTable.Limits(bytesPerQuestion: 10 * QuestionTable.bytesPerServer, bytes: 1 << 20)
        let fixture = TableFixture(limits: limits)
        fixture.begin("q", expected: ["a"])
        for number in 0..<100 { fixture.receive("\(100 + number)", "q", count: 1) }
        fixture.expire(after: .seconds(6))
        #expect(try fixture.outcome(1)?.servers.responded == 10)
    }

    @Test("holds no more bytes for all questions than it may, and gives them back")
    func bytes() throws {
        let fixture = TableFixture(limits: .init(bytesPerQuestion: 400, bytes: 600))
        fixture.begin("one", expected: ["a", "b"], waiter: 1, TableFixture.event())
        fixture.answer("a", "one", bytes: 272, size: 400)
        fixture.begin("two", expected: ["a"], waiter: 2, TableFixture.event("/c"))
        fixture.answer("a", "two", bytes: 1, size: 201)
        #expect(fixture.results[2] == nil)
        fixture.table.abandon(waiter: 1)
        fixture.answer("a", "two", bytes: 1, size: 201)
        #expect(try fixture.outcome(2)?.servers == .all(1))
        // Whatever ended a question, its bytes are free again.
        for end in 0..<4 {
            fixture.begin("q\(end)", expected: ["a", "b"], waiter: 10 + end, TableFixture.event("/\(end)"))
            fixture.answer("a", "q\(end)", bytes: 272, size: 400)
            #expect(fixture.table.waiting == 1)
            switch end {
            case 0: fixture.answer("b", "q\(end)", bytes: 1, size: 0)
            case 1: fixture.table.left("b")
            case 2: fixture.expire(after: .seconds(6))
            default: fixture.table.disconnected()
            }
            let responses = try fixture.outcome(10 + end)?.answer as? [ServerResponse]
            #expect(responses?.count == (end == 0 ? 2 : 1))
        }
        fixture.expectNothingLeft()
    }

    @Test("ends a question early when its answer is enough")
    func finished() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a", "b"], Question(Emit(event: "e"), mode: .first, timeout: .seconds(5)))
        fixture.table.receive(try serverMessage("a", .broadcastClientCount, "{\"clientCount\":2}"), for: "q", size: 1)
        #expect(fixture.results[1] == nil)
        fixture.table.receive(try serverMessage("a", .broadcastAck, "{\"packet\":1}"), for: "q", size: 1)
        #expect(try fixture.outcome(1)?.servers == ServerTally(expected: 2, responded: 0, missing: ["a", "b"]))
        fixture.expectNothingLeft()
    }

    @Test("keeps waiting for a server that has begun to answer, unless it goes")
    func partial() throws {
        let fixture = TableFixture()
        fixture.begin("q", expected: ["a"], Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        fixture.table.receive(try serverMessage("a", .broadcastClientCount, "{\"clientCount\":2}"), for: "q", size: 1)
        fixture.table.receive(try serverMessage("a", .broadcastAck, "{\"packet\":1}"), for: "q", size: 1)
        #expect(fixture.results[1] == nil)
        fixture.table.left("a")
        let acknowledgements = try #require(try fixture.outcome(1)?.answer as? Acknowledgements)
        #expect(acknowledgements.recipients == 2)
        #expect(acknowledgements.responses.count == 1)
    }
}

/// A table, a clock, and everybody who waits.
private final class TableFixture {
    static func count(_ namespace: String = "/") -> Question<SocketCounts> {
        Question(CountSockets(namespace: namespace), timeout: .seconds(5))
    }
    static func event(_ namespace: String = "/") -> Question<[ServerResponse]> {
        Question(ServerSideEmit(namespace: namespace, event: "e"), timeout: .seconds(5))
    }
    static var change: Question<ChangedSockets> {
        Question(ChangeSockets(SocketSelection(), .join(["r"])), timeout: .seconds(5))
    }

    var table: QuestionTable
    var now = MonotonicTime.seconds(1_000)
    private(set) var results: [Int: [Result<AnyOutcome, ClusterError>]] = [:]

    init(limits: QuestionTable.Limits = .init()) {
        table = QuestionTable(limits: limits)
    }

    /// - Parameter isConfirmed: whether the broker confirms it at once.
    func begin<Answer>(
        _ id: String, expected: Set<String>, waiter: Int = 1, _ question: Question<Answer> = TableFixture.count(),
        isConfirmed: Bool = true
    ) {
        defer { if isConfirmed { table.confirm(id, isTaken: true) } }
        table.begin(question, id: id, expected: expected, waiter: waiter, deadline: now + question.timeout) {
            [unowned self] in results[waiter, default: []].append($0.map { AnyOutcome($0) })
        }
    }

    func join<Answer>(_ waiter: Int, _ question: Question<Answer> = TableFixture.count()) -> Bool {
        table.join(question, waiter: waiter) { [unowned self] in
            results[waiter, default: []].append($0.map { AnyOutcome($0) })
        }
    }

    func receive(_ uid: String, _ id: String, count: Int, size: Int = 1) {
        let text = serverText(uid, .fetchSocketsResponse, "{\"count\":\(count)}")
        table.receive(ServerMessage(Array(text.utf8))!, for: id, size: size)
    }

    /// What a server answers to an event of its own, a value of so many bytes.
    func answer(_ uid: String, _ id: String, bytes: Int, size: Int) {
        let value = String(repeating: "1", count: bytes)
        let text = serverText(uid, .serverSideEmitResponse, "{\"packet\":\(value)}")
        table.receive(ServerMessage(Array(text.utf8))!, for: id, size: size)
    }

    func expire(after duration: Duration) {
        now = now + duration
        table.expire(now: now)
    }

    func outcome(_ waiter: Int) throws -> AnyOutcome? {
        results[waiter]?.count == 1 ? try results[waiter]?[0].get() : nil
    }

    /// How the wait ended; `nil` for an answer.
    func errors(_ waiter: Int) -> [ClusterError?] {
        results[waiter, default: []].map { if case .failure(let error) = $0 { error } else { nil } }
    }

    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(table.count == 0, sourceLocation: sourceLocation)
        #expect(table.waiting == 0, sourceLocation: sourceLocation)
        #expect(table.deadline == nil, sourceLocation: sourceLocation)
    }
}

/// Whatever happens, and in whatever order, whoever waits is answered once, and in time.
@Suite("The table of questions, whatever servers and callers do,")
struct QuestionTableSimulationTests {
    @Test("ends every wait once, in time, and is empty in the end", arguments: 0..<100)
    func simulation(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let servers = ["a", "b", "c", "d"]
        var table = QuestionTable(limits: .init(bytesPerQuestion: 50, bytes: 200))
        var now = MonotonicTime.seconds(1_000)
        let waits = Waits()
        var ids: [String] = []
        func ask<Answer>(_ question: Question<Answer>, _ step: Int) {
            waits.begin(step, until: now + question.timeout)
            if table.join(question, waiter: step, { waits.end(step, $0) }) { return }
            let expected = Set(servers.filter { _ in Bool.random(using: &random) })
            let away = expected.filter { _ in Int.random(in: 0..<8, using: &random) == 0 }
            table.begin(
                question, id: "q\(step)", expected: expected, away: away, waiter: step, asked: now,
                deadline: now + question.timeout
            ) { waits.end(step, $0) }
            ids.append("q\(step)")
        }
        for step in 0..<600 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<30:
                let timeout = Duration.milliseconds(Int.random(in: 1...500, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: ask(Question(ChangeSockets(SocketSelection(), .leave(["r"])), timeout: timeout), step)
                case 1: ask(Question(Emit(event: "e"), mode: .all, timeout: timeout), step)
                default:
                    let rooms: [RoomName] = ["r\(Int.random(in: 0..<2, using: &random))"]
                    ask(Question(CountSockets(rooms: rooms), timeout: .milliseconds(300)), step)
                }
            case 30..<70:
                guard let id = ids.suffix(12).randomElement(using: &random) else { continue }
                let kinds: [(ClusterMessage.Kind, String)] = [
                    (.fetchSocketsResponse, "{\"count\":1,\"matched\":1}"),
                    (.broadcastClientCount, "{\"clientCount\":2}"),
                    (.broadcastAck, "{\"packet\":1}"), (.fetchSocketsResponse, "{}"),
                    (.fetchSocketsResponse, "{\"error\":\"too_large\"}"), (.broadcastAck, "{\"error\":\"too_large\"}"),
                ]
                let (kind, data) = kinds.randomElement(using: &random)!
                let text = serverText(servers.randomElement(using: &random)!, kind, data)
                table.receive(
                    ServerMessage(Array(text.utf8))!, for: id, size: Int.random(in: 0...20, using: &random))
            case 70..<74: table.left(servers.randomElement(using: &random)!)
            case 74..<76: table.away(servers.randomElement(using: &random)!)
            case 84..<88:
                if let id = ids.suffix(8).randomElement(using: &random) {
                    table.confirm(id, isTaken: Int.random(in: 0..<4, using: &random) > 0)
                }
            case 88: if let id = ids.suffix(8).randomElement(using: &random) { table.neverLeft(id) }
            case 76..<79: if let id = ids.suffix(8).randomElement(using: &random) { _ = table.returned(id) }
            case 79..<84: table.abandon(waiter: max(0, step - Int.random(in: 0..<20, using: &random)))
            case 89: table.disconnected()
            default:
                now = now + .milliseconds(Int.random(in: 1...80, using: &random))
                table.expire(now: now)
                _ = table.overdue(now: now)
                waits.expectNobodyWaits(since: now + .milliseconds(-20))
            }
            #expect(table.waiting == waits.underWay)
        }
        table.expire(now: now + .seconds(10))
        #expect(waits.underWay == 0)
        #expect(table.waiting == 0 && table.count == 0 && table.deadline == nil)
        waits.expectEachEndedOnce()
        // All of the bytes are free again.
        table.begin(
            Question(CountSockets(), timeout: .seconds(1)), id: "last", expected: ["a"], waiter: -1, deadline: now
        ) { _ in }
        table.receive(
            ServerMessage(Array(serverText("a", .fetchSocketsResponse, "{\"count\":1}").utf8))!, for: "last", size: 50)
        #expect(table.count == 0)
    }
}

private final class Waits {
    private var deadlines: [Int: MonotonicTime] = [:]
    private var ends: [Int: Int] = [:]

    var underWay: Int { deadlines.count }

    func begin(_ waiter: Int, until deadline: MonotonicTime) {
        deadlines[waiter] = deadline
        ends[waiter] = 0
    }

    func end<Answer>(_ waiter: Int, _ result: Result<QuestionOutcome<Answer>, ClusterError>) {
        deadlines[waiter] = nil
        ends[waiter]! += 1
    }

    func expectNobodyWaits(since time: MonotonicTime) { #expect(deadlines.values.allSatisfy { $0 >= time }) }

    func expectEachEndedOnce() { #expect(ends.values.allSatisfy { $0 == 1 }) }
}
