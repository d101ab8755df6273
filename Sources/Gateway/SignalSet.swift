internal import AMQPBridge
internal import EventLoop
internal import Glibc

/// Signals that are waited for instead of handled.
struct SignalSet {
    private var set = sigset_t()

    init(_ signals: [Int32]) {
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
    }

    func block() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for a signal that ends the process. Meanwhile calls `work` again and again, and at once on SIGHUP.
    func wait(every interval: Duration, _ work: (_ isHangup: Bool) -> Void) -> Int32 {
        while true {
            switch wait(atMost: interval) {
            case SIGHUP?: work(true)
            case let signal?: return signal
            case nil: work(false)
            }
        }
    }

    /// Waits until `isDone`, which is asked again and again, but no longer than `duration`.
    ///
    /// - Returns: the signal that came first, if one did.
    func wait(atMost duration: Duration, until isDone: () -> Bool) -> Int32? {
        let deadline = MonotonicTime.now() + duration
        while !isDone(), MonotonicTime.now() < deadline {
            if let signal = wait(atMost: .milliseconds(5)) { return signal }
        }
        return nil
    }

    /// Returns whether a signal came.
    @discardableResult
    func waitToEnd(atMost duration: Duration) -> Bool {
        let deadline = MonotonicTime.now() + duration
        // When a process is stopped and continued, a wait ends early (signal(7)).
        while case let left = deadline - .now(), left > .zero {
            if wait(atMost: left) != nil { return true }
        }
        return false
    }

    private func wait(atMost duration: Duration) -> Int32? {
        var set = set
        var time = timespec(
            tv_sec: Int(duration.components.seconds), tv_nsec: Int(duration.nanoseconds % 1_000_000_000))
        let signal = sigtimedwait(&set, nil, &time)
        return signal > 0 ? signal : nil
    }
}
