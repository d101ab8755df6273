import AMQPBridge
import EventLoop
import Testing

@testable import Gateway

@Suite("A listener's rest")
struct ListenerRestTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("lasts 50 ms, and ends once")
    func length() {
        var rest = ListenerRest()
        #expect(rest.end == nil)
        _ = rest.begin("x", now: start)
        #expect(rest.end == start + .milliseconds(50))
        let over = [49, 50, 51].map { rest.isOver(now: start + .milliseconds($0)) }
        #expect(over == [false, true, false])
        #expect(rest.end == nil)
    }

    @Test("is a line in the log once a minute")
    func lines() {
        var rest = ListenerRest()
        let lines = (0...61).filter { rest.begin("x", now: start + .seconds($0)) }
        #expect(lines == [0, 60])
        let isAnother = rest.begin("y", now: start + .seconds(61))
        #expect(isAnother, "another shortage is another line")
    }
}
