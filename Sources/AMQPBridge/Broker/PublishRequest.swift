/// What is published in one go: waits for all of it, and then tells how it ended, once. Its messages share it, in the ledger
/// and wherever they wait.
///
/// Lives on one event loop.
final class PublishRequest {
    /// What became of one publication.
    enum Outcome: Equatable {
        case confirmed(Routing)
        case failed(PublishError)
    }

    /// To one exchange. They are kept until the end: what the broker discards is sent again.
    let publications: [Publication]
    /// When it came, or what it is a part of.
    let came: MonotonicTime
    /// How long it may wait for its confirms.
    let deadline: MonotonicTime
    /// What is kept, in bytes as they are on the wire.
    let encodedSize: Int
    private var outstanding: Int
    private var confirmed = 0
    private var routing: Routing?
    private var failure: PublishError?
    private var completion: ((Result<Routing, PublishError>) -> Void)?

    /// - Parameters:
    ///   - encodedSize: of all publications, in bytes.
    ///   - completion: gets where the publications went, or why not all were confirmed.
    init(
        _ publications: [Publication], encodedSize: Int, came: MonotonicTime, deadline: MonotonicTime,
        completion: @escaping (Result<Routing, PublishError>) -> Void
    ) {
        self.publications = publications
        self.encodedSize = encodedSize
        self.came = came
        self.deadline = deadline
        outstanding = publications.count
        self.completion = completion
    }

    var exchange: String { publications[0].exchange }

    func encodedSize(of index: Int) -> Int {
        publications.count == 1 ? encodedSize : publications[index].encodedSize
    }

    /// Takes what became of one publication.
    ///
    /// - Returns: whether it was the last: then ``complete()`` is to be called, and nothing is kept any more.
    func settle(_ outcome: Outcome) -> Bool {
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
        return outstanding == 0
    }

    /// Says how it ended. Once, when all is settled.
    func complete() {
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }

    private var result: Result<Routing, PublishError> {
        guard let failure else { return .success(routing ?? .unroutable) }
        if case .unknown = failure { return .failure(failure) }
        return .failure(confirmed == 0 ? failure : .unknown(.partial))
    }
}
