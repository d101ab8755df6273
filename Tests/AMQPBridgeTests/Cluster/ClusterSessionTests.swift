import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("The cluster session")
struct ClusterSessionTests {
    /// How servers are asked to announce themselves, for the time of this number.
    private static func discover(_ number: Int) -> WrittenFrame {
        .publish(
            exchange: "x", key: "#discover", messageID: "discover-\(number)", body: "{\"uid\":\"emitter\",\"type\":1}")
    }

    // MARK: Opening

    @Test("asks for everything it needs at once: answers on one channel, presence on another")
    func opens() {
        let fixture = ClusterFixture(servers: nil)
        fixture.session.connected(frameMax: 4_096)
        #expect(
            fixture.written() == [
                .channelOpen(1), .exchangeDeclare("x", channel: 1), .channelOpen(2), .exchangeDeclare("x", channel: 2),
                .confirmSelect, .consume(queue: "amq.rabbitmq.reply-to", tag: "replies", channel: 1),
                .queueDeclare(channel: 2),
                .queueBind(exchange: "x", key: "#presence", channel: 2),
                .consume(queue: "", tag: "presence", channel: 2),
            ])
        #expect(!fixture.session.isOpen)
    }

    @Test("asks who is there as soon as answers can be heard, in whatever order the broker opens")
    func discovers() {
        for tags in [["replies", "presence"], ["presence", "replies"]] {
            let fixture = ClusterFixture(servers: nil)
            fixture.session.connected(frameMax: 4_096)
            _ = fixture.written()
            fixture.receive(.consuming(consumerTag: tags[0]))
            #expect(fixture.written() == [])
            #expect(!fixture.session.isOpen)
            fixture.receive(.consuming(consumerTag: tags[1]))
            #expect(fixture.written() == [Self.discover(1)])
            #expect(fixture.session.isOpen)
        }
    }

    @Test("lets questions wait until servers have had the time to say who they are")
    func waitsForDiscovery() {
        let fixture = ClusterFixture(servers: nil)
        fixture.ask("early")
        fixture.open()
        fixture.ask("q")
        fixture.hear(heartbeatText("a"))
        fixture.advance(.milliseconds(499))
        #expect(fixture.isWaiting("early") && fixture.isWaiting("q"))
        #expect(fixture.asked() == [])
        #expect(fixture.session.deadline == fixture.now + .milliseconds(1))
        fixture.advance(.milliseconds(1))
        // The same question, so it is asked once.
        #expect(fixture.asked() == ["early"])
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":3}"), to: "early")
        #expect(fixture.sockets("early") == 3 && fixture.sockets("q") == 3)
    }

    @Test("waits no longer when the broker says that nobody is there to ask")
    func nobodyToDiscover() {
        let fixture = ClusterFixture(servers: nil)
        fixture.open()
        fixture.ask("q")
        fixture.returned("discover-1")
        #expect(fixture.error("q") == .noServers(exchange: "x"))
        // It is not said from memory.
        _ = fixture.written()
        fixture.ask("r")
        fixture.ask("s", Question(ListRooms(), timeout: .seconds(5)))
        #expect(fixture.written() == [Self.discover(2)])
        fixture.returned("discover-1")
        #expect(fixture.isWaiting("r"))
        fixture.returned("discover-2")
        #expect(fixture.error("r") == .noServers(exchange: "x") && fixture.error("s") == .noServers(exchange: "x"))
        fixture.ask("t")
        fixture.hear(heartbeatText("a"))
        fixture.advance(.milliseconds(500))
        #expect(fixture.asked() == ["t"])
    }

    @Test("gives up on questions whose time is over before the servers are known")
    func parkedDeadline() {
        let fixture = ClusterFixture(servers: nil)
        fixture.ask("short", Question(CountSockets(), timeout: .milliseconds(300)))
        fixture.ask("long")
        fixture.advance(.milliseconds(550))
        #expect(fixture.error("short") == .brokerUnavailable)
        #expect(fixture.isWaiting("long"))
        #expect(fixture.session.waiting == 1)
        fixture.advance(.seconds(5))
        #expect(fixture.error("long") == .brokerUnavailable)
        #expect(fixture.session.waiting == 0)
    }

    @Test("forgets questions that nobody waits for before the servers are known")
    func parkedAbandoned() {
        let fixture = ClusterFixture(servers: nil)
        fixture.ask("q")
        fixture.ask("r", Question(ListRooms(), timeout: .seconds(5)))
        fixture.abandon("q")
        fixture.abandon("q")
        #expect(fixture.error("q") == .abandoned)
        fixture.open()
        fixture.hear(heartbeatText("a"))
        fixture.discovered()
        #expect(fixture.asked() == ["r"])
    }

    @Test("has what is left of a caller's time for a question that had to wait")
    func parkedTime() {
        let fixture = ClusterFixture(servers: nil)
        fixture.ask("q", Question(CountSockets(), timeout: .seconds(2)))
        fixture.open()
        fixture.hear(heartbeatText("a"))
        fixture.advance(.milliseconds(600))
        guard case .question(_, _, _, _, let expiration, _)? = fixture.written().last else {
            Issue.record("nothing was asked")
            return
        }
        #expect(expiration == "1400")
        fixture.advance(.milliseconds(1_399))
        #expect(fixture.isWaiting("q"))
        fixture.advance(.milliseconds(21))
        #expect(fixture.tally("q")?.missing == ["a"])
    }

    // MARK: Asking

    @Test("asks a namespace's servers, and gathers their answers")
    func asks() {
        let fixture = ClusterFixture()
        fixture.hear(heartbeatText("c", "\"namespaces\":[\"/c\"]"))
        let question = Question(CountSockets(rooms: ["r"]), timeout: .milliseconds(1_500))
        fixture.ask("0123", question)
        #expect(
            fixture.written() == [
                .question(
                    exchange: "x", key: "/", id: "0123", replyTo: "amq.rabbitmq.reply-to", expiration: "1500",
                    body: String(decoding: question.body(id: "0123"), as: UTF8.self))
            ])
        fixture.reply(serverText("b", .fetchSocketsResponse, "{\"count\":2}"), to: "0123")
        #expect(fixture.isWaiting("0123"))
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "0123")
        #expect(fixture.sockets("0123") == 3)
        #expect(fixture.tally("0123") == .all(2))
        #expect(fixture.session.waiting == 0)
    }

    @Test("lets changes wait in queues for as long as it takes")
    func changesDoNotExpire() {
        let fixture = ClusterFixture()
        fixture.ask("q", Question(ChangeSockets(SocketSelection(), .leave(["r"])), timeout: .seconds(1)))
        guard case .question(_, _, _, _, nil, _)? = fixture.written().first else {
            Issue.record("it expires")
            return
        }
    }

    @Test("asks nothing that a server of the namespace would not understand")
    func features() {
        let fixture = ClusterFixture()
        let question = Question(CountSockets(rooms: [42]), timeout: .seconds(5))
        fixture.ask("q", question)
        #expect(fixture.error("q") == .notSupported(.numbers, server: "a"))
        let features = "\"namespaces\":[\"/\"],\"features\":[\"acks\",\"numbers\"]"
        for server in ["a", "b"] { fixture.hear(heartbeatText(server, features)) }
        fixture.hear(heartbeatText("elsewhere", "\"namespaces\":[\"/c\"]"))
        fixture.ask("r", question)
        #expect(fixture.asked() == ["r"])
    }

    @Test("tells what servers say of themselves, and when they have gone")
    func tellsOfServers() {
        let fixture = ClusterFixture(servers: [])
        let known = KnownServers()
        fixture.session.serverChanged = { known.note($0, $1) }
        fixture.hear(heartbeatText("a"))
        fixture.hear(heartbeatText("b", "\"namespaces\":[\"/c\"],\"intervalMs\":100"))
        #expect(
            known.serverWithoutNumbers(of: "/") == "a" && known.serverWithoutNumbers(of: "/c") == "b"
                && known.serverWithoutNumbers(of: "/d") == nil)
        fixture.hear(heartbeatText("a", "\"namespaces\":[\"/\"],\"features\":[\"numbers\"]"))
        #expect(known.serverWithoutNumbers(of: "/") == nil)
        fixture.hear(heartbeatText("a"))
        fixture.hear("{\"uid\":\"a\",\"type\":13}")
        #expect(known.serverWithoutNumbers(of: "/") == nil)
        fixture.forget(after: .seconds(1))
        #expect(known.serverWithoutNumbers(of: "/c") == nil)
    }

    @Test("says from when on it is known who is there, and until when")
    func completeness() {
        let fixture = ClusterFixture(servers: [])
        var told: [Bool] = []
        fixture.session.completenessChanged = { told.append($0) }
        fixture.session.disconnected()
        #expect(told == [false])
        fixture.open()
        #expect(told == [false])
        fixture.discovered()
        #expect(told == [false, true])
    }

    @Test("asks the broker where no server is known that has the namespace")
    func nobodyHasIt() {
        let fixture = ClusterFixture()
        let question = Question(CountSockets(namespace: "/nowhere"), timeout: .seconds(5))
        fixture.ask("q", question)
        #expect(fixture.asked() == ["q"] && fixture.isWaiting("q"))
        fixture.returned("q")
        #expect(fixture.sockets("q") == 0)
        #expect(fixture.tally("q") == .all(0))
        #expect((try? fixture.answer("q")?.get().isRouted) == false)
        // A queue that takes it may be that of a server of which nothing was heard yet.
        for name in ["nobody", "new"] {
            fixture.ask(name, question)
            fixture.advance(.milliseconds(99))
            #expect(fixture.isWaiting(name))
            if name == "new" { fixture.reply(serverText("n", .fetchSocketsResponse, "{\"count\":4}"), to: name) }
            fixture.advance(.milliseconds(21))
            #expect((try? fixture.answer(name)?.get().isRouted) == true)
        }
        #expect(fixture.tally("nobody") == .all(0))
        #expect(fixture.tally("new") == .all(1) && fixture.sockets("new") == 4)
    }

    // MARK: Confirms

    private static var emit: Question<Acknowledgements> {
        Question(Emit(event: "e"), mode: .all, timeout: .seconds(5))
    }

    /// A fixture whose broker confirms nothing unless the test says so.
    private func unconfirmed() -> ClusterFixture {
        let fixture = ClusterFixture()
        fixture.confirm()
        fixture.confirms = false
        return fixture
    }

    @Test("says what a broker that confirms nothing has left open")
    func nothingConfirmed() {
        let fixture = unconfirmed()
        fixture.ask("emit", Self.emit)
        fixture.ask("read")
        fixture.ask("nowhere", Question(Emit(namespace: "/n", event: "e"), mode: .all, timeout: .seconds(5)))
        fixture.ask("change", Question(ChangeSockets(SocketSelection(), .join(["r"])), timeout: .seconds(5)))
        fixture.ask("answered", Self.emit)
        fixture.reply(serverText("a", .broadcastClientCount, "{\"clientCount\":0}"), to: "answered")
        // It has begun to answer: that proves as much as an answer.
        fixture.ask("begun", Self.emit)
        fixture.reply(serverText("a", .broadcastClientCount, "{\"clientCount\":1}"), to: "begun")
        fixture.advance(.milliseconds(5_020))
        for name in ["emit", "nowhere", "change"] { #expect(fixture.error(name) == .unconfirmed, "\(name)") }
        #expect(fixture.error("read") == .brokerSilent)
        #expect(fixture.tally("answered")?.missing == ["b"])
        #expect(fixture.tally("begun")?.missing == ["a", "b"])
        // A late confirm is nobody's.
        fixture.confirm()
        #expect(fixture.session.waiting == 0)
    }

    @Test("counts every message on its channel, as the broker does")
    func deliveryTags() {
        let fixture = unconfirmed()
        // The first message asked who is there.
        for name in ["two", "three", "four", "five"] { fixture.ask(name, Self.emit) }
        fixture.receive(.acknowledged(tag: 3, multiple: false))
        fixture.receive(.acknowledged(tag: 5, multiple: false), on: 2)
        fixture.receive(.refused(tag: 4, multiple: false))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.error("two") == .unconfirmed)
        #expect(fixture.tally("three")?.missing == ["a", "b"])
        #expect(fixture.error("four") == .brokerNack)
        #expect(fixture.error("five") == .unconfirmed)
        for name in ["six", "seven", "eight"] { fixture.ask(name, Self.emit) }
        fixture.receive(.acknowledged(tag: 7, multiple: true))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.tally("six") != nil && fixture.tally("seven") != nil)
        #expect(fixture.error("eight") == .unconfirmed)
        // A new connection counts from 1 again.
        fixture.session.disconnected()
        fixture.open()
        fixture.receive(.acknowledged(tag: 1, multiple: false))
        fixture.discovered()
        fixture.ask("anew", Self.emit)
        fixture.receive(.acknowledged(tag: 2, multiple: false))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.tally("anew") != nil)
    }

    @Test("takes an answer for proof of what a queue has not taken, and misses whoever does not answer a read")
    func refusedByQueue() {
        let fixture = unconfirmed()
        for name in ["answered", "emit"] { fixture.ask(name, Self.emit) }
        fixture.ask("read")
        fixture.receive(.refused(tag: 0, multiple: true))
        #expect(fixture.isWaiting("emit"))
        fixture.reply(serverText("a", .broadcastClientCount, "{\"clientCount\":0}"), to: "answered")
        fixture.reply(serverText("b", .broadcastClientCount, "{\"clientCount\":0}"), to: "answered")
        #expect(fixture.tally("answered") == .all(2))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.error("emit") == .brokerNack)
        #expect(fixture.tally("read")?.missing == ["a", "b"])
    }

    @Test("says of a lost connection what has certainly not left, what is confirmed, and what may have been done")
    func lostWithoutConfirm() {
        let fixture = unconfirmed()
        for name in ["confirmed", "refused", "left"] { fixture.ask(name, Self.emit) }
        fixture.receive(.acknowledged(tag: 2, multiple: false), .refused(tag: 3, multiple: false))
        _ = fixture.written()
        fixture.ask("stayed", Self.emit)
        fixture.session.disconnected()
        #expect(fixture.tally("confirmed")?.missing == ["a", "b"])
        #expect(fixture.error("refused") == .brokerNack)
        #expect(fixture.error("left") == .unknown)
        #expect(fixture.error("stayed") == .brokerUnavailable)
    }

    @Test("waits for the confirm where everybody who was to answer has gone")
    func goneWithoutConfirm() {
        let fixture = unconfirmed()
        for name in ["q", "r"] { fixture.ask(name, Self.emit) }
        for server in ["a", "b"] { fixture.hear("{\"uid\":\"\(server)\",\"type\":13}") }
        #expect(fixture.isWaiting("q"))
        fixture.receive(.acknowledged(tag: 2, multiple: false))
        #expect(fixture.tally("q") == .all(0))
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.error("r") == .unconfirmed)
    }

    @Test("knows nobody only when the broker has taken the question who is there")
    func unconfirmedDiscovery() {
        let fixture = ClusterFixture(servers: nil)
        fixture.confirms = false
        fixture.open()
        fixture.ask("q")
        fixture.advance(.seconds(4))
        #expect(fixture.isWaiting("q"))
        fixture.advance(.seconds(2))
        #expect(fixture.error("q") == .brokerSilent)
        fixture.ask("r")
        fixture.confirm()
        fixture.advance(.milliseconds(499))
        #expect(fixture.isWaiting("r"))
        fixture.advance(.milliseconds(1))
        #expect(fixture.error("r") == .noServers(exchange: "x"))
    }

    @Test("asks the same once, and everything else by itself")
    func coalesces() {
        let fixture = ClusterFixture()
        for name in ["q1", "q2", "q3"] { fixture.ask(name) }
        fixture.ask("longer", Question(CountSockets(), timeout: .seconds(6)))
        for name in ["c1", "c2"] {
            fixture.ask(name, Question(ChangeSockets(SocketSelection(), .join(["r"])), timeout: .seconds(5)))
        }
        #expect(fixture.asked() == ["q1", "longer", "c1", "c2"])
        #expect(fixture.session.waiting == 6)
        for server in ["a", "b"] { fixture.reply(serverText(server, .fetchSocketsResponse, "{\"count\":1}"), to: "q1") }
        for name in ["q1", "q2", "q3"] { #expect(fixture.sockets(name) == 2) }
        // What is asked afterwards is asked anew.
        fixture.ask("q4")
        #expect(fixture.asked() == ["q4"])
    }

    @Test("says that a question could be given to nobody")
    func returned() {
        let fixture = ClusterFixture()
        fixture.ask("q")
        fixture.returned("q")
        #expect(fixture.tally("q") == ServerTally(expected: 2, responded: 0, missing: ["a", "b"]))
        #expect((try? fixture.answer("q")?.get().isRouted) == false)
    }

    @Test("drops answers that come too late, and what is no answer")
    func strangeAnswers() {
        let fixture = ClusterFixture(servers: ["a"])
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "never")
        fixture.reply("not JSON", to: "never")
        #expect(fixture.warnings == [])
        fixture.ask("q")
        fixture.reply("not JSON", to: "q")
        fixture.reply("not JSON, either", to: "q")
        fixture.reply("{\"uid\":\"emitter\",\"type\":8,\"data\":{\"count\":1}}", to: "q")
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "")
        // Of the second one nothing is said: who it is from is not known, as of the first.
        #expect(fixture.warnings.map(\.bytes) == [8, 45])
        #expect(fixture.warnings.map(\.server) == [nil, "emitter"])
        #expect(
            fixture.warnings.map(\.reason) == [
                "there is something behind the value, at byte 5", "not a message of a server",
            ])
        #expect(fixture.isWaiting("q"))
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "q")
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":9}"), to: "q")
        #expect(fixture.sockets("q") == 1)
    }

    @Test("takes answers in pieces, mixed with what comes on the other channel")
    func pieces() {
        let fixture = ClusterFixture(servers: ["a"])
        fixture.ask("q")
        let body = Array(serverText("a", .fetchSocketsResponse, "{\"count\":7}").utf8)
        fixture.receive(
            .delivered(consumerTag: "replies"), .header(messageID: "", correlationID: "q", bodySize: UInt64(body.count))
        )
        for byte in body.dropLast() { fixture.receive(.content([byte])) }
        fixture.hear(heartbeatText("b"))
        #expect(fixture.isWaiting("q"))
        fixture.receive(.content([body.last!]))
        #expect(fixture.sockets("q") == 7)
    }

    @Test("drops answers that are too long")
    func longAnswers() {
        var limits = ClusterSession.Limits()
        limits.answerBytes = 300
        let fixture = ClusterFixture(limits: limits)
        fixture.ask("q")
        let filler = String(repeating: " ", count: 300)
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}\(filler)"), to: "q")
        fixture.reply(serverText("b", .fetchSocketsResponse, "{\"count\":2}"), to: "q")
        fixture.advance(.seconds(6))
        #expect(fixture.sockets("q") == 2)
        #expect(fixture.tally("q")?.missing == ["a"])
    }

    // MARK: Bounds

    @Test("lets no more callers wait than it may, wherever they wait")
    func bounds() {
        var limits = ClusterSession.Limits()
        limits.waiting = 2
        let parked = ClusterFixture(limits: limits, servers: nil)
        for name in ["q1", "q2", "q3"] { parked.ask(name) }
        #expect(parked.error("q3") == .overloaded)
        var refused: ClusterError?
        parked.session.whenReady(waiter: 9, deadline: parked.now + .seconds(1), now: parked.now) { error, _ in
            refused = error
        }
        #expect(refused == .overloaded)

        let asked = ClusterFixture(limits: limits)
        for name in ["q1", "q2", "q3"] { asked.ask(name) }
        #expect(asked.error("q3") == .overloaded)
        asked.abandon("q1")
        asked.ask("q4")
        #expect(asked.isWaiting("q4"))
        asked.session.awaitCallbacks(
            1, mode: .all, deadline: asked.now + .seconds(1), opened: { #expect($0 == .failed(.overloaded)) },
            finished: { _ in })
        #expect(asked.session.waiting == 2)
    }

    @Test("takes no more bytes than the broker can be expected to")
    func pendingBytes() {
        var limits = ClusterSession.Limits()
        limits.pendingBytes = 100
        let fixture = ClusterFixture(limits: limits)
        fixture.ask("q1")
        fixture.ask("q2", Question(ListRooms(), timeout: .seconds(5)))
        #expect(fixture.error("q2") == .overloaded)
        _ = fixture.written()
        fixture.ask("q3", Question(ListRooms(), timeout: .seconds(5)))
        #expect(fixture.isWaiting("q3"))
    }

    @Test("asks nothing that a message cannot carry")
    func tooLarge() {
        let fixture = ClusterFixture()
        let name = "/" + String(repeating: "x", count: 255)
        fixture.ask("q", Question(CountSockets(namespace: name), timeout: .seconds(5)))
        #expect(fixture.error("q") == .tooLarge)
        #expect(fixture.written() == [])
        #expect(fixture.session.waiting == 0)
    }

    // MARK: Presence

    @Test("expects whom it has heard of, and waits for nobody who has gone")
    func goodbyes() {
        let fixture = ClusterFixture()
        fixture.ask("q")
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "q")
        fixture.hear("{\"uid\":\"b\",\"type\":13}")
        #expect(fixture.tally("q") == .all(1))
        #expect(fixture.session.servers.map(\.uid) == ["a"])
    }

    @Test("waits for nobody who has fallen silent")
    func silence() {
        let fixture = ClusterFixture()
        fixture.advance(.milliseconds(13_000))
        fixture.hear(heartbeatText("a"))
        fixture.ask("q")
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "q")
        fixture.advance(.milliseconds(1_499))
        #expect(fixture.isWaiting("q"))
        fixture.forget(after: .milliseconds(1_501))
        #expect(fixture.tally("q") == .all(1))
        #expect(fixture.session.servers.map(\.uid) == ["a"])
    }

    @Test("does not take a silent broker for silent servers: they are asked once more, by way of it")
    func silentBroker() {
        let fixture = ClusterFixture()
        fixture.confirm()
        fixture.confirms = false
        fixture.advance(.seconds(16))
        #expect(fixture.written() == [Self.discover(2)])
        for _ in 0..<400 { fixture.advance(.milliseconds(250)) }
        #expect(fixture.session.servers.map(\.uid) == ["a", "b"])
        #expect(fixture.written() == [])
        fixture.confirm()
        fixture.advance(.milliseconds(250))
        fixture.hear(heartbeatText("a"))
        #expect(fixture.session.servers.map(\.uid) == ["a", "b"])
        fixture.advance(.milliseconds(250))
        #expect(fixture.session.servers.map(\.uid) == ["a"])
        // The next one has its own question.
        fixture.advance(.seconds(16))
        #expect(fixture.written() == [Self.discover(3)])
        fixture.hear(heartbeatText("a"))
        fixture.confirm()
        fixture.advance(.seconds(1))
        #expect(fixture.session.servers.map(\.uid) == ["a"])
    }

    @Test("logs what it does not understand of presence, and goes on")
    func strangePresence() {
        let fixture = ClusterFixture()
        fixture.hear("nonsense")
        fixture.hear("{\"uid\":\"emitter\",\"type\":2}")
        #expect(fixture.warnings.map(\.bytes) == [8, 26])
        #expect(fixture.session.servers.map(\.uid) == ["a", "b"])
    }

    // MARK: Alarms

    @Test("asks nothing while the broker is blocked, and says so")
    func blocked() {
        let fixture = ClusterFixture()
        fixture.ask("before")
        fixture.receive(.blocked(reason: "low on memory"))
        #expect(fixture.session.blockedReason == "low on memory")
        fixture.ask("q")
        #expect(fixture.error("q") == .brokerBlocked(reason: "low on memory"))
        fixture.session.awaitCallbacks(
            1, mode: .all, deadline: fixture.now + .seconds(1),
            opened: { #expect($0 == .failed(.brokerBlocked(reason: "low on memory"))) }, finished: { _ in })
        #expect(fixture.isWaiting("before"))
    }

    @Test("says of an alarm that it is one, to whoever waits until the servers are known, too")
    func blockedWithoutServers() {
        let fixture = ClusterFixture(servers: nil)
        fixture.confirms = false
        fixture.open()
        fixture.ask("early")
        fixture.receive(.blocked(reason: "low"), on: 0)
        #expect(fixture.error("early") == .brokerBlocked(reason: "low"))
        fixture.ask("q")
        #expect(fixture.error("q") == .brokerBlocked(reason: "low"))
        fixture.receive(.unblocked, on: 0)
        fixture.ask("r")
        // The first question was held up with the rest.
        fixture.receive(.acknowledged(tag: 1, multiple: false))
        fixture.advance(.milliseconds(500))
        #expect(fixture.isWaiting("r"))
        fixture.hear(heartbeatText("a"))
        fixture.confirm()
        _ = fixture.written()
        fixture.advance(.milliseconds(500))
        #expect(fixture.asked() == ["r"])
    }

    @Test("says when there may be servers that are not known, and when they are known again")
    func searches() {
        let fixture = ClusterFixture()
        var said: [String] = []
        fixture.session.searches = { said.append("searches") }
        fixture.session.completenessChanged = { said.append($0 ? "complete" : "unknown") }
        fixture.receive(.blocked(reason: "low"), on: 0)
        fixture.receive(.unblocked, on: 0)
        #expect(said == ["searches"])
        fixture.advance(.milliseconds(500))
        #expect(said == ["searches", "complete"])
        fixture.session.disconnected()
        #expect(said == ["searches", "complete", "unknown"])
    }

    @Test("does not take an alarm's silence for death: whoever is there is asked to say so behind it")
    func unblocked() {
        let fixture = ClusterFixture()
        fixture.receive(.blocked(reason: "low"))
        fixture.advance(.seconds(60))
        fixture.advance(.seconds(1))
        #expect(fixture.session.servers.count == 2)
        _ = fixture.written()
        fixture.receive(.unblocked)
        #expect(fixture.session.blockedReason == nil)
        #expect(fixture.written() == [Self.discover(2)])
        fixture.ask("q")
        fixture.advance(.milliseconds(499))
        #expect(fixture.session.servers.count == 2)
        fixture.hear(heartbeatText("a"))
        fixture.advance(.milliseconds(1))
        #expect(fixture.asked() == ["q"])
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "q")
        // Whoever is silent is missing until the silence has lasted.
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.tally("q") == ServerTally(expected: 2, responded: 1, missing: ["b"]))
        fixture.hear(heartbeatText("a"))
        fixture.forget(after: .milliseconds(10_750))
        #expect(fixture.session.servers.map(\.uid) == ["a"])
    }

    @Test("probes an idle broker, unless it knows or may not ask")
    func probes() {
        let fixture = ClusterFixture()
        fixture.session.probe()
        #expect(fixture.written() == [.probe])
        fixture.receive(.blocked(reason: "x"))
        fixture.session.probe()
        #expect(fixture.written() == [])
        fixture.receive(.unblocked)
        _ = fixture.written()
        let text = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(ChannelClose(channel: 2, code: 403, text: text)), on: 2)
        #expect(fixture.session.failure != nil)
        fixture.session.disconnected()
        fixture.open()
        #expect(fixture.session.failure == nil)
        _ = fixture.written()
        fixture.session.probe()
        #expect(fixture.written() == [])
    }

    // MARK: Losing the broker

    @Test("fails what waits when the connection breaks, keeps what has come, and fails fast until there is another")
    func disconnects() {
        let fixture = ClusterFixture()
        fixture.ask("some")
        fixture.reply(serverText("a", .fetchSocketsResponse, "{\"count\":1}"), to: "some")
        fixture.ask("none", Question(ListRooms(), timeout: .seconds(5)))
        fixture.ask("change", Question(ChangeSockets(SocketSelection(), .join(["r"])), timeout: .seconds(5)))
        _ = fixture.written()
        fixture.session.disconnected()
        #expect(fixture.sockets("some") == 1)
        #expect(fixture.tally("some")?.missing == ["b"])
        #expect(fixture.error("none") == .brokerUnavailable)
        #expect(fixture.error("change") == .unknown)
        #expect(!fixture.session.isOpen)
        #expect(fixture.session.outbound.pending == 0)
        fixture.ask("late")
        #expect(fixture.error("late") == .brokerUnavailable)
    }

    @Test("asks again who is there on every connection")
    func reconnects() {
        let fixture = ClusterFixture()
        fixture.receive(.blocked(reason: "x"))
        fixture.receive(.delivered(consumerTag: "replies"))
        fixture.session.disconnected()
        #expect(fixture.session.blockedReason == nil)
        fixture.advance(.seconds(60))
        fixture.open()
        #expect(fixture.written().last == Self.discover(2))
        fixture.ask("q")
        // Nothing is known to be gone before everybody has had the time to say that it is not.
        #expect(fixture.session.servers.count == 2)
        fixture.hear(heartbeatText("b"))
        fixture.discovered()
        // It may need as long as the gateway to connect again: an answer without it is not complete.
        #expect(fixture.session.servers.count == 2)
        #expect(fixture.asked() == ["q"])
        fixture.reply(serverText("b", .fetchSocketsResponse, "{\"count\":1}"), to: "q")
        fixture.advance(.milliseconds(5_020))
        #expect(fixture.tally("q") == ServerTally(expected: 2, responded: 1, missing: ["a"]))
    }

    @Test("fails what waits for the first connection when there is none")
    func neverConnected() {
        let fixture = ClusterFixture(servers: nil)
        fixture.ask("q")
        #expect(fixture.isWaiting("q"))
        fixture.session.disconnected()
        #expect(fixture.error("q") == .brokerUnavailable)
    }

    @Test("begins anew when one of its queues is deleted")
    func queueDeleted() {
        for tag in ["presence", "replies"] {
            let fixture = ClusterFixture()
            fixture.receive(.consumerCancelled(consumerTag: tag), on: 2)
            #expect(fixture.session.failure != nil)
        }
    }

    @Test("gives the connection up when a frame of a message is missing")
    func framesMissing() {
        let parts: [InboundFrame] = [
            .delivered(consumerTag: "replies"), .header(messageID: "", correlationID: "q", bodySize: 2),
            .content([1, 2]),
        ]
        for missing in parts.indices {
            let fixture = ClusterFixture()
            fixture.ask("q")
            for (place, part) in parts.enumerated() where place != missing { fixture.receive(part) }
            fixture.receive(.returned)
            #expect(fixture.session.failure == .framesOutOfOrder, "without part \(missing)")
            fixture.session.disconnected()
            #expect(fixture.error("q") == .brokerUnavailable)
            fixture.open()
            #expect(fixture.session.failure == nil)
        }
    }

    @Test("stays away for a minute after a refusal, and tries for whoever asks", arguments: [403, 406])
    func refused(code: Int) {
        let fixture = ClusterFixture(servers: nil)
        fixture.session.connected(frameMax: 4_096)
        fixture.ask("parked")
        fixture.receive(.channelClosed(ChannelClose(channel: 1, code: code, text: "no access to exchange 'x'")))
        #expect(fixture.session.failure != nil)
        #expect(fixture.error("parked") == .brokerRefused(exchange: "x"))
        // What else was on its way opens nothing any more.
        fixture.receive(.consuming(consumerTag: "replies"), .consuming(consumerTag: "presence"))
        #expect(!fixture.session.isOpen)
        #expect(fixture.closes.map(\.code) == [code])
        fixture.session.disconnected()
        #expect(fixture.session.rest == .seconds(60))
        #expect(fixture.wanted == 0)
        fixture.ask("q")
        #expect(fixture.isWaiting("q"))
        #expect(fixture.wanted == 1)
        fixture.session.connected(frameMax: 4_096)
        #expect(fixture.session.rest == nil)
        fixture.receive(.channelClosed(ChannelClose(channel: 1, code: code, text: "no access to exchange 'x'")))
        #expect(fixture.error("q") == .brokerRefused(exchange: "x"))
        fixture.session.disconnected()
        fixture.ask("short", Question(CountSockets(), timeout: .milliseconds(300)))
        fixture.advance(.milliseconds(300))
        #expect(fixture.error("short") == .brokerRefused(exchange: "x"))
        fixture.ask("again")
        fixture.open()
        fixture.returned("discover-1")
        #expect(fixture.error("again") == .noServers(exchange: "x"))
        #expect(fixture.session.rest == nil)
    }

    @Test("fails a question that is too long for the broker, and the others as if the connection were lost")
    func questionTooLong() {
        let fixture = ClusterFixture()
        let text = "PRECONDITION_FAILED - message size 9000 is larger than configured max size 1000"
        let long = Question(CountSockets(rooms: [.name(String(repeating: "r", count: 1_000))]), timeout: .seconds(5))
        fixture.ask("before")
        fixture.ask("long", long)
        fixture.receive(.channelClosed(ChannelClose(channel: 1, code: 406, text: text)))
        #expect(fixture.error("long") == .tooLarge)
        #expect(fixture.session.failure != nil)
        #expect(fixture.session.rest == nil)
        fixture.session.disconnected()
        #expect(fixture.error("before") == .brokerUnavailable)
        fixture.open()
        fixture.hear(heartbeatText("a"))
        fixture.discovered()
        _ = fixture.written()
        fixture.ask("again", long)
        #expect(fixture.error("again") == .tooLarge)
        #expect(fixture.asked() == [])
        #expect(fixture.knowledge.longestBody == 1_000)
        fixture.ask("fits")
        #expect(fixture.asked() == ["fits"])
    }

    @Test("takes a deleted exchange for no refusal: it is declared again")
    func exchangeDeleted() {
        let fixture = ClusterFixture()
        fixture.ask("q")
        fixture.receive(
            .channelClosed(ChannelClose(channel: 1, code: 404, text: "NOT_FOUND - no exchange 'x' in vhost '/'")))
        #expect(fixture.session.failure != nil)
        fixture.session.disconnected()
        #expect(fixture.error("q") == .brokerUnavailable)
        fixture.ask("r")
        #expect(fixture.error("r") == .brokerUnavailable)
    }

    @Test("is not opened by a late return of its first question")
    func lateReturn() {
        let fixture = ClusterFixture()
        fixture.session.disconnected()
        fixture.session.connected(frameMax: 4_096)
        fixture.ask("q")
        fixture.returned("discover-1")
        #expect(fixture.isWaiting("q"))
        #expect(!fixture.session.isOpen)
    }

    @Test("wakes up to look for servers that have fallen silent, and for deadlines")
    func deadlines() {
        let fixture = ClusterFixture()
        #expect(fixture.session.deadline == fixture.now + .milliseconds(250))
        fixture.ask("q", Question(CountSockets(), timeout: .milliseconds(100)))
        #expect(fixture.session.deadline == fixture.now + .milliseconds(120))
    }

    @Test("has a large cluster's sockets page by page, each once")
    func largeCluster() throws {
        let servers = (0..<3).map { "server\($0)" }
        let fixture = ClusterFixture(servers: servers)
        let ids = (0..<20_000).map { "socket-\(100_000 + $0 * 7 % 20_000)" }
        let sorted = servers.indices.map { server in ids.indices.filter { $0 % 3 == server }.map { ids[$0] }.sorted() }
        var (cursor, seen, pages) = (nil as String?, [] as [String], 0)
        repeat {
            let command = FetchSockets(SocketSelection(), after: cursor, limit: 1_000)
            pages += 1
            fixture.ask("page\(pages)", Question(command, timeout: .seconds(5)))
            _ = fixture.written()
            for (index, server) in servers.enumerated() {
                let mine = sorted[index].drop { id in cursor.map { !$0.precedes(id) } ?? false }.prefix(1_001)
                let list = mine.map { "{\"id\":\"\($0)\",\"rooms\":[\"\($0)\"],\"data\":{}}" }.joined(separator: ",")
                fixture.reply(serverText(server, .fetchSocketsResponse, "{\"sockets\":[\(list)]}"), to: "page\(pages)")
            }
            let outcome = try #require(try fixture.answer("page\(pages)")?.get())
            let page = try #require(outcome.answer as? SocketPage)
            seen += page.sockets.map(\.id)
            cursor = page.hasMore ? page.sockets.last?.id : nil
        } while cursor != nil && pages < 100
        #expect(pages == 20)
        #expect(seen == ids.sorted())
    }
}
