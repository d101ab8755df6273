/// What can be asked of a cluster of Socket.IO servers, free of any wire format. Each is a file of `Questions`: the command, its
/// message, what gathers the servers' answers, and what becomes of them.
package protocol ClusterCommand: Sendable {
    associatedtype Answer: Sendable

    /// - Parameter timeout: how long servers have to answer.
    func question(timeout: Duration) -> Question<Answer>
}
