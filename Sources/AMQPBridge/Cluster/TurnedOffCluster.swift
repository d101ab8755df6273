/// Stands where a ``ClusterClient`` would, if the operator does not want servers to be asked: every question ends at once.
public final class TurnedOffCluster: ClusterService {
    public init() {}

    public func fetchSockets(
        _ command: FetchSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketPage> { throw .turnedOff }

    public func listRooms(
        _ command: ListRooms, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<RoomPage> { throw .turnedOff }

    public func countSockets(
        _ command: CountSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketCounts> { throw .turnedOff }

    public func askServers(
        _ command: ServerSideEmit, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<[ServerResponse]> { throw .turnedOff }

    public func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] { throw .turnedOff }
}
