internal import EventLoop

/// Callers that want to know whether an exchange takes messages, and publish nothing to it.
///
/// All may wait for the same time, so the first to come is the first to have waited too long. Lives on one event loop.
final class ExchangeInquiries {
    typealias Completion = (Result<ExchangeAnswer.Finding, PublishError>) -> Void

    private struct Inquiry {
        let exchange: String
        let came: MonotonicTime
        let deadline: MonotonicTime
        let completion: Completion
    }

    private var inquiries: [Inquiry] = []
    /// The time until which the first caller waits; `nil`: no caller waits. It is kept, for it is asked for in every
    /// turn of the loop.
    private(set) var deadline: MonotonicTime?

    func isWaited(for exchange: String) -> Bool { inquiries.contains { $0.exchange == exchange } }

    func add(
        _ exchange: String, came: MonotonicTime, deadline: MonotonicTime, _ completion: @escaping Completion
    ) {
        inquiries.append(Inquiry(exchange: exchange, came: came, deadline: deadline, completion: completion))
        self.deadline = inquiries.first?.deadline
    }

    /// Takes out the callers that the answer is for: it says nothing to those that came after it.
    func told(by answer: ExchangeAnswer) -> [Completion] {
        take { $0.exchange == answer.exchange && $0.came <= answer.asOf }.map(\.completion)
    }

    /// Takes out the callers that have waited too long.
    func expired(now: MonotonicTime) -> [(exchange: String, completion: Completion)] {
        take { $0.deadline <= now }.map { ($0.exchange, $0.completion) }
    }

    func all() -> [(exchange: String, completion: Completion)] {
        take { _ in true }.map { ($0.exchange, $0.completion) }
    }

    private func take(where isTaken: (Inquiry) -> Bool) -> [Inquiry] {
        let taken = inquiries.filter(isTaken)
        inquiries.removeAll(where: isTaken)
        deadline = inquiries.first?.deadline
        return taken
    }
}
