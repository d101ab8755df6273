import BrokerFixtures
import Testing

@testable import EventLoop

@Suite("Deadline ticks")
struct DeadlineTicksTests {
    private static let tick: Int64 = 20_000_000

    @Test("are due within a tick after the deadline, never before it")
    func due() {
        for offset in [0, 1, Self.tick - 1, Self.tick, Self.tick + 1] {
            var ticks = DeadlineTicks()
            let deadline = MonotonicTime(nanoseconds: 50 * Self.tick + offset)
            ticks.add("a", at: deadline)
            #expect(ticks.due(now: deadline) == [])
            let next = ticks.next
            #expect(next.map { $0 > deadline && $0.nanoseconds - deadline.nanoseconds <= Self.tick } == true)
            #expect(ticks.due(now: MonotonicTime(nanoseconds: next!.nanoseconds - 1)) == [])
            #expect(ticks.due(now: next!) == ["a"])
            #expect(ticks.next == nil)
            #expect(ticks.due(now: next! + .seconds(60)) == [])
        }
    }

    @Test("do not wake anybody for nothing")
    func next() {
        var ticks = DeadlineTicks()
        #expect(ticks.next == nil)
        ticks.add("late", at: .seconds(10))
        ticks.add("early", at: .seconds(1))
        #expect(ticks.next == .seconds(1.02))
        #expect(ticks.due(now: .seconds(1.02)) == ["early"])
        #expect(ticks.next == .seconds(10.02))
        ticks.remove("late", at: .seconds(10))
        #expect(ticks.next == nil)
        // What went may leave a tick behind, once.
        ticks.add("early", at: .seconds(1))
        ticks.add("late", at: .seconds(10))
        ticks.remove("early", at: .seconds(1))
        #expect(ticks.due(now: .seconds(2)) == [])
        #expect(ticks.next == .seconds(10.02))
    }

    @Test("keep those of the same moment apart")
    func sameTick() {
        var ticks = DeadlineTicks()
        for id in ["a", "b", "c"] { ticks.add(id, at: .seconds(1)) }
        ticks.remove("b", at: .seconds(1))
        ticks.remove("nobody", at: .seconds(1))
        ticks.remove("a", at: .seconds(7))
        #expect(Set(ticks.due(now: .seconds(2))) == ["a", "c"])
    }

    @Test("find the same as looking at all of them would", arguments: 0..<20)
    func model(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var ticks = DeadlineTicks()
        var model: [String: MonotonicTime] = [:]
        var now = MonotonicTime.seconds(5)
        // Rare ones far apart, and many close together.
        let span: Int64 = seed % 2 == 0 ? 100_000_000 : 60_000_000_000
        for step in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let deadline = now.advanced(byNanoseconds: .random(in: 0..<span, using: &random))
                model["\(step)"] = deadline
                ticks.add("\(step)", at: deadline)
            case 4..<6:
                guard let (id, deadline) = model.sorted(by: { $0.key < $1.key }).randomElement(using: &random) else {
                    break
                }
                model[id] = nil
                ticks.remove(id, at: deadline)
            default:
                now = now.advanced(byNanoseconds: .random(in: 0..<span / 10, using: &random))
                let current = now.nanoseconds / Self.tick
                let expected = model.filter { $0.value.nanoseconds / Self.tick < current }
                #expect(Set(ticks.due(now: now)) == Set(expected.keys))
                for id in expected.keys { model[id] = nil }
            }
            #expect((ticks.next == nil) == model.isEmpty)
            if let next = ticks.next, let first = model.values.min() {
                #expect(next.nanoseconds <= (first.nanoseconds / Self.tick + 1) * Self.tick)
            }
        }
    }
}
