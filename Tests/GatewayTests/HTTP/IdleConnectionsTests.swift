import AMQPBridge
import EventLoop
import Testing

@testable import Gateway

@Suite("Idle connections")
struct IdleConnectionsTests {
    private func time(_ second: Int) -> MonotonicTime { MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000) }

    @Test("are closed in the order in which they became idle")
    func order() {
        var since: [Int32: MonotonicTime] = [:]
        // 100 in a mixed order, more than one search finds.
        for number in 0..<100 { since[Int32(number)] = time(number * 37 % 100) }
        var connections = IdleConnections()
        var closed: [MonotonicTime] = []
        while let next = connections.next(
            search: { since.map { .init(descriptor: $0.key, since: $0.value) } },
            isStill: { since[$0.descriptor] == $0.since })
        {
            closed.append(since.removeValue(forKey: next)!)
        }
        #expect(closed == (0..<100).map(time))
    }

    @Test("are left alone when they have become busy, or idle anew")
    func changes() {
        var since: [Int32: MonotonicTime] = [1: time(1), 2: time(2), 3: time(3)]
        var connections = IdleConnections()
        func next() -> Int32? {
            connections.next(
                search: { since.map { .init(descriptor: $0.key, since: $0.value) } },
                isStill: { since[$0.descriptor] == $0.since })
        }
        #expect(next() == 1)
        since[1] = nil
        since[2] = nil
        since[3] = time(4)
        // Found anew: what is known of 3 is not right any more.
        #expect(next() == 3)
        since[3] = nil
        #expect(next() == nil)
    }

    @Test("are searched once for many")
    func searches() {
        var since: [Int32: MonotonicTime] = [:]
        for number in 0..<1_000 { since[Int32(number)] = time(number) }
        var connections = IdleConnections()
        var searches = 0
        for expected in Int32(0)..<320 {
            let next = connections.next(
                search: { () -> [IdleConnections.Candidate] in
                    searches += 1
                    return since.map { .init(descriptor: $0.key, since: $0.value) }
                }, isStill: { since[$0.descriptor] == $0.since })
            #expect(next == expected)
            since[expected] = nil
        }
        #expect(searches == 10)
    }
}
