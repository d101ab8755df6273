import AMQPBridge
import EventLoop
import Testing

@testable import Gateway

@Suite("A connection's times")
struct ConnectionTimesTests {
    private let limits = ConnectionTimes.Limits(HTTPDaemon.Limits())

    private func time(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000 + Int64(seconds * 1_000_000_000))
    }

    private func opened() -> ConnectionTimes { ConnectionTimes(opened: time(0), limits) }

    @Test("give a new one 10 s for its head, and make it expendable after 1 s")
    func new() {
        let times = opened()
        #expect(!times.isLate(now: time(9.9)) && times.isLate(now: time(10)))
        #expect(!times.isExpendable(now: time(0.9)) && times.isExpendable(now: time(1)))
    }

    @Test("give a body 30 s, however it trickles")
    func body() {
        var times = opened()
        times.headCame(hasBody: true, isRefused: false, now: time(5), limits)
        #expect(!times.isLate(now: time(34.9)) && times.isLate(now: time(35)))
        #expect(!times.isExpendable(now: time(1_000)))
    }

    @Test("have no end while an answer that goes on rests, and one while a piece of it is not read")
    func streams() {
        var times = opened()
        times.headCame(hasBody: false, isRefused: false, now: time(0), limits)
        times.answered(now: time(1))
        times.rests()
        #expect(!times.isLate(now: time(100_000)) && !times.isExpendable(now: time(100_000)))
        times.answered(now: time(1_000))
        #expect(!times.isLate(now: time(1_119)) && times.isLate(now: time(1_120)))
        #expect(!times.isExpendable(now: time(1_004)) && times.isExpendable(now: time(1_005)))
        times.ended()
        times.rests()
        #expect(!times.isLate(now: time(100_000)))
    }

    @Test("have no end while the handler works")
    func handler() {
        for hasBody in [true, false] {
            var times = opened()
            times.headCame(hasBody: hasBody, isRefused: false, now: time(0), limits)
            times.bodyCame()
            #expect(!times.isLate(now: time(100_000)) && !times.isExpendable(now: time(100_000)))
        }
    }

    @Test("give a refused body 5 s, and make its connection expendable after 1 s")
    func refusedBody() {
        var times = opened()
        times.headCame(hasBody: true, isRefused: true, now: time(0), limits)
        #expect(!times.isLate(now: time(4.9)) && times.isLate(now: time(5)))
        #expect(!times.isExpendable(now: time(0.9)) && times.isExpendable(now: time(1)))
        var short = HTTPDaemon.Limits()
        short.bodyTime = .seconds(2)
        times.headCame(hasBody: true, isRefused: true, now: time(0), ConnectionTimes.Limits(short))
        #expect(times.isLate(now: time(2)))
    }

    @Test("give an answer 120 s to be read, and make its connection expendable after 5 s")
    func answer() {
        var times = opened()
        times.headCame(hasBody: false, isRefused: false, now: time(0), limits)
        times.answered(now: time(10))
        #expect(!times.isLate(now: time(129.9)) && times.isLate(now: time(130)))
        #expect(!times.isExpendable(now: time(14.9)) && times.isExpendable(now: time(15)))
    }

    @Test("give an idle one its time and that of the next head, and make it expendable at once")
    func idle() {
        var times = opened()
        times.completed(now: time(1), limits)
        #expect(!times.isLate(now: time(140.9)) && times.isLate(now: time(141)))
        #expect(times.expendableFrom == time(1))
    }

    @Test("have no meaning any more for one that was ended")
    func ended() {
        var times = opened()
        times.ended()
        times.answered(now: time(1))
        times.completed(now: time(1), limits)
        #expect(!times.isLate(now: time(100_000)) && times.expendableFrom == nil)
    }
}
