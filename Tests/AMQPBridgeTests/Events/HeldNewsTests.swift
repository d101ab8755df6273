import EventLoop
import Testing

@testable import AMQPBridge

@Suite("News that is held back")
struct HeldNewsTests {
    private func seconds(_ seconds: Double) -> MonotonicTime { .seconds(seconds) }

    @Test("comes when it is due, in order, unless it was taken back")
    func order() {
        var held = HeldNews<String, Int>()
        held.hold(1, of: "a", size: 10, until: seconds(3))
        held.hold(2, of: "b", size: 10, until: seconds(4))
        held.hold(3, of: "c", size: 10, until: seconds(5))
        #expect(held.deadline == seconds(3))
        #expect(held.takeBack("a") == 1)
        #expect(held.takeBack("a") == nil)
        #expect(held.deadline == seconds(4))
        // Again, and later: its place is behind the others.
        held.hold(4, of: "a", size: 10, until: seconds(6))
        let due = held.due(now: seconds(5)).map(\.news)
        #expect(due == [2, 3])
        #expect(held.deadline == seconds(6))
        #expect(held.all().map(\.news) == [4])
        #expect(held.isEmpty && held.bytes == 0 && held.deadline == nil)
    }

    @Test("that is taken back again and again takes no memory")
    func flapping() {
        var held = HeldNews<String, Int>()
        for number in 0..<10_000 {
            held.hold(number, of: "a", size: 1_000, until: seconds(3))
            held.takeBack("a")
        }
        #expect(held.bytes == 0)
        held.hold(0, of: "first", size: 1_000, until: seconds(3))
        for number in 0..<10_000 {
            held.hold(number, of: "a", size: 1_000, until: seconds(3))
            held.takeBack("a")
        }
        #expect(held.bytes <= 1_000 + 8 * 10_001)
    }
}
