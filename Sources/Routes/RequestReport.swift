internal import AMQPBridge

/// The line of one request in the log: names and numbers, nothing of payloads, queries or credentials.
package struct RequestReport: Sendable {
    /// How much a line matters.
    package enum Level: Int, Sendable, CaseIterable, Comparable {
        case trace, debug, info, warning, error

        package static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// How a request ended.
    package enum Outcome: String, Sendable {
        case answered
        /// Before the answer, or while it was sent.
        case clientLeft = "client left"
        /// Its body did not come in time, or its client did not take the answer.
        case timedOut = "timed out"
        /// The gateway ended under it.
        case stopped
    }

    /// The answer, or the one that would have been given.
    package struct Answer: Sendable {
        package let status: Int
        package let code: Problem.Code?

        package init(_ response: borrowing Response) {
            status = response.status
            code = response.code
        }

        /// What a handler says whose caller has left, nobody was told.
        func asTold(_ outcome: Outcome) -> Answer? { outcome == .clientLeft && code == .shuttingDown ? nil : self }
    }

    /// Whether a request that was answered so is only worth a line at ``success``, and nobody watches the tail.
    package static func isUsual(_ request: Request, _ answer: Answer) -> Bool {
        request.notes == nil && level(of: answer, request.remark) == success
    }

    package let level: Level
    /// By name; those without a value are not there.
    package let fields: [(name: String, value: String)]

    /// Probes and scrapes come every few seconds.
    private static let servicePaths: Set<String> = ["/livez", "/readyz", "/metrics"]
    private static let mostPathBytes = 200

    /// - Parameters:
    ///   - answer: `nil`: there is none.
    ///   - client: its address, if it is known.
    ///   - duration: from the request's head to the end of it.
    package init(
        _ request: Request, _ answer: Answer?, _ outcome: Outcome, client: String?, duration: Duration,
        counters: RequestCounters
    ) {
        let route = counters.path(request.path)
        let answer = answer?.asTold(outcome)
        let remark = answer == nil ? Remark.none : request.remark
        level = Self.level(answer, remark, outcome, isService: Self.servicePaths.contains(route))
        let all: [(String, String?)] = [
            ("requestId", request.id.text), ("method", request.head.method.rawValue),
            ("path", request.head.path.shortened(to: Self.mostPathBytes)), ("route", route),
            ("status", answer.map { String($0.status) }), ("code", answer?.code?.rawValue),
            ("outcome", outcome == .answered ? nil : outcome.rawValue), ("durationMs", duration.milliseconds),
            ("client", client), ("key", request.caller.name ?? remark.key),
            ("traceId", request.head.trace?.traceID),
        ]
        fields = (all + remark.fields).compactMap { name, value in value.map { (name, $0) } }
    }

    /// The level of a request that succeeded, unless it is one of the service: where this is not written, nothing is.
    package static let success = Level.debug

    private static func level(_ answer: Answer?, _ remark: Remark, _ outcome: Outcome, isService: Bool) -> Level {
        guard outcome == .answered, let answer else { return .info }
        let level = level(of: answer, remark)
        return isService && level == success ? .trace : level
    }

    private static func level(of answer: Answer, _ remark: Remark) -> Level {
        switch answer.status {
        case 500...: return .error
        case 401, 403, 429: return .warning
        case 400..., 207: return .info
        default:
            switch remark {
            // Who has set up a hook wants to see what becomes of what somebody else sends.
            case .delivery: return .info
            case .refusedPreflight: return .info
            // Somebody goes without what was read until then.
            case .streamed(_, .notAdmitted), .streamed(_, .tooSlow): return .info
            default: return success
            }
        }
    }
}

extension Remark {
    /// The name of the key that was sent, if it opens nothing any more.
    fileprivate var key: String? { if case .refusal(let refusal) = self { refusal.aside?.key } else { nil } }

    fileprivate var fields: [(String, String?)] {
        switch self {
        case .none: []
        case .emit(let emit): emit.fields
        case .dryRun(let emit): [("dryRun", "true")] + emit.fields
        case .delivery(.emitted(let emit)): [("delivery", "emitted")] + emit.fields
        case .delivery(.ignored(let condition)): [("delivery", "ignored"), ("condition", condition.place)]
        case .delivery(.duplicate): [("delivery", "duplicate")]
        case .delivery(.challenge): [("delivery", "challenge")]
        case .batch(let batch): batch.fields
        case .refusal(let refusal):
            refusal.fields + (refusal.isDryRun ? [("dryRun", "true")] : []) + (refusal.emit?.fields ?? [])
        case .streamed(let bytes, let ending): [("bytes", String(bytes)), ("ended", ending?.rawValue)]
        case .refusedPreflight:
            [("detail", "the page's origin is not in GATEWAY_CORS_ORIGINS: its browser sends nothing more")]
        }
    }
}

extension EmitRemark {
    fileprivate var fields: [(String, String?)] {
        // Of an emit that has failed there is nothing to say.
        let routed = receipt.map { $0.routed.map(String.init) ?? "null" }
        return [
            ("id", receipt?.id), ("event", event), ("rooms", rooms.map(String.init)), ("routed", routed),
            ("reason", receipt?.reason?.rawValue),
        ]
    }
}

extension BatchRemark {
    fileprivate var fields: [(String, String?)] {
        let numbers = [("items", items), ("confirmed", confirmed), ("failed", failed)].map {
            ($0, Optional(String($1)))
        }
        let all = numbers + (dryRuns > 0 ? [("dryRuns", String(dryRuns))] : [])
        guard let (item, refusal) = firstFault else { return all }
        return all + [("item", String(item)), ("itemCode", refusal.code.rawValue)] + refusal.fields
    }
}

extension Refusal {
    fileprivate var fields: [(String, String?)] {
        [
            ("reason", aside?.reason), ("pointer", pointer?.shortened(to: Self.mostBytes)),
            ("detail", detail.shortened(to: Self.mostBytes)),
        ]
    }

    private static let mostBytes = 300
}

extension Duration {
    /// With three decimals.
    var milliseconds: String {
        let microseconds = max(0, nanoseconds / 1_000)
        let decimals = String(microseconds % 1_000)
        return "\(microseconds / 1_000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
    }
}
