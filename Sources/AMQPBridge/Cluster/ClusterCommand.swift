/// A question to a cluster of Socket.IO servers, free of any wire format. Each is a file of `Questions`: the command,
/// its message, the gathering of the servers' answers, and their result.
package protocol ClusterCommand: Sendable {
    associatedtype Answer: Sendable

    /// - Parameter timeout: the time that servers have to answer.
    func question(timeout: Duration) -> Question<Answer>
}
