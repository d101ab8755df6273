internal import CMicrohttpd
internal import Routes

/// What libmicrohttpd's callbacks get as their context: a daemon cannot be its own before it exists.
final class HTTPCallbackContext {
    /// Set right after the start; callbacks run inside `MHD_run` only.
    unowned var daemon: HTTPDaemon!

    private let log = UnsafeMutablePointer<gateway_mhd_log>.allocate(capacity: 1)

    /// Freed with the daemon, which writes no line any more then.
    deinit { log.deallocate() }

    /// Starts libmicrohttpd with this as its context, borrowed: the daemon owns it and outlives all callbacks.
    func start(_ options: inout gateway_mhd_options) -> OpaquePointer? {
        let context = Unmanaged.passUnretained(self).toOpaque()
        log.initialize(to: gateway_mhd_log(write: logCallback, context: context))
        options.log = log
        return gateway_mhd_start(
            &options, accessCallback, completedCallback, connectionCallback, targetCallback, context)
    }
}

private func daemon(of context: UnsafeMutableRawPointer?) -> HTTPDaemon? {
    context.flatMap { Unmanaged<HTTPCallbackContext>.fromOpaque($0).takeUnretainedValue().daemon }
}

/// A line of libmicrohttpd's log. It comes before what it is about has been done.
private func logCallback(context: UnsafeMutableRawPointer?, message: UnsafePointer<CChar>?) {
    guard let daemon = daemon(of: context), let message else { return }
    daemon.libraryReported(String(cString: message))
}

private func connectionCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
    socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, code: MHD_ConnectionNotificationCode
) {
    guard let daemon = daemon(of: context), let handle, let socketContext else { return }
    // MHD_CONNECTION_NOTIFY_STARTED, whose imported name is cut in the middle of a word.
    if code.rawValue == 0 {
        let address = SocketAddress(copying: gateway_mhd_client_address(handle)).ip
        let connection = HTTPConnection(
            handle: handle, descriptor: gateway_mhd_descriptor(handle), address: address,
            countedAs: daemon.counted(address))
        // Released below when the connection is closed, and nowhere else.
        socketContext.pointee = Unmanaged.passRetained(connection).toOpaque()
        daemon.opened(connection)
    } else if let pointer = socketContext.pointee {
        socketContext.pointee = nil
        daemon.closed(Unmanaged<HTTPConnection>.fromOpaque(pointer).takeRetainedValue())
    }
}

private func accessCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?, url: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, uploadData: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?, exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let daemon = daemon(of: context), let handle, let url, let method, let version, let uploadSize, let exchange
    else { return .NO }
    guard let pointer = exchange.pointee else {
        guard let socketContext = gateway_mhd_socket_context(handle) else { return .NO }
        let connection = Unmanaged<HTTPConnection>.fromOpaque(socketContext).takeUnretainedValue()
        connection.isReadingHead = false
        connection.isProxy = daemon.proxies.contains(connection.address)
        let head = ParsedHead(
            handle, target: connection.target ?? -1, query: connection.query, url: url, method: method,
            version: version, isFromProxy: connection.isProxy)
        return daemon.begin(handle, connection, head, exchange)
    }
    let current = Unmanaged<HTTPExchange>.fromOpaque(pointer).takeUnretainedValue()
    guard uploadSize.pointee > 0 else { return daemon.proceed(current) }
    let bytes = UnsafeRawBufferPointer(start: uploadData, count: uploadSize.pointee)
    uploadSize.pointee = 0
    return daemon.receive(bytes, current)
}

/// The name of the header that ``targetCallback`` adds, told from the client's by where it stands in memory.
let noCookie: StaticString = "Cookie"
private let noValue: StaticString = ""

/// Gets the request target before libmicrohttpd cuts the query off it. What it returns becomes the request's context,
/// which is made later.
///
/// libmicrohttpd (0.9.75) would take 64 bytes of the connection's memory for each argument of the query, and twice the length
/// of cookies. Neither is wanted: it sees an empty query, and an empty Cookie header before the client's.
private func targetCallback(
    context: UnsafeMutableRawPointer?, target: UnsafePointer<CChar>?, handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let target, let handle, let socketContext = gateway_mhd_socket_context(handle) else { return nil }
    let connection = Unmanaged<HTTPConnection>.fromOpaque(socketContext).takeUnretainedValue()
    let length = strlen(target)
    let bytes = UnsafeRawBufferPointer(start: target, count: length)
    // libmicrohttpd is about to take it to pieces in place.
    let start = bytes.firstIndex(of: UInt8(ascii: "?")).map { $0 + 1 } ?? bytes.endIndex
    let query = String(validating: bytes[start...], as: UTF8.self)
    connection.query = query ?? ""
    connection.target = query != nil && bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F } ? length : nil
    connection.isReadingHead = true
    // Its own buffer, which it writes to as well.
    if start < length { UnsafeMutablePointer(mutating: target)[start] = 0 }
    // Neither is copied.
    MHD_set_connection_value_n(handle, .HEADER_KIND, noCookie.cString, noCookie.utf8CodeUnitCount, noValue.cString, 0)
    return nil
}

private func completedCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
    exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, reason: MHD_RequestTerminationCode
) {
    guard let daemon = daemon(of: context), let pointer = exchange?.pointee else { return }
    exchange?.pointee = nil
    daemon.completed(Unmanaged<HTTPExchange>.fromOpaque(pointer).takeRetainedValue(), RequestEnd(reason))
}
