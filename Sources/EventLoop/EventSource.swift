/// Something that an ``EventLoop`` serves: a descriptor to poll, a deadline, and work of its own.
///
/// Every method is called on the loop's thread only.
package protocol EventSource: AnyObject {
    /// The descriptor and the `poll(2)` events to wait for; `nil` while there is none.
    var pollInterest: (descriptor: Int32, events: Int16)? { get }

    /// The time at which ``process(events:now:)`` wants to be called although nothing is ready.
    var deadline: MonotonicTime? { get }

    /// Called once in every turn of the loop, with the events that `poll(2)` reported (0: none).
    func process(events: Int16, now: MonotonicTime)

    /// Called at the end of every turn, when all requests of that turn have had their say: the place for the one
    /// `send`.
    func flush()
}
