import Testing

@testable import Gateway

@Suite("the load of a loop")
struct LoopLoadTests {
    @Test("takes as many bytes of bodies as it may, and counts an answer in place of its body")
    func bodies() {
        let load = LoopLoad(of: HTTPLoad(limits: .init(bodyBytes: 100)))
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
        let process = HTTPLoad(limits: .init(requests: 2))
        let load = LoopLoad(of: process)
        #expect(load.began() && load.began())
        #expect(!load.began())
        #expect(process.requestsInFlight == 3)
        load.ended()
        #expect(!load.began())
        for _ in 0..<3 { load.ended() }
        #expect(process.requestsInFlight == 0)
        #expect(load.began())
    }

    @Test("takes no more than is allowed to all loops together")
    func together() {
        let process = HTTPLoad(limits: .init(requests: 2, bodyBytes: 100))
        let (one, other) = (LoopLoad(of: process), LoopLoad(of: process))
        #expect(one.began() && other.began())
        #expect(!one.began() && !other.began())
        #expect(process.requestsInFlight == 4)
        #expect(one.takeBodyBytes(60) && other.takeBodyBytes(40))
        #expect(!one.takeBodyBytes(1) && !other.takeBodyBytes(1))
        // What one took another may give back.
        other.giveBackBodyBytes(60)
        #expect(one.takeBodyBytes(60))
    }

    @Test("tells the others when its turn ends, and at once what is more than a thousandth")
    func tells() {
        let process = HTTPLoad(limits: .init(requests: 10_000, bodyBytes: 1_000_000))
        let load = LoopLoad(of: process)
        for _ in 0..<10 { #expect(load.began()) }
        #expect(process.requestsInFlight == 0)
        #expect(load.began())
        #expect(process.requestsInFlight == 11)
        load.ended()
        #expect(process.requestsInFlight == 11)
        #expect(load.takeBodyBytes(1_000))
        #expect(process.bodyBytes == 0)
        load.tell()
        #expect(process.requestsInFlight == 10 && process.bodyBytes == 1_000)
        load.giveBackBodyBytes(1_001)
        #expect(process.bodyBytes == -1)
    }

    @Test("takes no more than a thousandth too many for each loop, whatever the others have not told")
    func bound() {
        let process = HTTPLoad(limits: .init(requests: 10_000))
        let loops = (0..<4).map { _ in LoopLoad(of: process) }
        var taken = 0
        for turn in 0..<20_000 where loops[turn % loops.count].began() { taken += 1 }
        #expect((10_000 - 40...10_000 + 40).contains(taken))
    }

    @Test("knows its own changes before it tells them")
    func own() {
        let process = HTTPLoad(limits: .init(requests: 10_000, bodyBytes: 1_000_000))
        let load = LoopLoad(of: process)
        process.addRequests(9_999)
        #expect(load.began() && !load.began())
        process.addBodyBytes(999_500)
        #expect(load.takeBodyBytes(500) && !load.takeBodyBytes(1))
        load.giveBackBodyBytes(500)
        #expect(load.hasRoom(forBody: 500) && !load.hasRoom(forBody: 501))
    }
}
