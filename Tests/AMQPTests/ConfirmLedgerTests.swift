import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("The confirm ledger")
struct ConfirmLedgerTests {
    @Test("counts tags from 1")
    func tags() {
        var ledger = ConfirmLedger<String>()
        #expect(ledger.nextTag == 1)
        ledger.add("a", "b")
        #expect(ledger.nextTag == 3)
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.ack(2) == ["b"])
        #expect(ledger.nextTag == 3)
        ledger.add("c")
        #expect(ledger.ack(3) == ["c"])
    }

    @Test("settles one tag, in any order")
    func outOfOrder() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c", "d")
        #expect(ledger.ack(3) == ["c"])
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.ack(4) == ["d"])
        #expect(ledger.count == 3)
        #expect(ledger.ack(2) == ["b"])
        #expect(ledger.count == 0)
    }

    @Test("settles everything up to a tag, leaving out what is settled")
    func multiple() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c", "d", "e")
        #expect(ledger.ack(2) == ["b"])
        #expect(ledger.ack(4, multiple: true) == ["a", "c", "d"])
        #expect(ledger.ack(4, multiple: true) == [])
        #expect(ledger.ack(5, multiple: true) == ["e"])
    }

    @Test("settles everything there is for tag 0")
    func tagZero() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c")
        #expect(ledger.ack(0) == [])
        #expect(ledger.ack(2) == ["b"])
        #expect(ledger.ack(0, multiple: true) == ["a", "c"])
        #expect(ledger.ack(0, multiple: true) == [])
        #expect(ledger.nextTag == 4)
    }

    @Test("ignores tags that are unknown or settled", arguments: [false, true])
    func unknownTags(multiple: Bool) {
        var ledger = ConfirmLedger<String>()
        #expect(ledger.ack(1, multiple: multiple) == [])
        ledger.add("a", "b", "c")
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.ack(1, multiple: multiple) == [])
        #expect(ledger.ack(4) == [])
        #expect(ledger.ack(.max) == [])
        #expect(ledger.ack(2) == ["b"])
        #expect(ledger.ack(2, multiple: multiple) == [])
        #expect(ledger.nextTag == 4)
    }

    @Test("takes a multiple beyond the last tag for everything", arguments: [4, 1_000, .max - 1, .max] as [UInt64])
    func multipleBeyondTheEnd(tag: UInt64) {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c")
        // Held from being compacted away: what is settled at the head stays a while.
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.ack(tag, multiple: true) == ["b", "c"])
        #expect(ledger.nextTag == 4)
    }

    @Test("gives up on what is due, and ignores its late ack")
    func expires() {
        var ledger = ConfirmLedger<String>()
        for (index, name) in ["a", "b", "c"].enumerated() {
            ledger.append(name, deadline: .seconds(Double(index + 1)))
        }
        #expect(ledger.earliestDeadline == .seconds(1))
        #expect(ledger.expired(at: .seconds(0.9)) == [])
        #expect(ledger.expired(at: .seconds(2)) == ["a", "b"])
        #expect(ledger.earliestDeadline == .seconds(3))
        #expect(ledger.ack(1) == [])
        #expect(ledger.ack(2, multiple: true) == [])
        #expect(ledger.ack(3, multiple: true) == ["c"])
        #expect(ledger.earliestDeadline == nil)
        #expect(ledger.expired(at: .seconds(9)) == [])
    }

    @Test("has no deadline for what is settled")
    func deadlineOfTheOldest() {
        var ledger = ConfirmLedger<String>()
        ledger.append("a", deadline: .seconds(1))
        ledger.append("b", deadline: .seconds(2))
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.earliestDeadline == .seconds(2))
    }

    @Test("remembers what was returned")
    func returns() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c")
        ledger.markReturned(tag: 2)
        ledger.markReturned(tag: 0)
        ledger.markReturned(tag: 9)
        var returned: [String: Bool] = [:]
        for tag in ledger.tags(of: 3, multiple: true) {
            if let published = ledger.settle(tag) { returned[published.entry] = published.isReturned }
        }
        #expect(returned == ["a": false, "b": true, "c": false])
        ledger.markReturned(tag: 2)
        #expect(ledger.count == 0)
    }

    @Test("gives everything unsettled back, and counts from 1 again")
    func resets() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "b", "c", "d")
        #expect(ledger.ack(1) == ["a"])
        #expect(ledger.ack(3) == ["c"])
        #expect(ledger.reset().map(\.entry) == ["b", "d"])
        #expect(ledger.nextTag == 1)
        #expect(ledger.earliestDeadline == nil)
        #expect(ledger.reset().isEmpty)
        ledger.add("e")
        #expect(ledger.ack(1) == ["e"])
    }

    @Test("tells apart what a close over an exchange means for each publish")
    func closes() {
        var ledger = ConfirmLedger<String>()
        ledger.add("x1")
        ledger.add("y1")
        ledger.add("x2", "x3")
        ledger.add("y2")
        ledger.add("z1")
        #expect(ledger.unsettled.map(\.entry) == ["x1", "y1", "x2", "x3", "y2", "z1"])
        #expect(ledger.ack(3) == ["x2"])
        let closed = ledger.resetClosed(overOneOf: { $0.hasPrefix("x") })
        #expect(closed.unknown.map(\.entry) == ["x1", "y1"])
        #expect(closed.rejected?.entry == "x3")
        #expect(closed.discarded.map(\.entry) == ["y2", "z1"])
        #expect(ledger.nextTag == 1)
        #expect(ledger.unsettled.isEmpty)
    }

    @Test("takes the last unsettled publish for the rejected one")
    func closesOverTheOnlyOne() {
        var ledger = ConfirmLedger<String>()
        ledger.add("x1", "x2")
        #expect(ledger.ack(2) == ["x2"])
        let closed = ledger.resetClosed(overOneOf: { $0.hasPrefix("x") })
        #expect(closed.rejected?.entry == "x1")
        #expect(closed.unknown.isEmpty)
        #expect(closed.discarded.isEmpty)
    }

    @Test("takes the first unsettled publish of which something holds for the rejected one")
    func closesOverTheFirst() {
        var ledger = ConfirmLedger<String>()
        ledger.add("a", "long", "b", "long too")
        #expect(ledger.ack(1) == ["a"])
        let closed = ledger.reset(closedOverFirst: { $0.hasPrefix("long") })
        #expect(closed.unknown.isEmpty)
        #expect(closed.rejected?.entry == "long")
        #expect(closed.discarded.map(\.entry) == ["b", "long too"])
        #expect(ledger.nextTag == 1)
    }

    @Test("calls everything unknown if the rejected publish is not there any more")
    func closesOverNothing() {
        var ledger = ConfirmLedger<String>()
        ledger.add("y1", "y2")
        let closed = ledger.resetClosed(overOneOf: { $0.hasPrefix("x") })
        #expect(closed.unknown.map(\.entry) == ["y1", "y2"])
        #expect(closed.rejected == nil)
        #expect(closed.discarded.isEmpty)
    }

    @Test("keeps its tags when it drops what is settled")
    func compacts() {
        var ledger = ConfirmLedger<Int>()
        for number in 1...6_000 { ledger.append(number, deadline: .seconds(Double(number))) }
        #expect(ledger.ack(3_500, multiple: true).count == 3_500)
        #expect(ledger.count == 2_500)
        #expect(ledger.nextTag == 6_001)
        #expect(ledger.ack(3_501) == [3_501])
        #expect(ledger.ack(5_999) == [5_999])
        for number in 6_001...12_000 { ledger.append(number, deadline: .seconds(Double(number))) }
        #expect(ledger.ack(12_000) == [12_000])
        #expect(ledger.ack(6_000, multiple: true) == Array(3_502...5_998) + [6_000])
        #expect(ledger.earliestDeadline == .seconds(6_001))
        #expect(ledger.ack(0, multiple: true) == Array(6_001...11_999))
        #expect(ledger.nextTag == 12_001)
        ledger.append(12_001, deadline: .seconds(0))
        #expect(ledger.ack(12_001) == [12_001])
    }

    @Test("does what a dictionary from tags would do", arguments: 0..<10)
    func behavesLikeADictionary(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var ledger = ConfirmLedger<Int>()
        var model: [UInt64: (entry: Int, deadline: Int)] = [:]
        var (nextTag, time, appended) = (UInt64(1), 0, 0)

        func settleModel(_ tags: (UInt64) -> Bool) -> [Int] {
            let settled = model.keys.filter(tags).sorted()
            defer { for tag in settled { model[tag] = nil } }
            return settled.map { model[$0]!.entry }
        }

        for _ in 0..<3_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<40:
                for _ in 0..<Int.random(in: 1...40, using: &random) {
                    ledger.append(appended, deadline: .seconds(Double(time + 50)))
                    model[nextTag] = (appended, time + 50)
                    nextTag += 1
                    appended += 1
                }
            case 40..<75:
                let tag = UInt64.random(in: 0...nextTag + 2, using: &random)
                #expect(ledger.ack(tag) == settleModel { $0 == tag })
            case 75..<90:
                let tag = UInt64.random(in: (nextTag / 2)...nextTag + 2, using: &random)
                #expect(ledger.ack(tag, multiple: true) == settleModel { tag == 0 || $0 <= tag })
            case 90..<99:
                time += Int.random(in: 1...10, using: &random)
                #expect(ledger.expired(at: .seconds(Double(time))) == settleModel { model[$0]!.deadline <= time })
            default:
                #expect(ledger.reset().map(\.entry) == settleModel { _ in true })
                nextTag = 1
            }
            #expect(ledger.nextTag == nextTag)
            #expect(
                ledger.earliestDeadline == model.min { $0.key < $1.key }.map { .seconds(Double($0.value.deadline)) })
        }
    }
}

extension ConfirmLedger {
    /// Appends entries that are due in an hour.
    fileprivate mutating func add(_ entries: Entry...) {
        for entry in entries { append(entry, deadline: .seconds(3_600)) }
    }

    /// What an ack settles.
    fileprivate mutating func ack(_ tag: UInt64, multiple: Bool = false) -> [Entry] {
        tags(of: tag, multiple: multiple).compactMap { settle($0)?.entry }
    }

    fileprivate mutating func expired(at now: MonotonicTime) -> [Entry] {
        var expired: [Entry] = []
        while let published = expire(now: now) { expired.append(published.entry) }
        return expired
    }
}
