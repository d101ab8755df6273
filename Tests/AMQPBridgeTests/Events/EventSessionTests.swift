import BrokerFixtures
import EventLoop
import JSON
import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("Events on a connection")
struct EventSessionTests {
    private static let members =
        ##""namespaces":["/"],"features":["acks","numbers","events"],"probe":"#server#a""##
    private static let opening: [WrittenFrame] = [
        .channelOpen(4), .exchangeDeclare("x", channel: 4), .queueDeclare(channel: 4),
        .queueBind(exchange: "x", key: "#events", channel: 4), .consume(queue: "", tag: "events", channel: 4),
    ]

    /// A session that knows a server that reports events.
    private func fixture() -> ClusterFixture {
        let fixture = ClusterFixture(servers: nil)
        fixture.open()
        fixture.hear(heartbeatText("a", Self.members))
        fixture.discovered()
        _ = fixture.written()
        return fixture
    }

    private func want(_ fixture: ClusterFixture, members: Bool = false) {
        fixture.session.want(EventWants(members: members), now: fixture.now)
    }

    /// Answers the list that was asked for.
    private func answerList(_ fixture: ClusterFixture) throws {
        let id = try #require(fixture.asked().first)
        let answer = #"{"requestId":"\#(id)","sockets":[],"count":1,"rooms":[["old",1]],"seq":7}"#
        fixture.reply(#"{"uid":"a","nsp":"/","type":8,"data":\#(answer)}"#, to: id)
    }

    private func hear(_ text: String, _ fixture: ClusterFixture) { fixture.deliver(text, to: "events", on: 4) }

    /// The keys and bodies of what was published, without questions' ids.
    private func published(_ fixture: ClusterFixture) -> [String] {
        fixture.written().compactMap { frame in
            switch frame {
            case .publish(_, let key, _, let body): "\(key) \(body)"
            case .question(_, let key, let id, _, _, let body): "\(key) \(body.replacing(id, with: "ID"))"
            default: nil
            }
        }
    }

    private let word = #"#events-wanted {"uid":"emitter","type":21,"data":{"intervalMs":5000,"members":false}}"#
    private let list =
        ##"#server#a {"uid":"emitter","nsp":"/","type":7,"data":{"requestId":"ID","opts":{"rooms":[],"except":[],"flags":{}},"fields":["rooms"],"count":true,"list":{"prefix":"","limit":10000,"private":false},"numbers":true}}"##

    @Test("are not heard unless somebody wants them")
    func unwanted() {
        let fixture = fixture()
        fixture.advance(.seconds(20))
        #expect(!fixture.written().contains(.channelOpen(4)))
        #expect(fixture.told() == [])
    }

    @Test("are wanted aloud, every five seconds, once they are heard")
    func wanted() throws {
        let fixture = fixture()
        want(fixture)
        #expect(fixture.written() == Self.opening)
        fixture.receive(.consuming(consumerTag: "events"))
        try answerList(fixture)
        fixture.hear(heartbeatText("a", Self.members))
        fixture.advance(.milliseconds(4_999))
        #expect(published(fixture) == [])
        fixture.advance(.milliseconds(1))
        #expect(published(fixture) == [word])
        // Rooms of sockets are wanted at once.
        want(fixture, members: true)
        #expect(published(fixture) == [word.replacing("false", with: "true")])
        fixture.session.want(nil, now: fixture.now)
        fixture.hear(heartbeatText("a", Self.members))
        fixture.advance(.seconds(6))
        #expect(published(fixture) == [])
    }

    @Test("are told when the server's rooms are known")
    func told() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        try answerList(fixture)
        hear(#"{"uid":"a","nsp":"/","type":20,"data":{"seq":8,"rooms":[["+","new"]],"sockets":[["+","s1"]]}}"#, fixture)
        #expect(fixture.told() == ["sync / start", "room.occupied / new", "socket.connected / s1"])
        #expect(fixture.warnings == [])
    }

    @Test("a list without a number is no list: the server has not heard yet that events are wanted")
    func unheard() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        let id = try #require(fixture.asked().first)
        fixture.reply(
            #"{"uid":"a","nsp":"/","type":8,"data":{"requestId":"\#(id)","sockets":[],"count":1,"rooms":[["old",1]]}}"#,
            to: id)
        #expect(fixture.told() == [])
        fixture.advance(.milliseconds(399))
        #expect(published(fixture) == [])
        fixture.advance(.milliseconds(30))
        #expect(published(fixture) == [list])
    }

    @Test("a new server hears at once that they are wanted, and is asked for its rooms alone")
    func newServer() {
        let fixture = ClusterFixture(servers: [])
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        #expect(published(fixture) == [word])
        fixture.hear(heartbeatText("a", Self.members))
        #expect(published(fixture) == [word, list])
        #expect(fixture.told() == ["server.up a"])
        // One that cannot report is not asked.
        fixture.hear(heartbeatText("b"))
        #expect(published(fixture) == [])
        fixture.hear(#"{"uid":"a","type":13}"#)
        #expect(fixture.told() == ["server.up b", "server.lost a"])
        // Once a minute.
        fixture.hear(heartbeatText("c"))
        #expect(fixture.silent == ["b"])
    }

    @Test("are no reason to turn while the broker takes nothing, or servers are still asked who they are")
    func rests() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        try answerList(fixture)
        fixture.receive(.blocked(reason: "memory"), on: 0)
        fixture.advance(.seconds(60))
        #expect(published(fixture) == [])
        #expect(try #require(fixture.session.deadline) > fixture.now)
        fixture.receive(.unblocked, on: 0)
        #expect(try #require(fixture.session.deadline) > fixture.now)
    }

    @Test("a server that is not on the broker is not asked for its rooms, and is lost when its time is over")
    func away() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        fixture.returned(try #require(fixture.asked().first))
        for _ in 0..<61 {
            fixture.advance(.seconds(1))
            #expect(fixture.asked() == [])
        }
        #expect(fixture.told() == ["server.lost a"])
    }

    @Test("a server that comes before its events can be heard is news")
    func early() throws {
        let fixture = fixture()
        want(fixture)
        fixture.hear(heartbeatText("b"))
        fixture.hear(#"{"uid":"b","type":13}"#)
        #expect(fixture.told() == ["server.up b", "server.lost b"])
        fixture.receive(.consuming(consumerTag: "events"))
        #expect(published(fixture) == [word, list])
    }

    @Test("go on after a lost connection")
    func reconnected() {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        _ = fixture.written()
        fixture.session.disconnected()
        fixture.session.connected(frameMax: 4_096)
        #expect(fixture.written().suffix(5) == Self.opening[...])
        fixture.receive(
            .consuming(consumerTag: "replies"), .consuming(consumerTag: "presence"), .consuming(consumerTag: "events"))
        _ = published(fixture)
        fixture.discovered()
        #expect(published(fixture) == [word, list])
        #expect(fixture.told() == [])
    }

    @Test("a list does not join the one before: its answer may be older than the gap")
    func gap() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        let first = try #require(fixture.asked().first)
        hear(#"{"uid":"a","nsp":"/","type":20,"data":{"seq":1}}"#, fixture)
        hear(#"{"uid":"a","nsp":"/","type":20,"data":{"seq":9}}"#, fixture)
        fixture.advance(.milliseconds(300))
        fixture.reply(
            #"{"uid":"a","nsp":"/","type":8,"data":{"requestId":"\#(first)","count":0,"rooms":[],"seq":0}}"#, to: first)
        #expect(fixture.told() == [])
        let second = try #require(fixture.asked().first { $0 != first })
        fixture.reply(
            #"{"uid":"a","nsp":"/","type":8,"data":{"requestId":"\#(second)","count":0,"rooms":[],"seq":9}}"#,
            to: second)
        #expect(fixture.told() == ["sync / start"])
    }

    @Test("a list that cannot be read is told of")
    func unreadable() {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        // The server is there, and answers nothing.
        for _ in 0..<60 {
            fixture.advance(.seconds(1))
            fixture.hear(heartbeatText("a", Self.members))
        }
        #expect(fixture.unreadable == ["a"])
    }

    @Test("that are not wanted any more are dropped unread, and wanted again need no new queue")
    func again() throws {
        let fixture = fixture()
        want(fixture)
        fixture.receive(.consuming(consumerTag: "events"))
        try answerList(fixture)
        fixture.session.want(nil, now: fixture.now)
        hear("no JSON", fixture)
        #expect(fixture.warnings == [])
        want(fixture)
        #expect(published(fixture) == [word, list])
    }
}
