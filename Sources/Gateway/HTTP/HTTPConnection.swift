internal import AMQPBridge
internal import Glibc

/// One client's connection: whose it is, and until when it must have got on.
///
/// libmicrohttpd's own time-out is one of inactivity, which a byte per second never meets.
final class HTTPConnection {
    let descriptor: Int32
    let address: ClientAddress
    /// When the connection is cut; `nil` while the next step is ours.
    var deadline: MonotonicTime?

    /// The request whose handler is at work, while libmicrohttpd does not look at the connection.
    var waiting: HTTPExchange?

    /// The length of the current request's target, query included; `nil` if it has a space or a control character in
    /// it, or a query that is not UTF-8.
    var target: Int?
    /// What stands behind the `?` of it.
    var query = ""

    init(descriptor: Int32, address: ClientAddress) {
        self.descriptor = descriptor
        self.address = address
    }

    /// Ends the connection under libmicrohttpd, which then closes it.
    func cut() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        deadline = nil
    }
}
