internal import AMQPBridge
internal import Glibc

/// One client's connection: whose it is, and until when it must have got on.
///
/// libmicrohttpd's own time-out is one of inactivity, which a byte per second never meets.
final class HTTPConnection {
    /// libmicrohttpd's connection.
    let handle: OpaquePointer
    let descriptor: Int32
    /// The other end's.
    let address: IPAddress
    /// As whose it is counted; `nil`: it was opened by a proxy, which has many clients.
    let countedAs: ClientAddress?
    /// Whether the other end is a proxy that is trusted: as of the current request, for who is trusted may change.
    var isProxy = false
    /// Whether its requests are counted by their clients' addresses, since it is not itself counted by its own.
    var countsRequests: Bool { isProxy || countedAs == nil }
    /// When the connection is cut; `nil` while the next step is ours.
    var deadline: MonotonicTime?
    /// From when on it may be closed to make room for others; `nil`: there is a request at work. One that has just been taken has
    /// a moment to ask something, and who has been refused, or does not read its answer, has one to end it.
    var expendableFrom: MonotonicTime?
    /// Whether it counts as a connection: not any more when it was closed to make room for another.
    var isCounted = true

    /// Why it was ended under libmicrohttpd.
    enum Cut {
        /// It has not got on in time.
        case late
        /// Its client has closed its side.
        case clientLeft
        /// Others need the room, or the gateway ends.
        case unneeded
    }

    /// `nil`: it was not.
    private(set) var cut: Cut?

    /// The request that is being received or answered.
    var exchange: HTTPExchange?
    /// Whether the client has closed its side, or its sending half.
    var hasClientLeft = false
    /// Whether the client may still send of a body that nobody reads.
    var hasUnreadBody = false
    /// Whether a request line has come, and the end of the head has not.
    var isReadingHead = false

    /// The length of the current request's target, query included; `nil` if it has a space or a control character in
    /// it, or a query that is not UTF-8.
    var target: Int?
    /// What stands behind the `?` of it.
    var query = ""

    init(handle: OpaquePointer, descriptor: Int32, address: IPAddress, countedAs: ClientAddress?) {
        self.handle = handle
        self.descriptor = descriptor
        self.address = address
        self.countedAs = countedAs
    }

    /// Sends nothing any more; what was sent arrives.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection under libmicrohttpd, which then closes it.
    func end(_ cut: Cut) {
        guard self.cut == nil else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
        deadline = nil
        expendableFrom = nil
        self.cut = cut
    }
}
