internal import AMQPBridge
internal import EventLoop

/// The times by which a connection must have got on, and from which on it may make room for others.
///
/// libmicrohttpd's own time-out is one of inactivity, which a byte per second never meets.
struct ConnectionTimes {
    /// The limits, in nanoseconds: a `Duration` has 128 bits, which cost more than the rest of what a request does with
    /// time.
    struct Limits: Sendable {
        /// The time from a connection's first byte to the end of the first head.
        let head: Int64
        /// The time from the end of the head to the end of the body.
        let body: Int64
        /// The time between two requests, including the second one's head.
        let idle: Int64

        init(_ limits: HTTPDaemon.Limits) {
            head = limits.headTime.nanoseconds
            body = limits.bodyTime.nanoseconds
            idle = (limits.idleTime + limits.headTime).nanoseconds
        }
    }

    /// The time that a new connection has to ask something, and a refused one to end its body, before it makes room.
    private static let grace: Int64 = 1_000_000_000
    /// The time that an answer may stand still before its connection makes room.
    private static let unread: Int64 = 5_000_000_000
    /// The time that a refused body may take to come, so that its connection stays usable.
    private static let discard: Int64 = 5_000_000_000
    /// The time that a client may take to read an answer.
    private static let answer: Int64 = 120_000_000_000

    /// The time at which the connection is cut; `nil` while the next step is ours.
    private(set) var deadline: MonotonicTime?
    /// The time from which on it may be closed to make room for others; `nil`: there is a request at work. A new
    /// connection has a moment to ask something; one that was refused, or does not read its answer, has one to end it.
    private(set) var expendableFrom: MonotonicTime?
    private var isOver = false

    init(opened now: MonotonicTime, _ limits: Limits) {
        deadline = now.advanced(byNanoseconds: limits.head)
        expendableFrom = now.advanced(byNanoseconds: Self.grace)
    }

    /// A head has come.
    ///
    /// - Parameters:
    ///   - hasBody: whether it announces a body.
    ///   - isRefused: whether the body is not read.
    mutating func headCame(hasBody: Bool, isRefused: Bool, now: MonotonicTime, _ limits: Limits) {
        let time = isRefused ? min(Self.discard, limits.body) : limits.body
        deadline = hasBody ? now.advanced(byNanoseconds: time) : nil
        expendableFrom = isRefused ? now.advanced(byNanoseconds: Self.grace) : nil
    }

    /// The body is complete: the handler's time is its own.
    mutating func bodyCame() { deadline = nil }

    /// The answer is on its way.
    mutating func answered(now: MonotonicTime) {
        guard !isOver else { return }
        deadline = now.advanced(byNanoseconds: Self.answer)
        expendableFrom = now.advanced(byNanoseconds: Self.unread)
    }

    /// All of the answer that there is has left, and more will come.
    mutating func rests() {
        guard !isOver else { return }
        deadline = nil
        expendableFrom = nil
    }

    /// The answer has left.
    mutating func completed(now: MonotonicTime, _ limits: Limits) {
        guard !isOver else { return }
        deadline = now.advanced(byNanoseconds: limits.idle)
        expendableFrom = now
    }

    /// Notes that the connection was ended under libmicrohttpd, which closes it soon.
    mutating func ended() {
        deadline = nil
        expendableFrom = nil
        isOver = true
    }

    func isLate(now: MonotonicTime) -> Bool { deadline.map { $0 <= now } ?? false }
    func isExpendable(now: MonotonicTime) -> Bool { expendableFrom.map { $0 <= now } ?? false }
}
