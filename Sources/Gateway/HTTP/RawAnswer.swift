internal import AMQPBridge
internal import EventLoop
internal import Glibc
internal import Routes

/// An answer as bytes, for where libmicrohttpd takes none. It ends the connection.
enum RawAnswer {
    /// - Parameter date: seconds since 1970.
    static func bytes(_ response: Response, isPost: Bool, date: Int64) -> [UInt8] {
        var head = "HTTP/1.1 \(response.status) \(reason(response.status))\r\nDate: \(httpDate(date))\r\n"
        response.forEachConstantField(isPost: isPost) { name, value in head += "\(name): \(value)\r\n" }
        response.forEachField { name, value in head += "\(name): \(String(cString: value))\r\n" }
        head += "Connection: close\r\nContent-Length: \(response.body.count)\r\n\r\n"
        return Array(head.utf8) + response.body
    }

    /// - Returns: whether all of it has left.
    static func send(_ response: Response, isPost: Bool, to connection: HTTPConnection) -> Bool {
        connection.send(bytes(response, isPost: isPost, date: UnixTime.now()))
    }

    /// The reason phrase of a status that is sent this way (RFC 9110, section 15).
    private static func reason(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 413: "Content Too Large"
        case 503: "Service Unavailable"
        default: ""
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
    static func httpDate(_ time: Int64) -> String {
        var seconds = time_t(time)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + parts.tm_year) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}

extension Response {
    /// The headers that every answer of its kind has.
    ///
    /// No answer is for a browser to show, to frame or to take for another type, and none is to be kept. An emit that
    /// succeeded leaves out two: caches do not keep answers to POST (RFC 9110, section 9.3.3), and JSON is not shown.
    /// Each costs about 900 instructions.
    func forEachConstantField(
        isPost: Bool, isStreamed: Bool = false, _ body: (_ name: StaticString, _ value: StaticString) -> Void
    ) {
        if let contentType { body("Content-Type", contentType) }
        body("X-Content-Type-Options", "nosniff")
        if isPost, status < 300 { return }
        if isOfConsole {
            body("Cache-Control", "no-cache")
            body("Content-Security-Policy", Self.consolePolicy)
            return
        }
        // Who compresses a stream holds its events back.
        body("Cache-Control", isStreamed ? "no-store, no-transform" : "no-store")
        body("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    }

    /// Nothing but the console's own files runs, and they talk to nobody but this gateway.
    private static let consolePolicy: StaticString = """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'
        """
}
