internal import AMQPBridge
internal import CHTTPS
internal import CSockets
internal import EventLoop
internal import Glibc
internal import Routes

/// One client's connection: the client, and the request under way. One object for all of its requests.
///
/// Properties that every request touches are not checked for exclusive access, as in ``HTTPRequests``.
final class HTTPConnection {
    /// Outlives all connections.
    private unowned let requests: HTTPRequests
    /// libmicrohttpd's connection.
    let handle: OpaquePointer
    let descriptor: Int32
    /// GnuTLS's session; `nil`: plain, or closed.
    private var session: UnsafeMutableRawPointer?
    /// The address of the other end.
    let address: IPAddress
    let door: Door
    /// The client that the connection counts against; `nil`: it was opened by a proxy, which has many clients.
    let countedAs: ClientAddress?
    /// Whether it counts as a connection: not any more when it was closed to make room for another.
    var isCounted: Bool
    @exclusivity(unchecked) var times: ConnectionTimes

    /// The target of a request whose head has not wholly come.
    @exclusivity(unchecked) var incoming: IncomingTarget?
    /// The request that is being received or answered.
    @exclusivity(unchecked) var served: ServedRequest?
    /// The answer of the request, if it is to be used again when the request is over.
    @exclusivity(unchecked) var pooledAnswer: PooledAnswer?
    /// Whether the client may still send a body that is not read, after a request that is over.
    @exclusivity(unchecked) var hasUnreadBody = false
    /// Whether a request has ever begun: with TLS hands were shaken before.
    var hasSpoken = false

    /// The reason why the connection was ended under libmicrohttpd.
    enum Cut {
        /// The connection has not got on in time.
        case late
        /// Its client has closed its side.
        case clientLeft
        /// Other connections need the room, or the gateway ends.
        case unneeded
    }

    /// The cut that ended it; `nil`: it was not ended under libmicrohttpd.
    private(set) var cut: Cut?

    init(
        requests: HTTPRequests, handle: OpaquePointer, session: UnsafeMutableRawPointer?, descriptor: Int32,
        address: IPAddress, door: Door,
        countedAs: ClientAddress?, isCounted: Bool,
        times: ConnectionTimes
    ) {
        self.requests = requests
        self.handle = handle
        self.session = session
        self.descriptor = descriptor
        self.address = address
        self.door = door
        self.countedAs = countedAs
        self.isCounted = isCounted
        self.times = times
    }

    /// Whether libmicrohttpd asks for an answer in every run.
    var isPolled: Bool { served?.exchange.isPolled ?? false }

    /// Whether there are bytes that libmicrohttpd has not read.
    var hasUnread: Bool {
        if let session, gateway_https_pending(session) > 0 { return true }
        return gateway_readable_bytes(descriptor) > 0
    }

    /// Sends an answer past libmicrohttpd, between two of its own.
    ///
    /// - Returns: whether all of it has left. An answer is shorter than what a socket takes at once.
    func send(_ bytes: [UInt8]) -> Bool {
        if let session { return gateway_https_send(session, bytes, bytes.count) == bytes.count }
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) == bytes.count
    }

    /// Sends nothing any more; bytes that were sent arrive.
    func endSending() {
        if let session { gateway_https_say_goodbye(session) }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Forgets the session, which is gone when the connection is closed.
    func closed() { session = nil }

    /// Ends the connection under libmicrohttpd, which then closes it.
    func end(_ cut: Cut) {
        guard self.cut == nil else { return }
        // Without it the end is an error to clients that wait for something.
        if let session, hasSpoken, served == nil { gateway_https_say_goodbye(session) }
        shutdown(descriptor, Int32(SHUT_RDWR))
        times.ended()
        self.cut = cut
    }
}

extension HTTPConnection: AnswerReceiver {
    func receive(_ response: consuming Response, to request: Request) {
        requests.answer(request, with: response, self)
    }
}

/// The target in the first line of a head, before libmicrohttpd takes it to pieces.
struct IncomingTarget {
    /// The length in bytes, query included; `nil` if it has a space or a control character in it, or a query that is
    /// not UTF-8.
    let length: Int?
    /// The query, behind the `?`.
    let query: String
}

/// A request on its connection.
struct ServedRequest {
    let request: Request
    var exchange: HTTPExchange
    /// The client that it is from, perhaps through proxies.
    let client: IPAddress
    /// Whether it is counted as the client's, since its connection is not.
    let isCounted: Bool
    /// Whether it counts among those under way.
    private var isUnderWay = true
    /// The loop's turn in which the head was there.
    let start: MonotonicTime
    /// The bytes that it takes of the process's limit for bodies and answers.
    var bodyBytes = 0
    /// The bytes of its answer that were given away, if that is a stream.
    var streamedBytes = 0
    /// The time at which that was told to end, because its caller would not be admitted any more.
    var streamRefused: MonotonicTime?

    init(request: Request, exchange: HTTPExchange, client: IPAddress, isCounted: Bool, start: MonotonicTime) {
        self.request = request
        self.exchange = exchange
        self.client = client
        self.isCounted = isCounted
        self.start = start
    }

    /// Does not count among those under way any more, if it still did.
    mutating func ends(isAnswered: Bool, _ load: LoopLoad, _ counters: RequestCounters) {
        guard isUnderWay else { return }
        isUnderWay = false
        if isAnswered { counters.count(request, nanoseconds: MonotonicTime.now().nanoseconds - start.nanoseconds) }
        load.ended()
        // A stream takes a connection for as long as it lasts.
        if isCounted, !request.isStreamed { load.ended(from: ClientAddress(client)) }
    }

    /// Its answer was a stream, which is over: does not count as its client's any more.
    func streamEnds(_ load: LoopLoad) {
        if isCounted { load.ended(from: ClientAddress(client)) }
    }
}

/// A request whose client has left while its handler was at work. It counts among those under way until that is done,
/// so that their number is bounded, and is told then, with its answer.
struct AbandonedRequest {
    var served: ServedRequest
    /// The outcome for its client, whose connection has ended.
    let outcome: RequestReport.Outcome
}
