internal import AMQPBridge
internal import Routes

/// One request on one connection, from its head to the end of its answer.
///
/// `@unchecked Sendable`: touched on its event loop only, by libmicrohttpd's callbacks and by the task that answers.
final class HTTPExchange: @unchecked Sendable {
    enum State {
        /// The head was accepted and the body is coming.
        case receiving
        /// The answer is certain; what is left of the body is thrown away.
        case discarding(Response)
        /// The handler is at work and the connection suspended.
        case handling
        /// The handler is done.
        case answered(Response)
        case sent
    }

    /// libmicrohttpd's connection.
    let handle: OpaquePointer
    let connection: HTTPConnection
    let request: Request
    /// Who it is from, perhaps through proxies.
    let client: IPAddress
    /// Whether it is counted as the client's, since its connection is not.
    let isCounted: Bool
    /// The loop's turn in which the head was there.
    let start: MonotonicTime
    let isChunked: Bool
    var state: State
    /// What was answered, or is about to be.
    var answer: RequestReport.Answer?
    /// Whether its client was seen to leave while the handler was at work.
    var isAbandoned = false
    /// What of the process's limit for bodies and answers this one takes.
    var bodyBytes = 0
    /// Whether the answer was sent past libmicrohttpd, which takes none in the middle of a body.
    var isSentDirectly = false
    /// The handler, while it is at work.
    var task: Task<Void, Never>?

    init(
        _ request: Request, handle: OpaquePointer, connection: HTTPConnection, client: IPAddress, start: MonotonicTime,
        state: State
    ) {
        self.request = request
        self.handle = handle
        self.connection = connection
        self.client = client
        isCounted = connection.countsRequests
        self.start = start
        isChunked = request.head.isChunked
        self.state = state
    }

    /// Its client has left: whoever waits for others on its behalf need not.
    func abandon() {
        isAbandoned = true
        task?.cancel()
    }
}
