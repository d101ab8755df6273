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

    @Test("takes as many bytes of bodies as it may, and counts an answer in place of its body")
    func bodies() {
        let load = HTTPLoad(limits: .init(bodyBytes: 100))
        #expect(load.hasRoom(forBody: 100) && !load.hasRoom(forBody: 101))
        #expect(load.takeBodyBytes(60) && !load.takeBodyBytes(41))
        #expect(load.hasRoom(forBody: 40))
        // An answer is there already: it takes what it takes.
        load.replaceBodyBytes(60, with: 150)
        #expect(!load.hasRoom(forBody: 0) && !load.takeBodyBytes(1))
        load.giveBackBodyBytes(150)
        #expect(load.hasRoom(forBody: 100))
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
