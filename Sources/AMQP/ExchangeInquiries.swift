internal import EventLoop

/// Callers that want to know whether an exchange takes messages, and publish nothing to it.
///
/// Lives on one event loop.
final class ExchangeInquiries {
    typealias Completion = (Result<ExchangeAnswer.Finding, PublishError>) -> Void

    private struct Inquiry: Waiting {
        let exchange: String
        let came: MonotonicTime
        let deadline: MonotonicTime
        let completion: Completion
    }

    // Not watched for overlapping accesses, for each turn of the loop looks at it: callers are told when they are over.
    @exclusivity(unchecked) private var inquiries = Waitlist<Inquiry>()

    /// The time until which the first caller waits; `nil`: no caller waits.
    var deadline: MonotonicTime? { inquiries.deadline }

    func isWaited(for exchange: String) -> Bool { inquiries.waiters.contains { $0.exchange == exchange } }

    func add(
        _ exchange: String, came: MonotonicTime, deadline: MonotonicTime, _ completion: @escaping Completion
    ) {
        inquiries.append(Inquiry(exchange: exchange, came: came, deadline: deadline, completion: completion))
    }

    /// Takes out the callers that the answer is for: it says nothing to those that came after it.
    func told(by answer: ExchangeAnswer) -> [Completion] {
        inquiries.take { $0.exchange == answer.exchange && $0.came <= answer.asOf }.map(\.completion)
    }

    /// Takes out the callers that have waited too long.
    func expired(now: MonotonicTime) -> [(exchange: String, completion: Completion)] {
        inquiries.expired(now: now).map { ($0.exchange, $0.completion) }
    }

    func all() -> [(exchange: String, completion: Completion)] {
        inquiries.takeAll().map { ($0.exchange, $0.completion) }
    }
}
