import AMQPBridge
import Testing

@testable import Routes

@Suite("The ring of a stream's entries")
struct EntryRingTests {
    private func entry(_ number: Int) -> EventEntry {
        EventEntry(ClusterEvent(.roomOccupied, time: 0, namespace: "/", room: .number(number)))
    }

    private func ring(events: Int = 10_000, bytes: Int = 8 << 20, holding count: Int = 0) -> EntryRing<EventEntry> {
        var ring = EntryRing(EntryRing<EventEntry>.Limits(entries: events, bytes: bytes))
        for number in 0..<count { ring.append(entry(number + 1)) }
        return ring
    }

    @Test("has each event under its number, from 1 on")
    func numbers() {
        let ring = ring(holding: 3)
        #expect(ring.first == 1 && ring.next == 4 && ring.count == 3)
        #expect((1...3).map { ring[$0]?.room } == [.number(1), .number(2), .number(3)])
    }

    @Test("keeps the newest, as many as it may", arguments: [1, 3, 1_000])
    func bound(most: Int) {
        let ring = ring(events: most, holding: 5_000)
        #expect(ring.count == most && ring.next == 5_001)
        for number in ring.first..<ring.next { #expect(ring[number]?.room == .number(Int(number))) }
    }

    @Test("keeps as many bytes as it may, and one event whatever it takes")
    func bytes() {
        let small = ring(bytes: 10_000, holding: 5_000)
        #expect((20..<60).contains(small.count))
        var tiny = ring(bytes: 1)
        tiny.append(entry(1))
        tiny.append(entry(2))
        #expect(tiny.count == 1 && tiny[2]?.room == .number(2))
    }

    @Test("forgets all, and leaves a number out, so that no earlier one has a sequel")
    func clearing() {
        var ring = ring(holding: 3)
        ring.clear()
        #expect(ring.count == 0 && ring.first == 5 && ring.next == 5)
        ring.append(entry(9))
        #expect(ring[5]?.room == .number(9))
    }

    @Test("leaves a number out between two events")
    func skipping() {
        var ring = ring(holding: 1)
        ring.skip()
        ring.append(entry(3))
        #expect(ring[1] != nil && ring[2] == nil && ring[3]?.room == .number(3))
    }
}
