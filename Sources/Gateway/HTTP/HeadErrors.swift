internal import CMicrohttpd
internal import Routes

/// Answers heads that libmicrohttpd does not understand, as ``LibraryErrors`` says.
final class HeadErrors {
    private var errors = LibraryErrors()
    private let requests: HTTPRequests
    private let connections: HTTPConnections
    private let router: Router
    private let requestLog: RequestLog

    init(requests: HTTPRequests, connections: HTTPConnections, router: Router, requestLog: RequestLog) {
        self.requests = requests
        self.connections = connections
        self.router = router
        self.requestLog = requestLog
    }

    var areTried: Bool { errors.state != .untried }

    /// Tries once, at the start, whether they can be answered.
    ///
    /// - Parameters:
    ///   - add: takes a connection.
    ///   - run: lets libmicrohttpd do what there is to do.
    func tryOnce(add: (_ descriptor: Int32) -> Void, run: () -> Void) {
        guard let pair = SocketPair() else { return errors.tried("") }
        add(pair.given)
        pair.send("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n")
        for _ in 0..<8 { run() }
        errors.tried(pair.received())
        pair.endSending()
        for _ in 0..<2 { run() }
    }

    /// Takes over the result of another daemon's try: it is the same library.
    func learn(from other: HeadErrors) { errors = other.errors }

    /// A line of libmicrohttpd's log.
    func heard(_ message: String) {
        switch errors.heard(message) {
        case .refuses(let refusal): refuse(refusal)
        case .notes(let status): log(router.noteAnswer(status), client: nil)
        case nil: break
        }
    }

    /// Answers the connection whose length is wrong: several may be in the middle of a head, and the log does not say
    /// which one it is about.
    private func refuse(_ refusal: LibraryErrors.Refusal) {
        guard let connection = connections.all.values.first(where: { $0.hasWrongLength }),
            let response = answer(to: connection, refusal)
        else { return }
        connection.incoming = nil
        requests.schedule.headEnded()
        errors.answered(isWhole: RawAnswer.send(response, isPost: false, to: connection))
        // What libmicrohttpd sends now goes nowhere.
        connection.endSending()
        connection.hasUnreadBody = true
    }

    private func answer(to connection: HTTPConnection, _ refusal: LibraryErrors.Refusal) -> Response? {
        // What is tried is neither counted nor logged.
        guard areTried else { return Response(status: 400, contentType: "application/problem+json") }
        let head = RequestHead(method: .other, path: "")
        let admission =
            switch refusal {
            case .malformedLength: router.refuseMalformed(head, "a Content-Length that is not a number")
            case .longLength: router.refuseLength(head)
            }
        log(admission, client: connection.address)
        return admission.refusal
    }

    private func log(_ admission: Admission, client: IPAddress?) {
        guard let response = admission.refusal else { return }
        requestLog.write(
            RequestReport(
                admission.request, RequestReport.Answer(response), .answered, client: client?.description,
                duration: .zero, counters: router.counters))
    }
}

extension HTTPConnection {
    /// Whether its head is complete, and its Content-Length none.
    fileprivate var hasWrongLength: Bool {
        // Only now is its size known: the head is complete.
        guard incoming != nil, gateway_mhd_head_size(handle) > 0,
            let length = gateway_mhd_header(handle, "Content-Length")
        else { return false }
        return !LibraryErrors.isLength(String(cString: length))
    }
}
