internal import CMicrohttpd
internal import Routes

// What libmicrohttpd calls. Each finds its daemon and its connection without counting references: the daemon outlives
// all callbacks, and a connection is there until it is closed.

private func withDaemon(_ context: UnsafeMutableRawPointer?, _ body: (HTTPDaemon) -> Void) {
    context?.assumingMemoryBound(to: Unmanaged<HTTPDaemon>?.self).pointee?._withUnsafeGuaranteedRef(body)
}

/// A line of libmicrohttpd's log. It comes before what it is about has been done.
func logCallback(context: UnsafeMutableRawPointer?, message: UnsafePointer<CChar>?) {
    guard let message else { return }
    withDaemon(context) { $0.headErrors.heard(String(cString: message)) }
}

func connectionCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
    socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, code: MHD_ConnectionNotificationCode
) {
    guard let handle, let socketContext else { return }
    // MHD_CONNECTION_NOTIFY_STARTED, whose imported name is cut in the middle of a word.
    if code.rawValue == 0 {
        withDaemon(context) { daemon in
            guard let connection = daemon.opened(handle, gateway_mhd_session(handle), gateway_mhd_descriptor(handle))
            else { return }
            // Released below when the connection is closed, and nowhere else.
            socketContext.pointee = Unmanaged.passRetained(connection).toOpaque()
        }
    } else if let pointer = socketContext.pointee {
        socketContext.pointee = nil
        let connection = Unmanaged<HTTPConnection>.fromOpaque(pointer).takeRetainedValue()
        withDaemon(context) { $0.closed(connection) }
    }
}

/// - Parameter request: the connection, as ``targetCallback`` has returned it.
func accessCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?, url: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, uploadData: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?, request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let pointer = request?.pointee, let handle, let url, let method, let version, let uploadSize else {
        return .NO
    }
    var result = MHD_Result.NO
    Unmanaged<HTTPConnection>.fromOpaque(pointer)._withUnsafeGuaranteedRef { connection in
        // Asked again and again.
        if connection.isPolled {
            result = .YES
            return
        }
        withDaemon(context) { daemon in
            if let target = connection.incoming {
                connection.incoming = nil
                daemon.requests.schedule.headEnded()
                let isFromProxy = daemon.connections.proxies.contains(connection.address)
                let raw = RawHead(
                    bytes: UnsafeRawBufferPointer(start: method, count: gateway_mhd_head_size(handle)),
                    targetLength: target.length ?? -1, query: target.query, target: url - method,
                    version: version - method, isFromProxy: isFromProxy)
                result = daemon.requests.begin(connection, raw)
            } else if uploadSize.pointee > 0 {
                let bytes = UnsafeRawBufferPointer(start: uploadData, count: uploadSize.pointee)
                uploadSize.pointee = 0
                result = daemon.requests.receive(bytes, connection)
            } else {
                result = daemon.requests.proceed(connection)
            }
        }
    }
    return result
}

/// The name of the header that ``targetCallback`` adds, told from the client's by where it stands in memory.
let noCookie: StaticString = "Cookie"
private let noValue: StaticString = ""

/// Gets the request target before libmicrohttpd cuts the query off it. The connection, which it returns, becomes the
/// request's context.
///
/// libmicrohttpd (0.9.75) would take 64 bytes of the connection's memory for each argument of the query, and twice the
/// length of cookies. Neither is wanted: it sees an empty query, and an empty Cookie header before the client's.
func targetCallback(
    context: UnsafeMutableRawPointer?, target: UnsafePointer<CChar>?, handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let target, let handle, let pointer = gateway_mhd_socket_context(handle) else { return nil }
    let length = strlen(target)
    let bytes = UnsafeRawBufferPointer(start: target, count: length)
    // libmicrohttpd is about to take it to pieces in place.
    let start = bytes.firstIndex(of: UInt8(ascii: "?")).map { $0 + 1 } ?? bytes.endIndex
    let query = start < length ? String(validating: bytes[start...], as: UTF8.self) : ""
    let isOneWord = query != nil && bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    Unmanaged<HTTPConnection>.fromOpaque(pointer)._withUnsafeGuaranteedRef { connection in
        let isFirst = connection.incoming == nil
        connection.incoming = IncomingTarget(length: isOneWord ? length : nil, query: query ?? "")
        guard isFirst else { return }
        withDaemon(context) {
            $0.requests.schedule.headBegan()
            if !connection.hasSpoken { $0.hasSpoken(connection) }
        }
    }
    // Its own buffer, which it writes to as well.
    if start < length { UnsafeMutablePointer(mutating: target)[start] = 0 }
    // Neither is copied.
    MHD_set_connection_value_n(handle, .HEADER_KIND, noCookie.cString, noCookie.utf8CodeUnitCount, noValue.cString, 0)
    return pointer
}

func completedCallback(
    context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
    request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, reason: MHD_RequestTerminationCode
) {
    guard let pointer = request?.pointee else { return }
    request?.pointee = nil
    Unmanaged<HTTPConnection>.fromOpaque(pointer)._withUnsafeGuaranteedRef { connection in
        withDaemon(context) { $0.requests.completed(connection, RequestEnd(reason)) }
    }
}

extension RequestEnd {
    fileprivate init(_ code: MHD_RequestTerminationCode) {
        // By number, for the names are cut in the middle of words.
        self =
            switch code.rawValue {
            case 0: .answered
            case 2: .timedOut
            case 3: .stopped
            default: .broken
            }
    }
}
