/// Waits for everything that was published for one request, and then tells how it ended, once.
///
/// Lives on one event loop.
final class PublishTicket {
    /// What became of one publication.
    enum Outcome: Equatable {
        case confirmed(Routing)
        case failed(PublishError)
    }

    private var outstanding: Int
    private var confirmed = 0
    private var routing: Routing?
    private var failure: PublishError?
    private var completion: ((Result<Routing, PublishError>) -> Void)?

    /// - Parameter completion: gets where the publications went, or why not all were confirmed.
    init(publications: Int, completion: @escaping (Result<Routing, PublishError>) -> Void) {
        outstanding = publications
        self.completion = completion
    }

    func settle(_ outcome: Outcome) {
        outstanding -= 1
        switch outcome {
        case .confirmed(let routing):
            confirmed += 1
            self.routing = self.routing?.joined(routing) ?? routing
        case .failed(let error):
            // An unknown outcome outweighs a failure that is certain.
            if case .unknown = failure { break }
            failure = error
        }
        guard outstanding == 0, let completion else { return }
        self.completion = nil
        completion(result)
    }

    private var result: Result<Routing, PublishError> {
        guard let failure else { return .success(routing ?? .unroutable) }
        if case .unknown = failure { return .failure(failure) }
        return .failure(confirmed == 0 ? failure : .unknown(.partial))
    }
}
