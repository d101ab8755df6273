/// Stands where a ``ClusterClient`` would, if the operator does not want servers to be asked: every question ends at once.
public final class TurnedOffCluster: ClusterService {
    public init() {}

    public func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer> { throw .turnedOff }

    public func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] { throw .turnedOff }
}
