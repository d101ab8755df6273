internal import AMQPBridge
internal import CMicrohttpd
internal import Routes

/// libmicrohttpd's own answers to heads that it does not understand.
///
/// To a Content-Length that is no number, or too large a one, it sends its head twice (0.9.75; mended in 1.0.1), which proxies
/// take for garbage. It writes to its log before it answers: that is the moment to answer ourselves. Its HTML for 414, 431, 505 and
/// other malformed heads has one head, and stays.
extension HTTPDaemon {
    /// A line of libmicrohttpd's log.
    func libraryReported(_ message: String) {
        if message.hasPrefix("Failed to parse `Content-Length' header") {
            refuseHead { $0.refuseMalformed($1, "a Content-Length that is not a number") }
        } else if message.hasPrefix("Too large value of 'Content-Length' header") {
            refuseHead { $0.refuseLength($1) }
        } else if let status = Self.status(in: message) {
            // The one that was answered above is reported, too.
            if hasAnsweredHeadError {
                hasAnsweredHeadError = false
            } else {
                log(router.noteAnswer(status), client: nil)
            }
        }
    }

    /// "Error processing request (HTTP response code is 414 ('…')). Closing connection."
    static func status(in message: String) -> Int? {
        let prefix = "Error processing request (HTTP response code is "
        guard message.hasPrefix(prefix) else { return nil }
        return Int(message.dropFirst(prefix.count).prefix { $0.isNumber })
    }

    /// Answers whose head it is. Several connections may be in the middle of a head, and the log does not say which: it is the
    /// one whose head is complete, and whose Content-Length is not right.
    private func refuseHead(_ refuse: (Router, RequestHead) -> Admission) {
        guard libraryErrors != .unpreventable else { return }
        for connection in connections.values {
            // Only now is its size known: the head is complete.
            guard connection.isReadingHead, gateway_mhd_head_size(connection.handle) > 0,
                let length = gateway_mhd_header(connection.handle, "Content-Length"),
                !Self.isNumber(length)
            else { continue }
            connection.isReadingHead = false
            // Nobody has asked for the one that is tried.
            let admission =
                libraryErrors == .untried ? nil : refuse(router, RequestHead(method: .other, path: ""))
            let response = admission?.refusal ?? Response(status: 400, contentType: "application/problem+json")
            hasAnsweredHeadError = RawAnswer.send(response, isPost: false, to: connection.descriptor)
            // What libmicrohttpd sends now goes nowhere.
            connection.endSending()
            connection.hasUnreadBody = true
            if let admission { log(admission, client: connection.address) }
            return
        }
    }

    /// What libmicrohttpd takes for one: digits that fit 64 bits.
    private static func isNumber(_ text: UnsafePointer<CChar>) -> Bool {
        let text = String(cString: text)
        return !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) } && UInt64(text) != nil
    }

    /// Whether these errors can be answered in libmicrohttpd's place.
    enum LibraryErrors {
        case untried, preventable, unpreventable
    }

    /// Tries it once, at the start: it depends on the words of libmicrohttpd's log.
    ///
    /// - Returns: whether a Content-Length that is no number gets one answer, and it is ours.
    func canPreventLibraryErrors() -> Bool {
        guard let pair = SocketPair() else { return false }
        add(pair.given, .loopback)
        pair.send("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n")
        for _ in 0..<8 { run() }
        let answer = pair.received()
        pair.endSending()
        for _ in 0..<2 { run() }
        return answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("application/problem+json")
            && answer.split(separator: "\n").count { $0.hasPrefix("HTTP/1.1 ") } == 1
    }
}
