internal import AMQPBridge
internal import EventLoop
internal import JSON

/// One request in the tail, or one item of a batch: what filters need of it, and its text.
struct TailEntry: RingEntry {
    /// The name of the key that has sent it.
    let key: String?
    /// The scope that who might send it has; `nil`: it is not known.
    let scope: Scope?
    /// `nil`: there was no answer.
    let status: Int?
    let subject: TailSubject?
    /// A JSON object without the payload.
    let json: [UInt8]

    var size: Int { json.count + (subject?.size ?? 0) + 200 }
}

extension Router {
    /// Tells those who watch of a request that is over.
    ///
    /// - Parameters:
    ///   - answer: `nil`: there was none.
    ///   - duration: from the request's head to the end of it.
    package func tell(
        of request: Request, _ answer: RequestReport.Answer?, _ outcome: RequestReport.Outcome,
        duration: Duration
    ) {
        guard let notes = request.notes else { return }
        let facts = TailFacts(
            request, notes, answer?.asTold(outcome), outcome, route: counters.path(request.path), duration)
        guard facts.matter else { return }
        notes.tail.take(facts.items + [facts.whole])
    }
}

/// A request that is over, for the tail.
private struct TailFacts {
    private let request: Request
    private let notes: TailNotes
    private let answer: RequestReport.Answer?
    private let outcome: RequestReport.Outcome
    private let route: String
    private let duration: Duration
    private let time = UTCTime.text(milliseconds: UnixTime.milliseconds())

    init(
        _ request: Request, _ notes: TailNotes, _ answer: RequestReport.Answer?, _ outcome: RequestReport.Outcome,
        route: String, _ duration: Duration
    ) {
        self.request = request
        self.notes = notes
        self.answer = answer
        self.outcome = outcome
        self.route = route
        self.duration = duration
    }

    /// Whether it has sent something, or was refused. Who has read something, or asked for a page, is no news; nor is a
    /// stream, such as the tail itself.
    var matter: Bool {
        guard request.stream == nil else { return false }
        if let answer, answer.status >= 400 { return true }
        return request.route?.sends == true
    }

    var whole: TailEntry {
        TailEntry(
            key: request.caller.name, scope: scope, status: answer?.status, subject: notes.subject,
            json: JSONWriter.bytes(capacity: 512) { json in
                json.object { json in
                    json.head(self)
                    json.member("ms", JSONText(verbatim: Array(duration.milliseconds.utf8)[...]))
                    json.member("bytes", notes.bytes)
                    if let answer { json.member("status", answer.status) }
                    if outcome != .answered { json.member("outcome", outcome.rawValue) }
                    if notes.isReplayed { json.member("replayed", true) }
                    if let subject = notes.subject { json.members(of: subject) }
                    json.members(of: request.remark)
                }
            })
    }

    var items: [TailEntry] {
        notes.items.enumerated().map { number, item in
            let status: Int
            switch item.outcome {
            case .emitted, .dryRun: status = 200
            case .refused(let code, _): status = code.status
            }
            return TailEntry(
                key: request.caller.name, scope: scope, status: status, subject: item.subject,
                json: JSONWriter.bytes(capacity: 512) { json in
                    json.object { json in
                        json.head(self)
                        json.member("item", number)
                        json.member("status", status)
                        if let subject = item.subject { json.members(of: subject) }
                        switch item.outcome {
                        case .emitted(let receipt): json.receipt(receipt, status: nil)
                        case .dryRun: json.member("dryRun", true)
                        case .refused(let code, let detail):
                            json.member("code", code.rawValue)
                            json.member("detail", detail.shortened(to: Self.mostDetail))
                        }
                    }
                })
        }
    }

    static let mostDetail = 300

    /// Whoever may emit might have what a hook emits.
    private var scope: Scope? { request.route.flatMap { $0.isDelivery ? .emit : $0.scope } }

    func writeHead(to json: inout JSONObjectWriter) {
        json.member("time", time)
        json.member("requestId", request.id)
        json.member("route", "\(request.head.method.rawValue) \(route)")
        if request.route == nil { json.member("path", request.head.path.shortened(to: 200)) }
        if let key = request.caller.name { json.member("key", key) }
        if request.route?.isHook == true { json.member("hook", request.parameter.shortened(to: 100)) }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func head(_ facts: TailFacts) { facts.writeHead(to: &self) }

    fileprivate mutating func members(of remark: Remark) {
        switch remark {
        case .none, .streamed, .refusedPreflight: break
        case .emit(let emit): if let receipt = emit.receipt { self.receipt(receipt, status: nil) }
        case .dryRun: member("dryRun", true)
        case .delivery(.emitted(let emit)):
            member("delivery", plain: "emitted")
            if let receipt = emit.receipt { self.receipt(receipt, status: nil) }
        case .delivery(.ignored(let condition)):
            member("delivery", plain: "ignored")
            member("condition", condition.place)
        case .delivery(.duplicate): member("delivery", plain: "duplicate")
        case .delivery(.challenge): member("delivery", plain: "challenge")
        case .batch(let batch):
            member("items", batch.items)
            member("confirmed", batch.confirmed)
            member("failed", batch.failed)
            if batch.dryRuns > 0 { member("dryRuns", batch.dryRuns) }
        case .refusal(let refusal):
            member("code", refusal.code.rawValue)
            member("detail", refusal.detail.shortened(to: TailFacts.mostDetail))
            if let reason = refusal.aside?.reason { member("cause", reason) }
            if refusal.isDryRun { member("dryRun", true) }
        }
    }
}

extension Route {
    /// Whether it sends something to servers or clients.
    fileprivate var sends: Bool {
        if isDelivery { return method == .post }
        switch scope {
        case .emit, .writeRooms, .disconnectSockets, .emitToServers: return true
        default: return false
        }
    }
}
