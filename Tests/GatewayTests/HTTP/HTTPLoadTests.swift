import Testing

@testable import Gateway

@Suite("The load")
struct HTTPLoadTests {
    private let first = ClientAddress(SocketAddress(ipv4: "192.0.2.1"))
    private let second = ClientAddress(SocketAddress(ipv4: "192.0.2.2"))

    @Test("has room for as many connections as it may have")
    func connections() {
        let load = HTTPLoad(limits: .init(connections: 2))
        for _ in 0..<2 {
            #expect(load.hasRoom(for: first))
            load.opened(first)
        }
        #expect(load.openConnections == 2)
        #expect(!load.hasRoom(for: first) && !load.hasRoom(for: second))
        load.closed(first)
        #expect(load.openConnections == 1)
        #expect(load.hasRoom(for: second))
    }

    @Test("has room for as many from one address as it may have")
    func connectionsPerAddress() {
        let load = HTTPLoad(limits: .init(connections: 10, connectionsPerAddress: 2))
        for _ in 0..<2 { load.opened(first) }
        #expect(!load.hasRoom(for: first))
        #expect(load.hasRoom(for: second))
        load.closed(first)
        #expect(load.hasRoom(for: first))
        load.closed(first)
        // One that nobody opened must not make room for more.
        load.closed(first)
        for _ in 0..<2 { load.opened(first) }
        #expect(!load.hasRoom(for: first))
    }

    @Test("takes as many requests at a time as it may, and counts those that are too many")
    func requests() {
        let load = HTTPLoad(limits: .init(requests: 2))
        #expect(load.began() && load.began())
        #expect(!load.began())
        #expect(load.requestsInFlight == 3)
        load.ended()
        #expect(!load.began())
        for _ in 0..<3 { load.ended() }
        #expect(load.requestsInFlight == 0)
        #expect(load.began())
    }
}
