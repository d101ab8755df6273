import AMQP
import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("The roster of servers")
struct ServerRosterTests {
    private let now = MonotonicTime.seconds(100)
    private let probed = "\"namespaces\":[\"/\"],\"intervalMs\":1000,\"probe\":\"#server#a\""

    @Test("calls all servers, and minds the last call only")
    func calls() {
        var roster = ServerRoster()
        let first = roster.discover(on: "x")
        let last = roster.discover(on: "x")
        #expect(last.publication.exchange == "x" && last.publication.routingKey == "#discover")
        #expect(!roster.isLastCall(first.messageID) && roster.isLastCall(last.messageID))
        #expect(roster.taken(first.number, now: now) == nil)
        #expect(roster.taken(last.number, now: now) == now + .milliseconds(500))
    }

    @Test("tells who comes, who stays and who goes")
    func hears() throws {
        var roster = ServerRoster()
        let words = [
            roster.hear(try heartbeat("a"), now: now), roster.hear(try heartbeat("a"), now: now),
            roster.hear(try serverMessage("a", .adapterClose, "{}"), now: now),
            roster.hear(try serverMessage("a", .adapterClose, "{}"), now: now),
        ]
        var known = Presence()
        _ = known.hear(try heartbeat("a"), now: now)
        let server = try #require(known.server("a"))
        #expect(
            words == [
                .server(server, isThere: true, isNew: true), .server(server, isThere: true, isNew: false),
                .gone(uid: "a"), .nothing,
            ])
    }

    @Test("gives up a silent server only when it was called once more, and the broker has taken the call")
    func silence() throws {
        var roster = ServerRoster()
        _ = roster.hear(try heartbeat("a", probed), now: now)
        #expect(roster.callToSilent(on: "x", now: now) == nil)
        let late = now + .seconds(3)
        let call = roster.callToSilent(on: "x", now: late)
        #expect(roster.callToSilent(on: "x", now: late) == nil)
        #expect(roster.expire(now: late + .seconds(9)) == [])
        let taken = roster.taken(try #require(call).number, now: late)
        let until = try #require(taken)
        #expect(roster.expire(now: until + .milliseconds(-1)) == [])
        #expect(roster.callToSilent(on: "x", now: until) == nil)
        #expect(roster.expire(now: until) == ["a"])
        #expect(roster.presence.isEmpty && roster.presence.server("a") != nil)
    }

    @Test("keeps a silent server that answers the call")
    func answers() throws {
        var roster = ServerRoster()
        _ = roster.hear(try heartbeat("a", probed), now: now)
        let late = now + .seconds(3)
        let call = roster.callToSilent(on: "x", now: late)
        let taken = roster.taken(try #require(call).number, now: late)
        let until = try #require(taken)
        _ = roster.hear(try heartbeat("a", probed), now: late)
        #expect(roster.callToSilent(on: "x", now: until) == nil)
        #expect(roster.expire(now: until) == [])
        // The next silence is another one.
        let next = roster.callToSilent(on: "x", now: until + .seconds(9))
        #expect(next != nil)
    }

    @Test("has the broker asked about a server that can be, and believes it")
    func probes() throws {
        var roster = ServerRoster()
        _ = roster.hear(try heartbeat("a", probed), now: now)
        _ = roster.hear(try heartbeat("b"), now: now)
        #expect(roster.canAnswer("a") && !roster.canAnswer("b") && !roster.canAnswer("c"))
        #expect(roster.probe("b", since: now, now: now, on: "x") == nil)
        let asked = roster.probe("a", since: now, now: now, on: "x")
        let probe = try #require(asked)
        #expect(probe.publication.routingKey == "#server#a")
        #expect(roster.probe("a", since: now, now: now, on: "x") == nil)
        #expect(roster.probeReturned(probe.messageID, now: now) == .gone(uid: "a"))
        #expect(!roster.canAnswer("a"))
    }

    @Test("takes a question that came back for a probe of those who were to answer")
    func questions() throws {
        var roster = ServerRoster()
        _ = roster.hear(try heartbeat("a", probed), now: now)
        _ = roster.hear(try heartbeat("b"), now: now)
        roster.questionReturned(to: ["a", "b"], now: now)
        #expect(roster.presence.away(of: ["a", "b"]) == ["a"])
    }
}
