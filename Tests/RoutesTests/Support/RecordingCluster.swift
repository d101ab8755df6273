import AMQPBridge
import Synchronization

/// Takes questions down, and answers what it is told to; otherwise that no server is there.
final class RecordingCluster: ClusterService {
    enum Question: Equatable {
        case sockets(FetchSockets, timeout: Duration)
        case rooms(ListRooms, timeout: Duration)
        case counts(CountSockets, timeout: Duration)
        case ask(ServerSideEmit, timeout: Duration)
        case servers(timeout: Duration)
    }

    struct Answers {
        var sockets: ClusterAnswer<SocketPage>?
        var rooms: ClusterAnswer<RoomPage>?
        var counts: ClusterAnswer<SocketCounts>?
        var responses: ClusterAnswer<[ServerResponse]>?
        var servers: [ServerDescription]?
        var error = ClusterError.noServers(exchange: "x")
    }

    private let asked = Mutex<[Question]>([])
    private let answers: Mutex<Answers>

    init(_ change: (inout Answers) -> Void = { _ in }) {
        var answers = Answers()
        change(&answers)
        self.answers = Mutex(answers)
    }

    var questions: [Question] { asked.withLock { $0 } }

    func fetchSockets(
        _ command: FetchSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketPage> {
        try answer(.sockets(command, timeout: timeout), \.sockets)
    }

    func listRooms(_ command: ListRooms, timeout: Duration) async throws(ClusterError) -> ClusterAnswer<RoomPage> {
        try answer(.rooms(command, timeout: timeout), \.rooms)
    }

    func countSockets(
        _ command: CountSockets, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<SocketCounts> {
        try answer(.counts(command, timeout: timeout), \.counts)
    }

    func askServers(
        _ command: ServerSideEmit, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<[ServerResponse]> {
        try answer(.ask(command, timeout: timeout), \.responses)
    }

    func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] {
        try answer(.servers(timeout: timeout), \.servers)
    }

    private func answer<Value>(
        _ question: Question, _ value: (Answers) -> Value?
    ) throws(ClusterError) -> Value {
        asked.withLock { $0.append(question) }
        let answers = answers.withLock { $0 }
        guard let value = value(answers) else { throw answers.error }
        return value
    }
}
