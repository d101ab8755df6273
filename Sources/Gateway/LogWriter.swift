internal import AMQPBridge
internal import EventLoop
internal import Glibc
internal import Synchronization

/// Writes lines to standard error on a thread of its own: their reader may stop reading, and no request may wait for
/// that. Lines that do not fit into the queue are dropped and counted.
final class LogWriter: Sendable {
    private struct State {
        var queue: [UInt8] = []
        /// Whether the thread has taken lines that it has not written yet.
        var isWriting = false
        var dropped = 0
        var hasThread = false
    }

    static let standardError = LogWriter(descriptor: STDERR_FILENO)

    private let state = Mutex(State())
    private let descriptor: Int32
    private let mostBytes: Int
    private let wakeup = Semaphore()
    /// The number of lines for which there was no room.
    let dropped = Counter()

    /// - Parameter mostBytes: the most bytes that may wait to be written.
    init(descriptor: Int32, mostBytes: Int = 1 << 20) {
        self.descriptor = descriptor
        self.mostBytes = mostBytes
    }

    /// Takes a line, with its end.
    ///
    /// - Parameter note: makes a line that tells the number of dropped lines; asked for as soon as there is room again.
    func write(_ line: [UInt8], note: (_ dropped: Int) -> [UInt8]) {
        let (isFirst, needsThread) = state.withLock { state in
            guard state.queue.count + line.count <= mostBytes else {
                state.dropped += 1
                dropped.add(1)
                return (false, false)
            }
            let isFirst = state.queue.isEmpty
            if state.dropped > 0 { state.queue += note(state.dropped) }
            state.dropped = 0
            state.queue += line
            defer { state.hasThread = true }
            return (isFirst, !state.hasThread)
        }
        if needsThread { startThread() }
        if isFirst { wakeup.signal() }
    }

    /// Waits until all has been written, but no longer than this.
    func flush(atMost duration: Duration) {
        let deadline = MonotonicTime.now() + duration
        while state.withLock({ $0.isWriting || !$0.queue.isEmpty }), MonotonicTime.now() < deadline { usleep(1_000) }
    }

    private func startThread() {
        let isStarted = SystemThread.detach(name: "log") { [self] in
            while true {
                wakeup.wait()
                writeAll()
            }
        }
        precondition(isStarted, "no thread for the log")
    }

    private func writeAll() {
        let bytes = state.withLock { state in
            state.isWriting = true
            return exchange(&state.queue, with: [])
        }
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.base.baseAddress! + rest.startIndex, rest.count)
                if count < 0, errno == EINTR { continue }
                // The line will never be read.
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
        state.withLock { $0.isWriting = false }
    }
}

/// Takes what is there, and leaves something else.
private func exchange<Value>(_ value: inout Value, with other: Value) -> Value {
    let old = value
    value = other
    return old
}

/// A POSIX semaphore.
///
/// `@unchecked Sendable`: made to be used by several threads. It is never moved, since it has memory of its own.
private final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() {
        sem_post(semaphore)
    }

    func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
