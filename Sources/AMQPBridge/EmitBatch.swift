internal import AMQP

/// Many emits with one answer: the outcome of each, and the window of messages that may be under way at once. The
/// window keeps a batch from filling the connection, so that other emits do not wait behind all of it.
///
/// Lives on one event loop, and serves one task.
final class EmitBatch {
    /// The most messages of a batch that wait to be confirmed, and the most bytes; a larger emit goes alone.
    struct Window {
        var messages = 256
        var bytes = 1 << 20
    }

    private let window: Window
    // Not watched for overlapping accesses: the code that changes these calls no other.
    @exclusivity(unchecked) private var outcomes: [Result<Receipt, EmitError>?]
    @exclusivity(unchecked) private var messages = 0
    @exclusivity(unchecked) private var bytes = 0
    @exclusivity(unchecked) private var waiting: (most: Window, continuation: UnsafeContinuation<Void, Never>)?
    /// Whether the broker has let one of the emits wait for too long.
    private(set) var hasMetSilence = false

    init(count: Int, window: Window = Window()) {
        outcomes = Array(repeating: nil, count: count)
        self.window = window
    }

    var isUnderWay: Bool { messages > 0 }

    /// The outcome of each emit, in order. To be read when nothing is under way any more.
    var results: [Result<Receipt, EmitError>] {
        outcomes.map { outcome in
            guard let outcome else { preconditionFailure("an emit of the batch was not settled") }
            return outcome
        }
    }

    /// Whether so much more may be under way now.
    func hasRoom(messages: Int, bytes: Int) -> Bool {
        self.messages + messages <= window.messages && self.bytes + bytes <= window.bytes
    }

    /// Waits until so much more may be under way.
    func room(messages: Int, bytes: Int) async {
        guard !hasRoom(messages: messages, bytes: bytes) else { return }
        // Half of the window at a time: waking up for every confirm would cost more than the publishing.
        await drain(to: Window(messages: window.messages / 2 - messages, bytes: window.bytes / 2 - bytes))
    }

    /// Waits until nothing is under way.
    func empty() async { await drain(to: Window(messages: 0, bytes: 0)) }

    func begin(messages: Int, bytes: Int) {
        self.messages += messages
        self.bytes += bytes
    }

    /// Settles an emit that was begun.
    func finish(_ index: Int, _ outcome: Result<Receipt, EmitError>, messages: Int, bytes: Int) {
        self.messages -= messages
        self.bytes -= bytes
        settle(index, outcome)
        guard let waiting, isWithin(waiting.most) else { return }
        self.waiting = nil
        waiting.continuation.resume()
    }

    func settle(_ index: Int, _ outcome: Result<Receipt, EmitError>) {
        outcomes[index] = outcome
        switch outcome {
        case .failure(.notPublished(.unknown(.confirmTimedOut))), .failure(.notPublished(.brokerSilent)):
            hasMetSilence = true
        default: break
        }
    }

    private func drain(to most: Window) async {
        guard !isWithin(most) else { return }
        // Unsafe only in that nothing checks for the one resume: `waiting` is forgotten before it.
        await withUnsafeContinuation { waiting = (most, $0) }
    }

    private func isWithin(_ most: Window) -> Bool {
        messages == 0 || (messages <= most.messages && bytes <= most.bytes)
    }
}

extension EmitBatch {
    func hasRoom(for request: PublishRequest) -> Bool {
        hasRoom(messages: request.publications.count, bytes: request.encodedSize)
    }

    func room(for request: PublishRequest) async {
        await room(messages: request.publications.count, bytes: request.encodedSize)
    }

    func begin(_ request: PublishRequest) { begin(messages: request.publications.count, bytes: request.encodedSize) }
}
