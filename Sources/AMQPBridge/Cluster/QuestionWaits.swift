/// The outcome of a question: the answer that was gathered, and the tally of its servers.
struct QuestionOutcome<Answer: Sendable>: Sendable {
    let answer: Answer
    let servers: ServerTally
    /// Whether the broker had a queue to give the question to.
    let isRouted: Bool
}

/// The gathering for a question, and the callers that wait for it. The table of questions knows no answer's type.
protocol QuestionWaits: AnyObject {
    var gathering: any Gathering { get }
    /// The numbers of the callers that wait.
    var waiters: [Int] { get }
    var isEmpty: Bool { get }
    /// Gives all callers the answer that was gathered.
    func succeed(servers: ServerTally, isRouted: Bool)
    func fail(_ error: ClusterError)
    /// Ends the wait of one caller.
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
