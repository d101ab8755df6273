internal import AMQPBridge

/// What the log says of one request: names and numbers, nothing of payloads, queries or credentials.
public struct RequestReport: Sendable {
    /// How much a line matters.
    public enum Level: Int, Sendable, CaseIterable, Comparable {
        case trace, debug, info, warning, error

        public static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// How a request ended.
    public enum Outcome: String, Sendable {
        case answered
        /// Before the answer, or while it was sent.
        case clientLeft = "client left"
        /// Its body did not come in time, or its client did not take the answer.
        case timedOut = "timed out"
        /// The gateway ended under it.
        case stopped
    }

    /// What was answered, or would have been.
    public struct Answer: Sendable {
        public let status: Int
        public let code: Problem.Code?

        public init(_ response: Response) {
            status = response.status
            code = response.code
        }
    }

    public let level: Level
    /// By name; those without a value are not there.
    public let fields: [(name: String, value: String)]

    /// Probes and scrapes come every few seconds.
    private static let servicePaths: Set<String> = ["/livez", "/readyz", "/metrics"]
    private static let mostPathBytes = 200

    /// - Parameters:
    ///   - answer: `nil`: there is none.
    ///   - client: its address, if it is known.
    ///   - duration: from the request's head to the end of it.
    public init(
        _ subject: Subject, _ answer: Answer?, _ outcome: Outcome, client: String?, duration: Duration,
        counters: RequestCounters
    ) {
        let route = counters.path(subject.path)
        // What a handler says whose caller has left, nobody was told.
        let isUntold = outcome == .clientLeft && answer?.code == .shuttingDown
        let answer = isUntold ? nil : answer
        level = Self.level(answer, outcome, isService: Self.servicePaths.contains(route))
        let all: [(String, String?)] = [
            ("requestId", subject.id), ("method", subject.head.method.rawValue),
            ("path", subject.head.path.shortened(to: Self.mostPathBytes)), ("route", route),
            ("status", answer.map { String($0.status) }), ("code", answer?.code?.rawValue),
            ("outcome", outcome == .answered ? nil : outcome.rawValue), ("durationMs", duration.milliseconds),
            ("client", client), ("key", subject.caller?.name), ("traceId", subject.head.trace?.traceID),
        ]
        fields = all.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The level of a request that succeeded, unless it is one of the service: where this is not written, nothing is.
    public static let success = Level.debug

    private static func level(_ answer: Answer?, _ outcome: Outcome, isService: Bool) -> Level {
        guard outcome == .answered, let answer else { return .info }
        switch answer.status {
        case 500...: return .error
        case 401, 403, 429: return .warning
        case 400...: return .info
        default: return isService ? .trace : success
        }
    }
}

extension String {
    /// The text in at most so many bytes, with an ellipsis in place of what is missing.
    fileprivate func shortened(to most: Int) -> String {
        guard utf8.count > most else { return self }
        var end = utf8.index(startIndex, offsetBy: most - "…".utf8.count)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end] + "…"
    }
}

extension Duration {
    /// With three decimals.
    fileprivate var milliseconds: String {
        let microseconds = max(0, nanoseconds / 1_000)
        let decimals = String(microseconds % 1_000)
        return "\(microseconds / 1_000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
    }
}
