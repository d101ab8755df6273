internal import Routes

/// One request on one connection, from its head to the end of its answer, as a value: events of libmicrohttpd, the
/// handler and the client go in, the next step comes out.
struct HTTPExchange {
    private enum State {
        /// The head was accepted and the body is coming.
        case receiving
        /// The answer is certain; the rest of the body is thrown away.
        case discarding
        /// The handler has been called and has not returned.
        case handling
        /// The request waits for the broker or a task.
        case waiting(Wait)
        /// The handler is done, and libmicrohttpd has not asked yet.
        case answered
        case sent
        /// The answer goes on for as long as there is something to send. It rests while there is not, with the
        /// connection suspended.
        case streaming(isResting: Bool)
    }

    private enum Wait {
        /// It waits for the broker; libmicrohttpd asks for the answer in every run.
        case polled
        /// It waits for the broker, with the connection suspended.
        case suspended
        /// It waits for a task that may be cancelled, with the connection suspended.
        case task(Task<Void, Never>)
    }

    /// The phase of a request, as far as others need to know it.
    enum Phase {
        case receiving, discarding, working, sent, streaming
    }

    /// A refused body up to this size is read and dropped, so that the connection stays usable; a longer one ends it.
    private static let discardableBytes = 64 * 1_024

    private var state: State
    /// The answer, until libmicrohttpd gets it. Apart from the state, so that a change of that copies none.
    private var response: Response?
    /// The answer that was given, or would have been.
    private(set) var answer: RequestReport.Answer?
    /// The longest body that the handler reads, in bytes; `nil`: none, it is thrown away.
    private let bodyLimit: Int?
    private var received = 0
    private let isChunked: Bool
    /// Whether the client may still send a body that is not read.
    private(set) var hasUnreadBody: Bool
    /// The outcome, where libmicrohttpd cannot know it.
    private var foretold: RequestReport.Outcome?

    // MARK: The head

    /// The first step after a head that was refused.
    enum Beginning {
        /// The body may come.
        case receives
        /// The answer, which ends the connection: bytes behind it are not read as a request.
        case sends(Response)
    }

    /// The head is enough to know the answer.
    ///
    /// - Parameter isBelieved: whether what follows can be told from the request.
    mutating func refuse(_ head: RequestHead, with refusal: Response, isBelieved: Bool) -> Beginning {
        answer = RequestReport.Answer(refusal)
        if isBelieved, refusal.status != 400, Self.isDiscardable(head) {
            state = .discarding
            response = refusal
            return .receives
        }
        state = .sent
        return .sends(refusal)
    }

    init(_ head: borrowing RequestHead, bodyLimit: Int?) {
        state = .receiving
        self.bodyLimit = bodyLimit
        isChunked = head.isChunked
        hasUnreadBody = head.announcesBody
    }

    private static func isDiscardable(_ head: RequestHead) -> Bool {
        guard head.announcesBody else { return true }
        return !head.isChunked && head.fields[.expect] == nil && (head.contentLength ?? .max) <= discardableBytes
    }

    // MARK: The body

    /// The step for a piece of the body.
    enum Piece {
        case keeps, drops
        /// The body is longer than the handler reads.
        case isTooMuch
    }

    /// Takes a piece of the body, of so many bytes.
    mutating func receive(_ count: Int) -> Piece {
        guard case .receiving = state, let bodyLimit else { return .drops }
        guard received + count <= bodyLimit else { return .isTooMuch }
        received += count
        return .keeps
    }

    /// Notes an answer in the middle of the body, past libmicrohttpd, which then ends the connection.
    ///
    /// - Parameter isWhole: whether all of the answer has left.
    mutating func interrupt(_ answer: RequestReport.Answer, isWhole: Bool) {
        state = .sent
        response = nil
        self.answer = answer
        foretold = isWhole ? .answered : nil
    }

    // MARK: The answer

    /// The step when libmicrohttpd asks for the answer.
    enum Step {
        case handles
        case sends(Response)
        /// There is no answer yet.
        case waits
    }

    /// The body is complete, or libmicrohttpd asks once more.
    mutating func proceed() -> Step {
        switch state {
        case .receiving:
            hasUnreadBody = false
            state = .handling
            return .handles
        case .discarding, .answered:
            hasUnreadBody = false
            guard let response = response.take() else { return .waits }
            state = .sent
            return .sends(response)
        case .handling, .waiting, .sent, .streaming: return .waits
        }
    }

    /// The step after a handler.
    enum Next {
        case sends(Response)
        case polls, suspends
    }

    /// The handler has returned.
    ///
    /// - Parameter mayPoll: whether there is room for one more that libmicrohttpd asks for in every run.
    mutating func handled(_ handling: consuming Handling, mayPoll: Bool) -> Next {
        if let response = response.take() {
            state = .sent
            return .sends(response)
        }
        switch consume handling {
        case .answered(let response):
            state = .sent
            answer = RequestReport.Answer(response)
            return .sends(response)
        case .waitsForBroker:
            state = .waiting(mayPoll ? .polled : .suspended)
            return mayPoll ? .polls : .suspends
        case .task(let task):
            state = .waiting(.task(task))
            return .suspends
        }
    }

    /// The way in which libmicrohttpd hears of an answer.
    enum Wake {
        /// No word is needed: the handler has not returned yet, or no client waits any more.
        case needless
        case runs, resumes
    }

    /// The handler is done.
    mutating func answer(_ response: consuming Response) -> Wake {
        let wake: Wake
        switch state {
        case .handling: wake = .needless
        case .waiting(.polled): wake = .runs
        case .waiting: wake = .resumes
        case .receiving, .discarding, .answered, .sent, .streaming: return .needless
        }
        state = .answered
        answer = RequestReport.Answer(response)
        self.response = response
        return wake
    }

    /// Whether the connection ends behind the answer. libmicrohttpd is lax in where a chunk ends (0.9.75): nothing
    /// behind a chunked body is read as a request.
    func isLast(isDraining: Bool) -> Bool { isDraining || isChunked }

    // MARK: Streams

    /// What was sent is only the head of the answer: the rest comes piece by piece.
    mutating func streams() {
        if case .sent = state { state = .streaming(isResting: false) }
    }

    /// There is no piece to send: the connection is suspended.
    mutating func rests() {
        if case .streaming = state { state = .streaming(isResting: true) }
    }

    var isResting: Bool {
        if case .streaming(let isResting) = state { isResting } else { false }
    }

    /// There is something to send, or nobody to send it to.
    ///
    /// - Returns: whether it rested, so that its connection has to be resumed.
    mutating func wakes() -> Bool {
        guard isResting else { return false }
        state = .streaming(isResting: false)
        return true
    }

    // MARK: The end

    /// The client has closed its side, or only its sending half.
    ///
    /// A client that has closed its side waits for nothing any more, and a task on its behalf need not go on. An emit
    /// goes its way: its answer comes soon, and a client that has only ended its sending half gets it.
    mutating func clientLeft() -> Departures.Finding {
        switch state {
        case .receiving, .discarding: return .hasToBeRead
        case .waiting(let wait):
            foretold = .clientLeft
            if case .task(let task) = wait { task.cancel() }
            return .waits
        case .streaming:
            foretold = .clientLeft
            return .ends
        case .handling, .answered, .sent: return .waits
        }
    }

    var phase: Phase {
        switch state {
        case .receiving: .receiving
        case .discarding: .discarding
        case .handling, .waiting, .answered: .working
        case .sent: .sent
        case .streaming: .streaming
        }
    }

    /// Whether the handler is at work.
    var isUnderWay: Bool { phase == .working && answer == nil }

    var isPolled: Bool {
        if case .waiting(.polled) = state { true } else { false }
    }

    /// The outcome of the request.
    ///
    /// - Parameter isLate: whether its connection was cut because it did not get on.
    func outcome(_ end: RequestEnd, isLate: Bool) -> RequestReport.Outcome {
        switch end {
        case .answered: foretold ?? .answered
        case .timedOut: .timedOut
        case .stopped: .stopped
        case .broken: foretold ?? (isLate ? .timedOut : .clientLeft)
        }
    }
}

/// The end of a request, as libmicrohttpd tells it.
enum RequestEnd {
    /// The answer has left.
    case answered
    case timedOut
    /// The daemon was stopped.
    case stopped
    /// The connection broke, or was ended by one side.
    case broken
}
