import Glibc
import Synchronization
import Testing

@testable import EventLoop

@Suite("An event loop")
struct EventLoopTests {
    @Test("runs a task that prefers it on its own thread")
    func runsTasks() async {
        let running = RunningLoop()
        let loop = running.loop
        #expect(!loop.isCurrent)
        let isCurrent = await Task(executorPreference: loop) {
            let before = loop.isCurrent
            await Task.yield()
            return before && loop.isCurrent
        }.value
        #expect(isCurrent)
        running.stop()
    }

    @Test("takes tasks and closures from many threads at once")
    func takesWorkFromEverywhere() async {
        let running = RunningLoop()
        let counters = Counters(2)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 {
                        await Task(executorPreference: running.loop) { counters.add(at: 0) }.value
                        running.loop.execute { counters.add(at: 1) }
                    }
                }
            }
        }
        // Stopping comes behind the closures in the inbox.
        running.stop()
        #expect(counters.values == [1_600, 1_600])
    }

    @Test("gives others their turn when a task asks for the next one")
    func nextTurn() async {
        let running = RunningLoop()
        let order = Order()
        await Task(executorPreference: running.loop) {
            let other = Task(executorPreference: running.loop) {
                for _ in 0..<3 { await order.take("b", turnOf: running.loop) }
            }
            for _ in 0..<3 { await order.take("a", turnOf: running.loop) }
            await other.value
        }.value
        running.stop()
        #expect(order.names == ["a", "b", "a", "b", "a", "b"])
    }

    @Test("brings tasks to their ends that still ask for turns when it stops")
    func turnsAtTheEnd() {
        let loop = EventLoop()
        let order = Order()
        loop.execute {
            Task(executorPreference: loop) {
                for _ in 0..<5 { await order.take("a", turnOf: loop) }
            }
        }
        loop.stop()
        loop.run()
        #expect(order.names.count == 5)
    }

    @Test("runs closures in order, and what is left of them when it stops")
    func runsClosuresInOrder() {
        let loop = EventLoop()
        let order = Mutex<[Int]>([])
        for number in 0..<5 { loop.execute { order.withLock { $0.append(number) } } }
        loop.stop()
        loop.execute { order.withLock { $0.append(5) } }
        loop.run()
        #expect(order.withLock { $0 } == [0, 1, 2, 3, 4, 5])
        #expect(!loop.isCurrent)
    }

    @Test("says that it has ended, rather than take what it will never run")
    func takesNothingAfterItsEnd() {
        let loop = EventLoop()
        let order = Mutex<[Int]>([])
        loop.execute {
            loop.stop()
            // What comes with the end is run, and what that leaves, too.
            loop.execute { #expect(loop.execute { order.withLock { $0.append(1) } }) }
        }
        loop.run()
        #expect(order.withLock { $0 } == [1])
        #expect(!loop.execute { order.withLock { $0.append(2) } })
        #expect(order.withLock { $0 } == [1])
    }

    @Test("wakes at a deadline, neither before it nor again and again until it")
    func wakesAtDeadlines() {
        let loop = EventLoop()
        let source = RecordingSource(loop)
        let deadline = MonotonicTime.now() + .milliseconds(30)
        source.deadline = deadline
        loop.add(source)
        loop.run()
        #expect(source.turns.count <= 3)
        #expect(source.turns.last.map { $0.now >= deadline } == true)
        #expect(source.turns.allSatisfy { $0.events == 0 })
        #expect(source.flushes == source.turns.count)
    }

    @Test("wakes when a descriptor is ready, and says what for")
    func wakesForDescriptors() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let loop = EventLoop()
        let (idle, source) = (RecordingSource(loop), RecordingSource(loop))
        source.pollInterest = (ends[0], Int16(POLLIN))
        loop.add(idle)
        loop.add(source)
        #expect(write(ends[1], "x", 1) == 1)
        loop.run()
        #expect(source.turns.first?.events == Int16(POLLIN))
        #expect(idle.turns.allSatisfy { $0.events == 0 })
        #expect(idle.turns.count == source.turns.count)
    }
}

/// Who had a turn.
private final class Order: Sendable {
    private let taken = Mutex<[String]>([])

    var names: [String] { taken.withLock { $0 } }

    nonisolated(nonsending) func take(_ name: String, turnOf loop: EventLoop) async {
        taken.withLock { $0.append(name) }
        await loop.nextTurn()
    }
}

/// A loop on a thread of its own.
private struct RunningLoop {
    let loop = EventLoop()
    private let thread: SystemThread

    init() {
        thread = SystemThread(name: "test-loop") { [loop] in loop.run() }
    }

    func stop() {
        loop.stop()
        thread.join()
    }
}

/// Stops its loop when it is ready or due.
private final class RecordingSource: EventSource {
    private let loop: EventLoop
    var pollInterest: (descriptor: Int32, events: Int16)?
    var deadline: MonotonicTime?
    private(set) var turns: [(events: Int16, now: MonotonicTime)] = []
    private(set) var flushes = 0

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    func process(events: Int16, now: MonotonicTime) {
        turns.append((events, now))
        if events != 0 || deadline.map({ $0 <= now }) == true {
            loop.stop()
            deadline = nil
        }
    }

    func flush() {
        flushes += 1
    }
}
