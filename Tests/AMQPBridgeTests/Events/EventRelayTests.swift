import AMQP
import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("The relay of events")
struct EventRelayTests {
    private final class Fixture {
        let relay: EventRelay
        let now = MonotonicTime.seconds(100)
        private(set) var came: [ClusterEvent.Kind] = []
        private(set) var silent: [String] = []

        init(publishes: Bool = false) {
            let exchange = EventExchange("ev") { event, _ in Array(event.kind.rawValue.utf8) }
            relay = EventRelay(
                exchange: "x", limits: ClusterView.Limits(), eventExchange: publishes ? exchange : nil, clock: { 7 })
            relay.came = { [unowned self] in came += $0.map(\.kind) }
            relay.silentServer = { [unowned self] in silent.append($0) }
        }

        func written(_ write: (inout [UInt8]) -> Void) -> [WrittenFrame] {
            var buffer: [UInt8] = []
            write(&buffer)
            return WrittenFrame.read(buffer)
        }

        func server(_ uid: String, _ members: String) throws -> Presence.Server {
            var presence = Presence()
            _ = presence.hear(try heartbeat(uid, members), now: now)
            return try #require(presence.server(uid))
        }
    }

    private let reporting = ##""namespaces":["/"],"features":["acks","numbers","events"],"probe":"#server#a""##

    @Test("opens a channel once on each connection, while events are wanted")
    func channel() {
        let fixture = Fixture()
        #expect(fixture.written { fixture.relay.connected(into: &$0) } == [])
        #expect(fixture.relay.want(EventWants(), now: fixture.now))
        #expect(fixture.written { fixture.relay.open(into: &$0) }.first == .channelOpen(4))
        #expect(fixture.written { fixture.relay.open(into: &$0) } == [])
        #expect(!fixture.relay.want(EventWants(members: true), now: fixture.now))
        #expect(fixture.written { fixture.relay.connected(into: &$0) }.first == .channelOpen(4))
        #expect(!fixture.relay.want(nil, now: fixture.now) && !fixture.relay.isWanted)
    }

    @Test("has a word for the servers as soon as they can be heard")
    func word() throws {
        let fixture = Fixture()
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        #expect(fixture.relay.word(now: fixture.now) == nil)
        fixture.relay.opened()
        #expect(try #require(fixture.relay.word(now: fixture.now)).routingKey == "#events-wanted")
        #expect(fixture.relay.word(now: fixture.now) == nil)
        #expect(
            fixture.relay.deadline(pending: 0, maySend: true, mayPublish: true) == fixture.now + .seconds(5))
        #expect(fixture.relay.deadline(pending: 0, maySend: false, mayPublish: true) == nil)
    }

    @Test("passes on who comes and goes, once the servers are known")
    func news() throws {
        let fixture = Fixture()
        let server = try fixture.server("a", reporting)
        fixture.relay.heard(server, isNew: true, now: fixture.now)
        fixture.relay.passOn()
        #expect(fixture.came == [])
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        fixture.relay.begin([], now: fixture.now)
        fixture.relay.heard(server, isNew: true, now: fixture.now)
        fixture.relay.lost("a", now: fixture.now)
        fixture.relay.passOn()
        #expect(fixture.came == [.serverUp, .serverLost])
        #expect(fixture.silent == [])
    }

    @Test("names a server that tells no events, once a minute")
    func silent() throws {
        let fixture = Fixture()
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        for uid in ["old", "older"] {
            fixture.relay.heard(try fixture.server(uid, "\"pid\":1"), isNew: true, now: fixture.now)
        }
        #expect(fixture.silent == ["old"])
        fixture.relay.warnOfSilence([try fixture.server("older", "\"pid\":1")], now: fixture.now + .seconds(61))
        #expect(fixture.silent == ["old", "older"])
    }

    @Test("forgets the pages that were asked for before events were wanted anew")
    func pages() throws {
        let fixture = Fixture()
        fixture.relay.opened()
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        fixture.relay.begin([try fixture.server("a", reporting)], now: fixture.now)
        let listing = try #require(fixture.relay.nextListing(now: fixture.now))
        let page = fixture.relay.question(for: listing)
        #expect(page.waiter == -1 && page.question.server == "a")
        _ = fixture.relay.want(nil, now: fixture.now)
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        fixture.relay.begin([try fixture.server("a", reporting)], now: fixture.now)
        let again = try #require(fixture.relay.nextListing(now: fixture.now))
        // A page of the other run does not end this one: its server is not asked twice at once.
        fixture.relay.answered(page, nil, now: fixture.now)
        #expect(fixture.relay.nextListing(now: fixture.now + .seconds(60)) == nil)
        fixture.relay.passOver(again, now: fixture.now)
        #expect(fixture.relay.nextListing(now: fixture.now + .seconds(60)) != nil)
    }

    @Test("hears nothing on a new connection because it heard on the lost one")
    func newConnection() throws {
        let fixture = Fixture()
        fixture.relay.opened()
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        fixture.relay.disconnected()
        _ = fixture.relay.want(nil, now: fixture.now)
        _ = fixture.relay.want(EventWants(), now: fixture.now)
        let servers = [try fixture.server("a", reporting)]
        fixture.relay.begin(servers, now: fixture.now)
        #expect(fixture.relay.nextListing(now: fixture.now) == nil)
        fixture.relay.opened()
        fixture.relay.begin(servers, now: fixture.now)
        #expect(fixture.relay.nextListing(now: fixture.now) != nil)
    }

    @Test("publishes nothing where there is no exchange for it")
    func unpublished() {
        let (fixture, publishing) = (Fixture(), Fixture(publishes: true))
        var outbound = OutboundBuffer()
        #expect(fixture.relay.write(into: &outbound, frameMax: 4_096, now: fixture.now) == nil)
        #expect(publishing.relay.write(into: &outbound, frameMax: 4_096, now: fixture.now) == 0)
        #expect(!publishing.relay.isSender && outbound.pending == 0)
    }
}
