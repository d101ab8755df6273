/// A question to a cluster of Socket.IO servers, free of any wire format. Each is a file of `Questions`: the command,
/// its message, the gathering of the servers' answers, and their result.
package protocol ClusterCommand: Sendable {
    associatedtype Answer: Sendable

    /// - Parameter timeout: the time that servers have to answer.
    func question(timeout: Duration) -> Question<Answer>
    /// Whether it is a read to which servers answer a few kilobytes, as a rule: it may be asked on an event loop.
    static var isSmall: Bool { get }
}

extension ClusterCommand {
    package static var isSmall: Bool { false }
}
