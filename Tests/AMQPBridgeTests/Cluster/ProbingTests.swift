import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQPBridge

/// Two servers that the broker can be asked about, `a` and `b`, and one, `old`, that names no key.
private final class Probing {
    let fixture = ClusterFixture(servers: nil)

    init(_ servers: [String] = ["a", "b"]) {
        fixture.open()
        for server in servers { beat(server) }
        fixture.discovered()
        _ = fixture.written()
    }

    func beat(_ server: String, _ members: String = "\"namespaces\":[\"/\"],\"features\":[\"acks\"]") {
        let probe = server == "old" ? "" : ",\"probe\":\"#server#\(server)\""
        fixture.hear(heartbeatText(server, "\(members)\(probe),\"intervalMs\":60000"))
    }

    func count(_ server: String, _ name: String) {
        fixture.reply(serverText(server, .fetchSocketsResponse, "{\"count\":1}"), to: name)
    }

    /// The probes written since the last time: server and message id.
    func probes() -> [String: String] {
        var probes: [String: String] = [:]
        for frame in fixture.written() {
            guard case .publish("x", let key, let id, let body) = frame else { continue }
            #expect(body == "{\"uid\":\"emitter\",\"type\":2}")
            #expect(probes.updateValue(id, forKey: String(key.dropFirst(8))) == nil)
            #expect(key.hasPrefix("#server#"))
        }
        return probes
    }

    /// Time goes on until servers that have not answered are asked about; those that are.
    func probe() throws -> [String: String] {
        fixture.advance(.milliseconds(120))
        return probes()
    }

    /// `a` is found to be gone, by a question of this name.
    func loseA(_ name: String = "first") throws {
        fixture.ask(name)
        count("b", name)
        fixture.returned(try #require(try probe()["a"]))
        #expect(fixture.tally(name)?.missing == ["a"])
    }
}

@Suite("A server that does not answer")
struct ProbingTests {
    private static var all: Question<SocketPage> {
        Question(FetchSockets(SocketSelection()), includesLost: true, timeout: .seconds(5))
    }

    @Test("is asked about at the broker after 100 ms, and nobody waits for one that is gone")
    func gone() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.ask("q")
        probing.count("b", "q")
        _ = fixture.written()
        let deadline = try #require(fixture.session.deadline)
        #expect(deadline >= fixture.now + .milliseconds(100) && deadline <= fixture.now + .milliseconds(120))
        fixture.advance(.milliseconds(99))
        #expect(probing.probes() == [:])
        fixture.advance(.milliseconds(21))
        let probes = probing.probes()
        #expect(probes.keys.sorted() == ["a"])
        #expect(fixture.isWaiting("q"))
        fixture.returned(probes["a"]!)
        #expect(fixture.tally("q") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
        #expect(fixture.sockets("q") == 1)
    }

    @Test("is missing in what is asked meanwhile, and not waited for")
    func staysAway() throws {
        let probing = Probing()
        let fixture = probing.fixture
        try probing.loseA()
        fixture.ask("next")
        #expect(fixture.asked() == ["next"])
        probing.count("b", "next")
        #expect(fixture.tally("next") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
        #expect(fixture.session.servers.map(\.uid) == ["a", "b"])
    }

    @Test("is told to be away, and to be there again")
    func told() throws {
        let probing = Probing()
        var told: [String] = []
        probing.fixture.session.serverChanged = { uid, server in
            told.append("\(uid) is \(server.map { $0.awayUntil == nil ? "there" : "away" } ?? "gone")")
        }
        try probing.loseA()
        #expect(told == ["a is away"])
        probing.beat("a")
        #expect(told == ["a is away", "a is there"])
        // A question that no queue takes says so of all.
        probing.fixture.ask("returned")
        probing.fixture.returned("returned")
        #expect(Set(told[2...]) == ["a is away", "b is away"])
    }

    @Test("is back with its next heartbeat")
    func comesBack() throws {
        let probing = Probing()
        let fixture = probing.fixture
        try probing.loseA()
        probing.beat("a")
        fixture.ask("next")
        probing.count("b", "next")
        #expect(fixture.isWaiting("next"))
        probing.count("a", "next")
        #expect(fixture.tally("next") == .all(2))
    }

    @Test("counts when it answers all the same")
    func answersAllTheSame() throws {
        let probing = Probing()
        let fixture = probing.fixture
        try probing.loseA()
        fixture.ask("next")
        probing.count("a", "next")
        probing.count("b", "next")
        #expect(fixture.tally("next") == .all(2))
    }

    @Test("is forgotten at its goodbye, and otherwise after a minute")
    func forgotten() throws {
        let probing = Probing()
        let fixture = probing.fixture
        try probing.loseA()
        let start = fixture.now
        fixture.hear(serverText("a", .adapterClose, "{}"))
        fixture.ask("goodbye")
        probing.count("b", "goodbye")
        #expect(fixture.tally("goodbye") == .all(1))

        probing.beat("a")
        try probing.loseA("again")
        while fixture.now < start + .seconds(59) { fixture.advance(.milliseconds(250)) }
        fixture.ask("soon")
        probing.count("b", "soon")
        #expect(fixture.tally("soon")?.missing == ["a"])
        fixture.advance(.seconds(2))
        fixture.ask("late")
        probing.count("b", "late")
        #expect(fixture.tally("late") == .all(1))
    }

    @Test("is waited for to the end when the broker has its queue, and asked about again every second")
    func stopped() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.ask("q")
        probing.count("b", "q")
        #expect(try probing.probe().keys.sorted() == ["a"])
        var moments: [Int] = []
        for step in 0..<480 {
            fixture.advance(.milliseconds(10))
            if !probing.probes().isEmpty { moments.append(step) }
        }
        #expect(moments.count == 4)
        #expect(zip(moments, moments.dropFirst()).allSatisfy { (100...102).contains($1 - $0) })
        #expect(fixture.isWaiting("q"))
        fixture.advance(.milliseconds(120))
        #expect(fixture.tally("q")?.missing == ["a"])
        // Nothing has been found out: it is waited for as before.
        fixture.ask("next")
        probing.count("b", "next")
        #expect(fixture.isWaiting("next"))
    }

    @Test("that ends while it is waited for is found out by the next probe")
    func endsLater() throws {
        let probing = Probing()
        probing.fixture.ask("q")
        probing.count("b", "q")
        _ = try probing.probe()
        probing.fixture.advance(.milliseconds(1_020))
        probing.fixture.returned(try #require(probing.probes()["a"]))
        #expect(probing.fixture.tally("q")?.missing == ["a"])
    }

    @Test("is asked about with messages that the broker counts, too, when it confirms")
    func counted() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.confirm()
        fixture.confirms = false
        fixture.ask("first")
        #expect(try probing.probe().count == 2)
        fixture.ask("emit", Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        // Behind the question who is there, the first question and two probes.
        fixture.receive(.acknowledged(tag: 5, multiple: false))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.error("first") == .brokerSilent)
        #expect(fixture.tally("emit")?.missing == ["a", "b"])
    }

    @Test("is asked about once for many questions, and again for those that came behind")
    func shared() throws {
        let probing = Probing()
        let fixture = probing.fixture
        func question(_ namespace: String) -> Question<SocketCounts> {
            Question(CountSockets(namespace: namespace), timeout: .seconds(5))
        }
        for name in ["a", "b"] { probing.beat(name, "\"namespaces\":[\"/\",\"/1\",\"/2\",\"/3\"]") }
        fixture.ask("0", question("/"))
        fixture.ask("1", question("/1"))
        fixture.advance(.milliseconds(50))
        fixture.ask("2", question("/2"))
        fixture.advance(.milliseconds(70))
        let first = probing.probes()
        #expect(first.keys.sorted() == ["a", "b"])
        fixture.advance(.milliseconds(1))
        fixture.ask("3", question("/3"))
        fixture.advance(.milliseconds(50))
        // That probe was sent behind the question.
        #expect(probing.probes() == [:])
        fixture.advance(.milliseconds(70))
        #expect(probing.probes().keys.sorted() == ["a", "b"])
        // What the first found is known to nobody any more: a later one is under way.
        fixture.returned(first["a"]!)
        #expect(fixture.isWaiting("0"))
    }

    @Test("is not asked about when it names no key, and waited for as long as ever")
    func noKey() throws {
        let probing = Probing(["old"])
        let fixture = probing.fixture
        fixture.ask("q")
        for _ in 0..<40 {
            fixture.advance(.milliseconds(100))
            #expect(probing.probes() == [:])
        }
        #expect(fixture.isWaiting("q"))
        let mixed = Probing(["old", "a"])
        mixed.fixture.ask("q")
        let probes = try mixed.probe()
        #expect(probes.keys.sorted() == ["a"])
        mixed.fixture.returned(probes["a"]!)
        #expect(mixed.fixture.isWaiting("q"))
        mixed.count("old", "q")
        #expect(mixed.fixture.tally("q") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
    }

    @Test("is not asked about while the broker takes nothing")
    func blocked() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.ask("q")
        fixture.receive(.blocked(reason: "memory"), on: 0)
        #expect(try probing.probe() == [:])
        fixture.receive(.unblocked, on: 0)
        _ = fixture.written()
        fixture.advance(.milliseconds(1_020))
        #expect(probing.probes().keys.sorted() == ["a", "b"])
    }

    @Test("that has said something since is asked about once more before it is taken for gone")
    func heardSince() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.ask("q")
        probing.count("b", "q")
        let first = try #require(try probing.probe()["a"])
        probing.beat("a")
        fixture.returned(first)
        #expect(fixture.isWaiting("q"))
        let second = try #require(probing.probes()["a"])
        fixture.returned(second)
        #expect(fixture.tally("q")?.missing == ["a"])
        // Nobody waits any more: nobody needs to know.
        fixture.ask("r", Question(ListRooms(), timeout: .seconds(5)))
        probing.count("b", "r")
        probing.beat("a")
        #expect(fixture.tally("r")?.missing == ["a"])
        #expect(probing.probes() == [:])
    }

    @Test("is not waited for, when there is no other, once one that nobody knows has had its time")
    func onlyOne() throws {
        let probing = Probing(["a"])
        let fixture = probing.fixture
        fixture.ask("first")
        fixture.returned(try #require(try probing.probe()["a"]))
        #expect(fixture.tally("first")?.missing == ["a"])
        fixture.ask("next")
        #expect(fixture.isWaiting("next"))
        fixture.advance(.milliseconds(120))
        #expect(fixture.tally("next") == ServerTally(expected: 1, responded: 0, missing: ["a"]))
        #expect(probing.probes() == [:])
        fixture.ask("unrouted")
        fixture.returned("unrouted")
        #expect(try fixture.answer("unrouted")?.get().isRouted == false)
        fixture.ask("answered")
        fixture.reply(serverText("new", .fetchSocketsResponse, "{\"count\":1}"), to: "answered")
        #expect(fixture.tally("answered") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
    }

    @Test("that has fallen silent is asked about by whoever has to be certain of all")
    func lost() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.advance(.seconds(100))
        probing.beat("b")
        fixture.forget(after: .seconds(100))
        _ = fixture.written()
        #expect(fixture.session.servers.map(\.uid) == ["b"])
        fixture.ask("q", Self.all)
        fixture.reply(serverText("b", .fetchSocketsResponse, socketsText("s")), to: "q")
        #expect(fixture.isWaiting("q"))
        _ = fixture.written()
        fixture.returned(try #require(try probing.probe()["a"]))
        #expect(fixture.tally("q") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
        fixture.ask("next", Self.all)
        fixture.reply(serverText("b", .fetchSocketsResponse, socketsText("s")), to: "next")
        #expect(fixture.tally("next")?.missing == ["a"])
    }

    @Test("and falls silent meanwhile is still missed by whoever has to be certain of all")
    func fallsSilent() {
        let fixture = ClusterFixture(servers: ["a", "b"])
        fixture.advance(.seconds(10))
        fixture.hear(heartbeatText("b"))
        fixture.advance(.seconds(4))
        fixture.ask("usual", Question(FetchSockets(SocketSelection()), timeout: .seconds(5)))
        fixture.ask("certain", Self.all)
        for name in ["usual", "certain"] {
            fixture.reply(serverText("b", .fetchSocketsResponse, socketsText("s")), to: name)
        }
        fixture.forget(after: .seconds(2))
        #expect(fixture.tally("usual") == .all(1))
        #expect(fixture.isWaiting("certain"))
        fixture.advance(.seconds(4))
        #expect(fixture.tally("certain") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
    }

    @Test("over a connection that is gone is nobody's probe any more")
    func disconnected() throws {
        let probing = Probing()
        let fixture = probing.fixture
        fixture.ask("q")
        let old = try #require(try probing.probe()["a"])
        fixture.session.disconnected()
        fixture.open()
        for server in ["a", "b"] { probing.beat(server) }
        fixture.discovered()
        _ = fixture.written()
        fixture.returned(old)
        fixture.ask("next")
        probing.count("b", "next")
        #expect(fixture.isWaiting("next"))
    }

    @Test("is not asked for acknowledgements, if it cannot do them: nobody is")
    func features() {
        let probing = Probing()
        let fixture = probing.fixture
        probing.beat("c", "\"namespaces\":[\"/c\"],\"features\":[]")
        fixture.ask("fine", Question(Emit(event: "e"), mode: .all, timeout: .seconds(5)))
        #expect(fixture.asked() == ["fine"])
        fixture.ask("other", Question(Emit(namespace: "/c", event: "e"), mode: .all, timeout: .seconds(5)))
        #expect(fixture.error("other") == .notSupported(.acks, server: "c"))
        #expect(fixture.asked() == [])
        fixture.ask("read", Question(CountSockets(namespace: "/c"), timeout: .seconds(5)))
        #expect(fixture.asked() == ["read"])
    }
}
