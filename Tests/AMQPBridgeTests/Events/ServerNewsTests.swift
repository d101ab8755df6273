import Testing

@testable import AMQPBridge

@Suite("News of servers")
struct ServerNewsTests {
    private var news = ServerNews()

    private mutating func heard(_ uid: String, isThere: Bool = true) -> ClusterEvent? {
        news.heard(uid, isThere: isThere, time: 7)
    }

    @Test("are servers that come and go, once")
    mutating func comingAndGoing() {
        news.setComplete(true)
        #expect(heard("a") == ClusterEvent(.serverUp, time: 7, server: "a"))
        #expect(heard("a") == nil)
        #expect(heard("a", isThere: false) == ClusterEvent(.serverLost, time: 7, server: "a"))
        #expect(heard("a", isThere: false) == nil)
        #expect(heard("a") != nil)
    }

    @Test("are not those that were there already, but that they go")
    mutating func thereAlready() {
        #expect(heard("a") == nil)
        news.setComplete(true)
        #expect(heard("a") == nil)
        #expect(heard("a", isThere: false)?.kind == .serverLost)
    }
}
