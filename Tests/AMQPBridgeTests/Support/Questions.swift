@testable import AMQPBridge

// Questions in few words.

extension Question {
    init<Command: ClusterCommand>(_ command: Command, timeout: Duration) where Command.Answer == Answer {
        self = command.question(timeout: timeout)
    }
}

extension Question<SocketPage> {
    init(_ command: FetchSockets, includesLost: Bool, timeout: Duration) {
        var command = command
        command.includesLost = includesLost
        self = command.question(timeout: timeout)
    }
}

extension Question<Int> {
    init(counting selection: SocketSelection, timeout: Duration) {
        self = CountSelected(selection).question(timeout: timeout)
    }
}

extension Question<Acknowledgements> {
    init(_ emit: Emit, mode: AcknowledgementMode, timeout: Duration) {
        self = AcknowledgedEmit(emit, mode).question(timeout: timeout)
    }
}

/// A question, whatever its answer is.
protocol AnyQuestion {
    var kind: ClusterMessage.Kind { get }
    var isRead: Bool { get }
    var expires: Bool { get }
    var key: ReadKey? { get }
    var features: [ServerFeature] { get }
    func body(id: String) -> [UInt8]
}

extension Question: AnyQuestion {}

/// How a question ended, whatever its answer is.
struct AnyOutcome {
    let answer: any Sendable
    let servers: ServerTally
    let isRouted: Bool

    init<Answer>(_ outcome: QuestionOutcome<Answer>) {
        answer = outcome.answer
        servers = outcome.servers
        isRouted = outcome.isRouted
    }

    /// How many sockets were counted.
    var sockets: Int? { (answer as? SocketCounts)?.sockets }
}
