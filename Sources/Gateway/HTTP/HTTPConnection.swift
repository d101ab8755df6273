internal import AMQPBridge
internal import Glibc

/// One client's connection: whose it is, and until when it must have got on.
///
/// libmicrohttpd's own time-out is one of inactivity, which a byte per second never meets.
final class HTTPConnection {
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
    /// Whether it has been.
    private(set) var isCut = false

    /// The request whose handler is at work, while libmicrohttpd does not look at the connection.
    var waiting: HTTPExchange?

    /// The length of the current request's target, query included; `nil` if it has a space or a control character in
    /// it, or a query that is not UTF-8.
    var target: Int?
    /// What stands behind the `?` of it.
    var query = ""

    init(descriptor: Int32, address: IPAddress, countedAs: ClientAddress?) {
        self.descriptor = descriptor
        self.address = address
        self.countedAs = countedAs
    }

    /// Ends the connection under libmicrohttpd, which then closes it.
    func cut() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        deadline = nil
        isCut = true
    }
}
