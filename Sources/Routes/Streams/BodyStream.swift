package import EventLoop

/// The body of an answer that comes piece by piece, for as long as its client stays and the gateway lives.
///
/// Called on its connection's loop only.
package protocol BodyStream: AnyObject, Sendable {
    /// The answer's head is about to leave. From here on `wake` may be called, on any thread, when there may be a next
    /// piece.
    func begin(wake: @escaping @Sendable () -> Void, now: MonotonicTime)

    /// Whether ``next(into:now:)`` would give something, or the end. Asked after a wake, and twice a second.
    func isReady(now: MonotonicTime) -> Bool

    /// Fills the buffer with the next piece, or the beginning of it.
    func next(into buffer: UnsafeMutableRawBufferPointer, now: MonotonicTime) -> BodyPiece

    /// Has it end, after last words if it has some.
    func end(_ reason: StreamEnd)

    /// Why the gateway has it end; `nil`: it does not.
    var ending: StreamEnd? { get }

    /// It is over, whoever has ended it, and is asked for nothing any more. ``begin(wake:now:)`` may not have been
    /// called.
    func over()
}

package enum BodyPiece: Equatable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// There are none yet.
    case nothing
    case end
}

package enum StreamEnd: String, Sendable {
    /// The gateway ends.
    case stopping
    /// The caller would not be admitted any more, or with other rights.
    case notAdmitted = "not admitted"
    /// The client reads more slowly than there is something new.
    case tooSlow = "too slow"
}

/// An answer with a ``BodyStream`` in place of its body.
struct StreamedAnswer {
    let head: Response
    let body: any BodyStream
}
