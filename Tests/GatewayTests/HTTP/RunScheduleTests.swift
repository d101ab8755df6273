import AMQPBridge
import EventLoop
import Testing

@testable import Gateway

@Suite("The run schedule")
struct RunScheduleTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private var schedule = RunSchedule(mostPolled: 4)

    /// Whether a run is due although no socket says so. libmicrohttpd must not be asked while somebody is polled.
    private func isDue(after milliseconds: Int = 0, libraryIsBusy: Bool? = false) -> Bool {
        let now = start + .milliseconds(milliseconds)
        let busy = { () -> Bool in
            #expect(libraryIsBusy != nil, "libmicrohttpd was asked")
            return libraryIsBusy ?? true
        }
        let isDue = schedule.isDue(hasEvents: false, now: now, isLibraryBusy: busy)
        // The loop must wake for what is due, and must not wake for what is not.
        let next = schedule.next(isLibraryBusy: busy)
        #expect(isDue == (next.map { $0 <= now } ?? false))
        return isDue
    }

    /// What goes on in one run.
    private mutating func run(hadEvents: Bool = false, _ body: (inout RunSchedule) -> Void = { _ in }) {
        schedule.runBegins(now: start)
        body(&schedule)
        schedule.runEnded(hadEvents: hadEvents)
    }

    /// A request comes and is polled.
    private mutating func poll() {
        run {
            $0.headBegan()
            $0.headEnded()
            $0.requestBegan()
            $0.polls()
        }
    }

    @Test("says that a run is due when a socket says so")
    func events() {
        #expect(schedule.isDue(hasEvents: true, now: start, isLibraryBusy: { false }))
        #expect(!isDue())
    }

    @Test("is quiet while an answer rests, and due when it goes on; no handler is at work for it")
    mutating func streams() {
        run {
            $0.headBegan()
            $0.headEnded()
            $0.requestBegan()
            $0.moved()
            $0.rests()
        }
        #expect(!isDue(after: 1_000) && !schedule.hasHandlers && schedule.suspended == 0)
        // Of others that are polled nothing is in transit either: no run but the beat.
        poll()
        run(hadEvents: true)
        #expect(!isDue(after: 4, libraryIsBusy: nil) && isDue(after: 5, libraryIsBusy: nil))
        schedule.wakesResting()
        #expect(isDue(libraryIsBusy: nil))
        // The piece that was handed over leaves in the next run.
        run { $0.moved() }
        #expect(isDue(libraryIsBusy: nil))
        run { $0.rests() }
        #expect(!isDue(after: 4, libraryIsBusy: nil))
    }

    @Test("does not believe for 2 ms, with TLS, that libmicrohttpd is busy when it has got nothing done")
    mutating func distrust() {
        schedule = RunSchedule(mostPolled: 4, distrustsLibrary: true)
        #expect(isDue(libraryIsBusy: true))
        run()
        #expect(!isDue(after: 1, libraryIsBusy: true) && isDue(after: 2, libraryIsBusy: true))
        #expect(!isDue(after: 2, libraryIsBusy: false))
        // An event, or something that has got on, or is on its way, is a reason to go on.
        run(hadEvents: true)
        #expect(isDue(libraryIsBusy: true))
        run()
        run { $0.moved() }
        #expect(isDue(libraryIsBusy: true))
        run { $0.requestBegan() }
        run()
        #expect(isDue(libraryIsBusy: true))
    }

    @Test("asks libmicrohttpd while nobody is polled")
    mutating func library() {
        #expect(isDue(libraryIsBusy: true) && !isDue(libraryIsBusy: false))
        // Something in transit does not change that.
        run(hadEvents: true) { $0.requestBegan() }
        #expect(isDue(libraryIsBusy: true) && !isDue(libraryIsBusy: false))
    }

    @Test("does not ask libmicrohttpd while somebody is polled, and has a beat of 5 ms")
    mutating func beat() {
        poll()
        #expect(!isDue(libraryIsBusy: nil) && !isDue(after: 4, libraryIsBusy: nil))
        #expect(isDue(after: 5, libraryIsBusy: nil))
        #expect(schedule.next(isLibraryBusy: { false }) == start + .milliseconds(5))
        // Asked once more without an answer, nothing has moved.
        run()
        #expect(!isDue(libraryIsBusy: nil))
    }

    @Test("demands one run for what no socket tells of")
    mutating func demands() {
        schedule.demand()
        #expect(isDue())
        run()
        #expect(!isDue())
        // What is demanded in a run is for the next one.
        run { $0.demand() }
        #expect(isDue())
    }

    @Test("demands a run when the answer to one that is polled has come, and one more that sends it")
    mutating func answers() {
        poll()
        poll()
        schedule.wakesPolled()
        #expect(schedule.polled == 1 && isDue(libraryIsBusy: nil))
        run {
            $0.queued()
            $0.moved()
        }
        #expect(schedule.hasQueued && isDue(libraryIsBusy: nil), "it was queued and has not left")
        run { $0.requestEnded(wasPolled: false) }
        #expect(!schedule.hasQueued && !isDue(libraryIsBusy: nil), "all is quiet")
    }

    @Test("demands a run when one that was suspended is resumed")
    mutating func resuming() {
        run {
            $0.requestBegan()
            $0.suspends()
        }
        #expect(!isDue() && schedule.hasHandlers)
        schedule.wakesSuspended()
        #expect(isDue() && !schedule.hasHandlers)
    }

    @Test("goes on at once while a body comes, and while an answer leaves")
    mutating func bodies() {
        poll()
        run(hadEvents: true) { $0.requestBegan() }
        #expect(isDue(libraryIsBusy: nil))
        run { $0.moved() }
        #expect(isDue(libraryIsBusy: nil), "it may have read as much as it had room for")
        run()
        #expect(!isDue(libraryIsBusy: nil), "nothing came: a client that is slow keeps nobody busy")
        // A long answer: a piece of it leaves, of which no callback tells.
        run(hadEvents: true)
        #expect(isDue(libraryIsBusy: nil))
    }

    @Test("goes on at once while a head comes that fills the buffer")
    mutating func heads() {
        poll()
        run(hadEvents: true) { $0.headBegan() }
        #expect(isDue(libraryIsBusy: nil))
        run(hadEvents: true)
        #expect(isDue(libraryIsBusy: nil))
        run()
        #expect(!isDue(libraryIsBusy: nil) && isDue(after: 5, libraryIsBusy: nil))
        // Its connection is closed.
        schedule.headEnded()
        run(hadEvents: true)
        #expect(!isDue(libraryIsBusy: nil))
    }

    @Test("polls as many as it may")
    mutating func limit() {
        for _ in 0..<4 {
            #expect(schedule.mayPoll)
            poll()
        }
        #expect(!schedule.mayPoll)
        schedule.requestEnded(wasPolled: true)
        #expect(schedule.mayPoll && schedule.hasHandlers)
        for _ in 0..<3 { schedule.wakesPolled() }
        #expect(!schedule.hasHandlers)
    }

    @Test("is balanced behind each way of a request")
    mutating func balance() {
        poll()
        // One that is reset while it is polled.
        poll()
        run { $0.requestEnded(wasPolled: true) }
        // One that is suspended, one that is answered at once, one whose client leaves in the middle of its body.
        run {
            $0.requestBegan()
            $0.suspends()
        }
        schedule.wakesSuspended()
        run {
            $0.requestEnded(wasPolled: false)
            for _ in 0..<2 {
                $0.requestBegan()
                $0.requestEnded(wasPolled: false)
            }
        }
        run(hadEvents: true) { $0.moved() }
        #expect(schedule.polled == 1 && schedule.suspended == 0)
        #expect(!isDue(libraryIsBusy: nil), "nothing is in transit any more")
    }

    @Test("polls nobody where the time for idle connections would take one that waits")
    func shortIdleTimes() {
        var limits = HTTPDaemon.Limits()
        #expect(limits.mostPolled == 1_024)
        limits.idleTime = .seconds(6)
        #expect(limits.mostPolled == 0)
        limits.idleTime = .seconds(7)
        #expect(limits.mostPolled == 1_024)
        limits.brokerTime = .milliseconds(100)
        limits.idleTime = .seconds(4)
        #expect(limits.mostPolled == 0, "a hook may wait for 3 s")
    }
}
