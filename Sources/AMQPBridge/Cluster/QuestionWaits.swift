/// How a question ended: what was gathered, and from whom.
struct QuestionOutcome<Answer: Sendable>: Sendable {
    let answer: Answer
    let servers: ServerTally
    /// Whether the broker had anybody to give the question to.
    let isRouted: Bool
}

/// What is gathered for a question, and who waits for it. The table of questions knows no answer's type.
protocol QuestionWaits: AnyObject {
    var gathering: any Gathering { get }
    /// The numbers of those who wait.
    var waiters: [Int] { get }
    var isEmpty: Bool { get }
    /// Gives everybody what was gathered.
    func succeed(servers: ServerTally, isRouted: Bool)
    func fail(_ error: ClusterError)
    /// Ends the wait of one.
    func fail(_ waiter: Int, _ error: ClusterError)
}

final class Waits<Answer: Sendable>: QuestionWaits {
    typealias Completion = (Result<QuestionOutcome<Answer>, ClusterError>) -> Void

    private let typedGathering: any Gathering<Answer>
    private var completions: [Int: Completion] = [:]

    init(_ gathering: any Gathering<Answer>) {
        typedGathering = gathering
    }

    var gathering: any Gathering { typedGathering }
    var waiters: [Int] { Array(completions.keys) }
    var isEmpty: Bool { completions.isEmpty }

    func add(_ waiter: Int, _ completion: @escaping Completion) {
        completions[waiter] = completion
    }

    func succeed(servers: ServerTally, isRouted: Bool) {
        end(.success(QuestionOutcome(answer: typedGathering.result, servers: servers, isRouted: isRouted)))
    }

    func fail(_ error: ClusterError) { end(.failure(error)) }

    func fail(_ waiter: Int, _ error: ClusterError) { completions.removeValue(forKey: waiter)?(.failure(error)) }

    private func end(_ result: Result<QuestionOutcome<Answer>, ClusterError>) {
        for completion in completions.values { completion(result) }
        completions = [:]
    }
}
