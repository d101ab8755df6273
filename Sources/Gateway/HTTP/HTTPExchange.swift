internal import Routes

/// One request on one connection, from its head to the end of its answer.
///
/// `@unchecked Sendable`: touched on its event loop only, by libmicrohttpd's callbacks and by the task that answers.
final class HTTPExchange: @unchecked Sendable {
    enum State {
        /// The head was accepted and the body is coming.
        case receiving(AdmittedRequest)
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
    var state: State
    var body: [UInt8] = []
    /// What of the process's limit for bodies and answers this one takes.
    var bodyBytes = 0
    var discardedBytes = 0
    /// Whether libmicrohttpd waits for the handler.
    var isSuspended = false
    /// The handler, while it is at work.
    var task: Task<Void, Never>?

    init(handle: OpaquePointer, connection: HTTPConnection, state: State) {
        self.handle = handle
        self.connection = connection
        self.state = state
    }
}
