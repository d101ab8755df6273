package import EventLoop

/// Messages that are published in one go. The request waits for all of them, and then tells the outcome, once. Its
/// messages share it, in the ledger and wherever they wait. The one to be told is a subclass, so that an emit under way
/// is one object.
///
/// Lives on one event loop.
open class PublishRequest {
    /// The outcome of one publication.
    enum Outcome: Equatable {
        case confirmed(Routing)
        case failed(PublishError)
    }

    /// The messages, all to one exchange. They are kept until the end: those that the broker discards are sent again.
    package final let publications: Publications
    /// The size of the publications on the wire, in bytes.
    package final let encodedSize: Int
    /// The time at which the request came, or that of the batch that it is a part of. To be set, if at all, before it
    /// is published.
    @exclusivity(unchecked) package final var came = MonotonicTime.never
    /// The time until which it may wait for its confirms.
    @exclusivity(unchecked) private(set) final var deadline = MonotonicTime.never
    // Not watched for overlapping accesses, like the publisher's: each is read and written in one step.
    @exclusivity(unchecked) private final var outstanding: Int
    @exclusivity(unchecked) private final var confirmed = 0
    @exclusivity(unchecked) private final var routing: Routing?
    @exclusivity(unchecked) private final var failure: PublishError?

    public init(_ publications: consuming Publications) {
        encodedSize = publications.encodedSize
        outstanding = publications.count
        self.publications = publications
    }

    /// Begins the request, which is to be published now.
    final func begin(now: MonotonicTime, deadline: MonotonicTime) {
        came = min(came, now)
        self.deadline = deadline
    }

    /// Receives the outcome: where the publications went, or the reason why not all were confirmed. For subclasses;
    /// called once.
    open func ended(_ result: Result<Routing, PublishError>) {
        preconditionFailure("nobody is told")
    }

    package final var exchange: String { publications.first.exchange }

    final func encodedSize(of index: Int) -> Int {
        publications.count == 1 ? encodedSize : publications[index].encodedSize
    }

    /// See ``Publication/knowsRecipients``.
    final func knowsRecipients(of index: Int) -> Bool {
        index == 0 ? publications.first.knowsRecipients : publications.others[index - 1].knowsRecipients
    }

    /// Takes the outcome of one publication.
    ///
    /// - Returns: the outcome of the whole request, if it was the last: ``ended(_:)`` is to be told, and nothing is
    ///   kept any more.
    final func settle(_ outcome: Outcome) -> Result<Routing, PublishError>? {
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
        return outstanding == 0 ? result : nil
    }

    private final var result: Result<Routing, PublishError> {
        guard let failure else { return .success(routing ?? .unroutable) }
        if case .unknown = failure { return .failure(failure) }
        return .failure(confirmed == 0 ? failure : .unknown(.partial))
    }
}

/// Tells a closure.
final class ClosureRequest: PublishRequest {
    private let completion: (Result<Routing, PublishError>) -> Void

    init(_ publications: Publications, completion: @escaping (Result<Routing, PublishError>) -> Void) {
        self.completion = completion
        super.init(publications)
    }

    override func ended(_ result: Result<Routing, PublishError>) { completion(result) }
}
