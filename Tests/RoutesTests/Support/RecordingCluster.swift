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

    func ask<Command: ClusterCommand>(
        _ command: Command, timeout: Duration
    ) async throws(ClusterError) -> ClusterAnswer<Command.Answer> {
        switch command {
        case let command as FetchSockets: try answer(.sockets(command, timeout: timeout)) { $0.sockets }
        case let command as ListRooms: try answer(.rooms(command, timeout: timeout)) { $0.rooms }
        case let command as CountSockets: try answer(.counts(command, timeout: timeout)) { $0.counts }
        case let command as ServerSideEmit: try answer(.ask(command, timeout: timeout)) { $0.responses }
        default: throw .turnedOff
        }
    }

    func servers(timeout: Duration) async throws(ClusterError) -> [ServerDescription] {
        try answer(.servers(timeout: timeout)) { $0.servers }
    }

    private func answer<Value>(_ question: Question, _ value: (Answers) -> Any?) throws(ClusterError) -> Value {
        asked.withLock { $0.append(question) }
        let answers = answers.withLock { $0 }
        guard let value = value(answers) as? Value else { throw answers.error }
        return value
    }
}
