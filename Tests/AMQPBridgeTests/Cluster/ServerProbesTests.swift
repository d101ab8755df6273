import BrokerFixtures
import EventLoop
import Testing

@testable import AMQPBridge

@Suite("Probes")
struct ServerProbesTests {
    private let now = MonotonicTime.seconds(100)

    @Test("are one for all who wait for a server")
    func shared() {
        var probes = ServerProbes()
        let first = probes.begin("a", since: now, now: now + .milliseconds(100))
        #expect(first.map(ServerProbes.isProbe) == true)
        #expect(probes.begin("a", since: now + .milliseconds(90), now: now + .milliseconds(190)) == nil)
        #expect(probes.begin("a", since: now + .milliseconds(100), now: now + .milliseconds(200)) == nil)
        #expect(probes.begin("b", since: now, now: now) != nil)
        // What became of the first says nothing to one who has asked since.
        let second = probes.begin("a", since: now + .milliseconds(101), now: now + .milliseconds(201))
        #expect(second != nil && second != first)
        #expect(probes.count == 2)
    }

    @Test("say that a server is gone when they come back, once")
    func returned() {
        var probes = ServerProbes()
        let id = probes.begin("a", since: now, now: now)!
        #expect(probes.returned("probe-77") == nil)
        #expect(probes.returned(id) == .gone(uid: "a"))
        #expect(probes.returned(id) == nil)
        #expect(probes.count == 0)
        #expect(probes.begin("a", since: now, now: now) != nil)
    }

    @Test("say nothing when the server has been heard of meanwhile")
    func outdated() {
        var probes = ServerProbes()
        let id = probes.begin("a", since: now, now: now)!
        probes.heard(of: "a")
        probes.heard(of: "b")
        #expect(probes.returned(id) == .outdated(uid: "a"))
        // One that is not answered any more is no reason not to ask again.
        let second = probes.begin("a", since: now, now: now)!
        probes.heard(of: "a")
        let third = probes.begin("a", since: now, now: now)!
        #expect(probes.returned(second) == nil)
        #expect(probes.returned(third) == .gone(uid: "a"))
    }

    @Test("are forgotten with their servers")
    func forgotten() {
        var probes = ServerProbes()
        for uid in ["a", "b", "c"] { _ = probes.begin(uid, since: now, now: now) }
        probes.keep { $0 == "b" }
        #expect(probes.count == 1)
        #expect(probes.begin("b", since: now, now: now) == nil)
        #expect(probes.begin("a", since: now, now: now) != nil)
    }
}
