import Testing

@testable import Gateway

@Suite("Clients that have left")
struct DeparturesTests {
    private func look(
        _ departures: inout Departures, waiting: Set<Int32> = [], unread: Set<Int32> = []
    ) -> [Int32] {
        departures.look {
            waiting.contains($0) ? .waits : .hasToBeRead
        } hasUnread: {
            unread.contains($0)
        }.sorted()
    }

    @Test("are over, once")
    func over() {
        var departures = Departures()
        #expect(!departures.areDue && look(&departures) == [])
        departures.add(7)
        departures.add(8)
        #expect(departures.areDue)
        #expect(look(&departures) == [7, 8])
        #expect(!departures.areDue && look(&departures) == [])
    }

    @Test("are over only when what they sent before is read")
    func unread() {
        var departures = Departures()
        departures.add(7)
        #expect(look(&departures, unread: [7]) == [] && departures.areDue)
        #expect(look(&departures, unread: [7]) == [] && departures.areDue)
        #expect(look(&departures) == [7])
    }

    @Test("and wait are looked at again behind their answers, also for the next one")
    func waiting() {
        var departures = Departures()
        departures.add(7)
        #expect(look(&departures, waiting: [7]) == [] && !departures.areDue)
        // Another request had come before the end.
        departures.answered(7)
        #expect(look(&departures, waiting: [7]) == [])
        departures.answered(7)
        #expect(look(&departures) == [7])
    }

    @Test("end an answer that would go on for ever, whatever they have sent behind their request")
    func streams() {
        var departures = Departures()
        departures.add(7)
        #expect(departures.look({ _ in .ends }, hasUnread: { _ in true }) == [7] && !departures.areDue)
    }

    @Test("are not those that stay")
    func others() {
        var departures = Departures()
        departures.answered(7)
        #expect(!departures.areDue && !departures.contains(7))
        departures.add(8)
        departures.answered(7)
        #expect(departures.contains(8) && look(&departures) == [8])
    }

    @Test("leave nothing to the next one with their descriptor")
    func removal() {
        var departures = Departures()
        departures.add(7)
        departures.remove(7)
        departures.answered(7)
        #expect(!departures.areDue && !departures.contains(7) && look(&departures) == [])
    }
}
