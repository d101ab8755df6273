internal import AMQPBridge
internal import CMicrohttpd
internal import Routes

/// What libmicrohttpd says of how a request ended.
enum RequestEnd {
    /// The answer has left.
    case answered
    case timedOut
    /// The daemon was stopped.
    case stopped
    /// The connection broke, or was ended by one side.
    case broken

    init(_ code: MHD_RequestTerminationCode) {
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

extension HTTPDaemon {
    /// Says what became of a request. Of nearly all that is nothing that anybody wants to know: then no text is made.
    func log(_ exchange: HTTPExchange, _ end: RequestEnd) {
        let answer = exchange.answer
        let outcome = exchange.outcome(end)
        if outcome == .answered, !requestLog.isEnabled(RequestReport.success), let answer,
            RequestReport.isUsual(exchange.request, answer)
        {
            return
        }
        let report = RequestReport(
            exchange.request, answer ?? exchange.unsent, outcome, client: exchange.client.description,
            duration: .now() - exchange.start, counters: router.counters)
        requestLog.write(report)
    }
}

extension HTTPDaemon {
    /// Says that something was answered that never became a request.
    func log(_ admission: Admission, client: IPAddress?) {
        guard let response = admission.refusal else { return }
        requestLog.write(
            RequestReport(
                admission.request, RequestReport.Answer(response), .answered, client: client?.description,
                duration: .zero,
                counters: router.counters))
    }
}

extension HTTPExchange {
    fileprivate func outcome(_ end: RequestEnd) -> RequestReport.Outcome {
        switch end {
        case .answered: isAbandoned ? .clientLeft : .answered
        case .timedOut: .timedOut
        case .stopped: .stopped
        case .broken:
            if isSentDirectly { .answered } else { connection.cut == .late ? .timedOut : .clientLeft }
        }
    }

    /// An answer that was there and did not leave.
    fileprivate var unsent: RequestReport.Answer? {
        switch state {
        case .discarding(let response), .answered(let response): RequestReport.Answer(response)
        case .receiving, .handling, .sent: nil
        }
    }
}
