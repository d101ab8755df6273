internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that does everything for its share of the clients: it polls, serves its ``EventSource``s and runs the
/// tasks that prefer it as their executor. Objects that live on a loop need no lock.
///
/// `@unchecked Sendable`: `jobs`, `spareJobs`, `waitingForTurn` and `sources` are touched on the loop's thread only (sources are added
/// before it starts); other threads reach the loop through `inbox`, which is locked, and the eventfd.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    private enum Message {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    /// A source's place in ``run()``, through which it is called without counting references.
    private final class Seat {
        let source: any EventSource

        init(_ source: any EventSource) { self.source = source }
    }

    private typealias Seats = [Unmanaged<Seat>]

    private struct Inbox {
        var messages: [Message] = []
        var hasEnded = false
    }

    private var jobs: [UnownedJob] = []
    private var spareJobs: [UnownedJob] = []
    /// Whether there are jobs: asked several times in each turn, where the list itself would cost more.
    /// Not watched for overlapping accesses: it is read and written in one step.
    @exclusivity(unchecked) private var hasJobs = false
    /// The tasks that wait for the next turn.
    private var waitingForTurn: [UnsafeContinuation<Void, Never>] = []
    private var sources: [any EventSource] = []
    private let inbox = Mutex(Inbox())
    private let wakeUp: Int32
    private let threadID = Atomic<UInt>(0)
    private let isStopped = Atomic<Bool>(false)

    public init() {
        wakeUp = gateway_eventfd()
        precondition(wakeUp >= 0, "no descriptor left for an event loop")
    }

    deinit { close(wakeUp) }

    /// Adds a source. Sources are processed in the order in which they were added. Before ``run()`` only.
    package func add(_ source: any EventSource) {
        sources.append(source)
    }

    public var isCurrent: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Whether this thread may touch what lives on the loop: its own, or any before it runs and after it has ended.
    public var isOwnedHere: Bool {
        let owner = threadID.load(ordering: .relaxed)
        return owner == 0 || owner == UInt(pthread_self())
    }

    /// Traps on a thread that may not touch what lives on the loop, in debug builds. To be called at every entry of what
    /// does; release builds do nothing.
    @inlinable
    public func assertCurrent(file: StaticString = #file, line: UInt = #line) {
        assert(isOwnedHere, "not on the event loop that this lives on", file: file, line: line)
    }

    /// Takes a task's next piece: on the loop's own thread without a lock, from elsewhere through the inbox.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent { append(job) } else { send(.job(job)) }
    }

    private func append(_ job: UnownedJob) {
        jobs.append(job)
        hasJobs = true
    }

    /// Runs `body` on the loop's thread, in its next turn.
    ///
    /// - Returns: `false` if the loop has ended: then nothing will run it.
    @discardableResult
    public func execute(_ body: @escaping @Sendable () -> Void) -> Bool {
        send(.closure(body))
    }

    /// Returns in the loop's next turn, when all others have had theirs. For tasks that run on the loop.
    public func nextTurn() async {
        precondition(isOwnedHere, "only a loop's own tasks have turns")
        // Unsafe only in that nothing checks for the one resume: the list is emptied before they are resumed.
        await withUnsafeContinuation { waitingForTurn.append($0) }
    }

    /// Ends ``run()`` after the turn in progress.
    public func stop() {
        execute { self.isStopped.store(true, ordering: .relaxed) }
    }

    /// Serves until ``stop()``; the calling thread becomes the loop's.
    public func run() {
        threadID.store(UInt(pthread_self()), ordering: .relaxed)
        // Released below, when the last turn is over.
        let seats: Seats = sources.map { .passRetained(Seat($0)) }
        // The wake-up descriptor's, and one for each source.
        var descriptors = Array(
            repeating: pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0), count: seats.count + 1)
        while !isStopped.load(ordering: .relaxed) {
            wait(for: seats, &descriptors)
            let now = MonotonicTime.now()
            for index in seats.indices {
                let events = descriptors[index + 1].revents
                seats[index]._withUnsafeGuaranteedRef { $0.source.process(events: events, now: now) }
                if hasJobs { runJobs() }
            }
            for seat in seats { seat._withUnsafeGuaranteedRef { $0.source.flush() } }
        }
        for seat in seats { seat.release() }
        repeat {
            drainInbox()
            beginTurn()
        } while !waitingForTurn.isEmpty || !end()
        // They hold on to their loop: neither would ever go.
        self.sources = []
        threadID.store(0, ordering: .relaxed)
    }

    /// Polls all sources and the wake-up descriptor until one is ready or the earliest deadline has come, and takes what
    /// others have sent.
    private func wait(for seats: Seats, _ descriptors: inout [pollfd]) {
        var earliest = MonotonicTime.never
        for index in seats.indices {
            seats[index]._withUnsafeGuaranteedRef { seat in
                // A negative descriptor is one that poll(2) leaves out.
                let interest = seat.source.pollInterest ?? (descriptor: -1, events: 0)
                descriptors[index + 1] = pollfd(fd: interest.descriptor, events: interest.events, revents: 0)
                if let deadline = seat.source.deadline, deadline < earliest { earliest = deadline }
            }
        }
        _ = poll(&descriptors, nfds_t(descriptors.count), timeout(until: earliest))
        if descriptors[0].revents != 0 {
            var count: UInt64 = 0
            _ = read(wakeUp, &count, 8)
            drainInbox()
        }
        beginTurn()
    }

    /// Runs the jobs that are ready, and the tasks that have waited for this turn.
    private func beginTurn() {
        if !waitingForTurn.isEmpty {
            let waiting = waitingForTurn
            waitingForTurn = []
            for task in waiting { task.resume() }
        }
        if hasJobs { runJobs() }
    }

    private func timeout(until deadline: MonotonicTime) -> Int32 {
        if hasJobs || !waitingForTurn.isEmpty || deadline.nanoseconds <= 0 { return 0 }
        guard deadline < .never else { return -1 }
        let left = deadline.nanoseconds - MonotonicTime.now().nanoseconds
        // Rounded up: waking a fraction of a millisecond early would spin.
        return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
    }

    @discardableResult
    private func send(_ message: Message) -> Bool {
        let (isFirst, hasEnded) = inbox.withLock { inbox in
            guard !inbox.hasEnded else { return (false, true) }
            inbox.messages.append(message)
            return (inbox.messages.count == 1, false)
        }
        if isFirst {
            var one: UInt64 = 1
            _ = write(wakeUp, &one, 8)
        }
        return !hasEnded
    }

    /// Takes no more messages from now on, unless there are some.
    private func end() -> Bool {
        inbox.withLock { inbox in
            inbox.hasEnded = inbox.messages.isEmpty
            return inbox.hasEnded
        }
    }

    /// Takes what others have sent. Jobs run when the turn begins, so that a task may ask for the next one.
    private func drainInbox() {
        let messages = inbox.withLock { inbox in
            guard !inbox.messages.isEmpty else { return [Message]() }
            let messages = inbox.messages
            inbox.messages = []
            return messages
        }
        for message in messages {
            switch message {
            case .job(let job): append(job)
            case .closure(let body): body()
            }
        }
    }

    /// Runs the jobs that are ready, and those that they make ready.
    private func runJobs() {
        while hasJobs {
            swap(&jobs, &spareJobs)
            hasJobs = false
            for job in spareJobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            spareJobs.removeAll(keepingCapacity: true)
        }
    }
}
