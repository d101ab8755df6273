/// Stands where a ``ClusterClient`` would, if the operator does not want servers to be asked: every question ends at
/// once.
package final class TurnedOffCluster: ClusterService {
    package init() {}

    package func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer> { throw .turnedOff }

    package func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] { throw .turnedOff }
}
