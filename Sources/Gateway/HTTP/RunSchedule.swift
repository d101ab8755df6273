internal import AMQPBridge
internal import EventLoop

/// The times at which libmicrohttpd has to run, beyond what its epoll descriptor says.
///
/// A request that waits for the broker is polled: it stays unanswered, and libmicrohttpd asks for its answer in every
/// run. To suspend its connection instead and to resume it takes three system calls. While a request is polled
/// libmicrohttpd is always busy by its own account (`MHD_get_timeout` is 0), so the next run is decided here.
struct RunSchedule {
    /// The longest time between two runs while a request is polled, in nanoseconds: libmicrohttpd may have read as much
    /// as it had room for, and nothing says that more has come.
    static let beat: Int64 = 5_000_000

    /// The most requests that are polled; others are suspended.
    private let mostPolled: Int
    private(set) var polled = 0
    private(set) var suspended = 0
    /// Heads and requests that have not wholly come, and answers that have not wholly left.
    private var inTransit = 0
    private var isDemanded = false
    /// Whether anything went on in this run.
    private var hasMoved = false
    /// Whether the last run has taken the answers to requests that had waited. They leave in the next one, which need
    /// not wait for the loop's next turn.
    private(set) var hasQueued = false
    private var nextBeat = MonotonicTime(nanoseconds: 0)
    /// The time for which a busy libmicrohttpd that gets nothing done is left alone, in nanoseconds.
    static let pause: Int64 = 2_000_000
    /// Whether it says that it is busy when it is not: with TLS, while a handshake waits for its client (0.9.75).
    private let distrustsLibrary: Bool
    private var lastRun = MonotonicTime(nanoseconds: 0)
    /// The time until which it is not believed that it is busy.
    private var pauseEnds = MonotonicTime(nanoseconds: 0)

    init(mostPolled: Int, distrustsLibrary: Bool = false) {
        self.mostPolled = mostPolled
        self.distrustsLibrary = distrustsLibrary
    }

    var mayPoll: Bool { polled < mostPolled }
    /// Whether a handler is at work.
    var hasHandlers: Bool { polled > 0 || suspended > 0 }

    // MARK: What happens

    /// Demands a run for something that no socket tells of: a connection was added or cut, or is to be closed.
    mutating func demand() { isDemanded = true }

    /// The first line of a head has come.
    mutating func headBegan() {
        inTransit += 1
        hasMoved = true
    }

    /// A head is complete, or will not be. What follows it is in transit by itself.
    mutating func headEnded() { inTransit -= 1 }

    /// A head was taken for a request.
    mutating func requestBegan() {
        inTransit += 1
        hasMoved = true
    }

    /// A piece of a body has come, or an answer was handed over, which leaves in the next run.
    mutating func moved() { hasMoved = true }

    /// libmicrohttpd has asked once more, and was given the answer.
    mutating func queued() { hasQueued = true }

    mutating func polls() {
        polled += 1
        inTransit -= 1
    }

    mutating func suspends() {
        suspended += 1
        inTransit -= 1
    }

    /// The answer to one that was polled is there.
    mutating func wakesPolled() {
        polled -= 1
        inTransit += 1
        isDemanded = true
    }

    /// Resumes a request that was suspended.
    mutating func wakesSuspended() {
        suspended -= 1
        inTransit += 1
        isDemanded = true
    }

    /// An answer that goes on has nothing to send, and its connection is suspended. No handler is at work for it.
    mutating func rests() { inTransit -= 1 }

    /// Resumes an answer that rested.
    mutating func wakesResting() {
        inTransit += 1
        isDemanded = true
    }

    /// A request is over.
    mutating func requestEnded(wasPolled: Bool) {
        if wasPolled { polled -= 1 } else { inTransit -= 1 }
    }

    // MARK: Runs

    /// A run begins; a demand meanwhile is for the next one.
    mutating func runBegins(now: MonotonicTime) {
        isDemanded = false
        hasMoved = false
        hasQueued = false
        nextBeat = now.advanced(byNanoseconds: Self.beat)
        lastRun = now
    }

    /// A run is over. A request that has come a step further can take the next one, of which no socket tells;
    /// libmicrohttpd does, when it can be asked.
    ///
    /// - Parameter hadEvents: whether a socket had something to say before it.
    mutating func runEnded(hadEvents: Bool) {
        if polled > 0, inTransit > 0, hasMoved || hadEvents { isDemanded = true }
        guard distrustsLibrary else { return }
        let isVain = !hadEvents && !hasMoved && inTransit == 0
        pauseEnds = isVain ? lastRun.advanced(byNanoseconds: Self.pause) : MonotonicTime(nanoseconds: 0)
    }

    /// - Parameter isLibraryBusy: what libmicrohttpd says of itself. Not asked while a request is polled.
    func isDue(hasEvents: Bool, now: MonotonicTime, isLibraryBusy: () -> Bool) -> Bool {
        if hasEvents || isDemanded { return true }
        return polled > 0 ? nextBeat <= now : pauseEnds <= now && isLibraryBusy()
    }

    /// The time by which the next run is due; `nil`: it is due when a socket says so.
    func next(isLibraryBusy: () -> Bool) -> MonotonicTime? {
        if isDemanded { return MonotonicTime(nanoseconds: 0) }
        if polled > 0 { return nextBeat }
        return isLibraryBusy() ? pauseEnds : nil
    }
}
