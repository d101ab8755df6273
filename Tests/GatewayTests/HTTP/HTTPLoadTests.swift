import Testing

@testable import Gateway

@Suite("The load")
struct HTTPLoadTests {
    private let first = ClientAddress(IPAddress("192.0.2.1")!)
    private let second = ClientAddress(IPAddress("192.0.2.2")!)

    @Test("has room for as many connections as it may have")
    func connections() {
        let load = HTTPLoad(limits: .init(connections: 2))
        for _ in 0..<2 {
            #expect(load.hasRoomForConnection)
            load.opened(first)
        }
        #expect(load.openConnections == 2)
        #expect(!load.hasRoomForConnection)
        load.closed(first)
        #expect(load.openConnections == 1)
        #expect(load.hasRoomForConnection)
    }

    @Test("has room for as many from one address as it may have")
    func connectionsPerAddress() {
        let load = HTTPLoad(limits: .init(connections: 10, connectionsPerAddress: 2))
        for _ in 0..<2 { load.opened(first) }
        #expect(!load.hasRoom(forAddress: first))
        #expect(load.hasRoom(forAddress: second))
        load.closed(first)
        #expect(load.hasRoom(forAddress: first))
        load.closed(first)
        // One that nobody opened must not make room for more.
        load.closed(first)
        for _ in 0..<2 { load.opened(first) }
        #expect(!load.hasRoom(forAddress: first))
    }

    @Test("counts connections of proxies among all, and as no client's")
    func proxies() {
        let load = HTTPLoad(limits: .init(connections: 3, connectionsPerAddress: 1))
        for _ in 0..<3 {
            #expect(load.hasRoomForConnection && load.hasRoom(forAddress: nil))
            load.opened(nil)
        }
        #expect(!load.hasRoomForConnection && load.hasRoom(forAddress: nil) && load.hasRoom(forAddress: first))
        for _ in 0..<3 { load.closed(nil) }
        #expect(load.openConnections == 0 && load.hasRoomForConnection)
    }

    @Test("takes as many requests through proxies from a client as it takes connections")
    func requestsOfClients() {
        let load = HTTPLoad(limits: .init(connectionsPerAddress: 2))
        #expect(load.began(from: first) && load.began(from: first))
        #expect(!load.began(from: first))
        #expect(load.began(from: second))
        // Two of three are too many for another connection, too.
        load.ended(from: first)
        #expect(!load.hasRoom(forAddress: first) && !load.began(from: first))
        for _ in 0..<3 { load.ended(from: first) }
        #expect(load.hasRoom(forAddress: first) && load.began(from: first))
        let unlimited = HTTPLoad(limits: .init())
        #expect((0..<100).allSatisfy { _ in unlimited.began(from: first) })
    }
}
