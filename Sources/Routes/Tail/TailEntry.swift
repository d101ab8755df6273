internal import AMQPBridge
internal import EventLoop
internal import JSON

/// One request in the tail, or one item of a batch: what filters need of it, and its text.
struct TailEntry: RingEntry {
    let sender: Caller
    /// The scope that who might send it has; `nil`: it is not known.
    let scope: Scope?
    /// `nil`: there was no answer.
    let status: Int?
    let subject: TailSubject?
    /// What is for those alone who may read the configuration.
    let aside: TailAside
    /// A JSON object without that and without the payload.
    let json: [UInt8]

    var size: Int { json.count + (subject?.size ?? 0) + 300 }
}

/// What the log is told of a request that its sender is not, or may have sent by mistake.
struct TailAside: Sendable {
    /// Of a request that has no route.
    var path: String?
    /// Why it is nobody's, not from whom it says, or beyond its key.
    var cause: String?
}

/// What became of an item of a batch.
enum TailItem: Sendable {
    case emitted(Receipt)
    case dryRun
    case refused(Problem)
}

extension TailNotes {
    /// Tells those who watch of an item of a batch.
    func tell(of number: Int, _ subject: TailSubject?, _ item: TailItem, of request: Request) {
        let status =
            switch item {
            case .emitted, .dryRun: 200
            case .refused(let problem): problem.code.status
            }
        let json = JSONWriter.bytes(capacity: 512) { json in
            json.object { json in
                json.head(of: request, request.route?.path ?? "")
                json.member("item", number)
                json.member("status", status)
                if let subject { json.members(of: subject) }
                switch item {
                case .emitted(let receipt): json.receipt(receipt, status: nil)
                case .dryRun: json.member("dryRun", true)
                case .refused(let problem): json.refusal(problem.code, problem.detail)
                }
            }
        }
        tail.take(
            TailEntry(
                sender: request.caller, scope: request.neededScope, status: status, subject: subject,
                aside: aside(of: item), json: json))
    }
}

extension TailNotes {
    private func aside(of item: TailItem) -> TailAside {
        if case .refused(let problem) = item, problem.code.isOfRights {
            TailAside(cause: problem.detail.shortened(to: 300))
        } else {
            TailAside()
        }
    }
}

extension Router {
    /// Tells those who watch of a request that is over.
    ///
    /// - Parameters:
    ///   - answer: `nil`: there was none.
    ///   - duration: from the request's head to the end of it.
    package func tell(
        of request: Request, _ answer: RequestReport.Answer?, _ outcome: RequestReport.Outcome, duration: Duration
    ) {
        guard let notes = request.notes else { return }
        let answer = answer?.asTold(outcome)
        guard request.matters(answer) else { return }
        let json = JSONWriter.bytes(capacity: 512) { json in
            json.object { json in
                json.head(of: request, counters.path(request.path))
                json.member("ms", JSONText(verbatim: Array(duration.milliseconds.utf8)[...]))
                json.member("bytes", ifPresent: notes.bytes)
                json.member("status", ifPresent: answer?.status)
                if outcome != .answered { json.member("outcome", outcome.rawValue) }
                if notes.isReplayed { json.member("replayed", true) }
                if let subject = notes.subject { json.members(of: subject) }
                // What nobody was told is nothing that became of it.
                if answer != nil { json.members(of: request.remark) }
            }
        }
        notes.tail.take(
            TailEntry(
                sender: request.caller, scope: request.neededScope, status: answer?.status, subject: notes.subject,
                aside: request.aside, json: json))
    }
}

extension Request {
    /// Whether it has sent something, or was refused. Who has read something, or asked for a page, is no news; nor is a
    /// stream, such as the tail itself.
    fileprivate func matters(_ answer: RequestReport.Answer?) -> Bool {
        guard stream == nil else { return false }
        if let answer, answer.status >= 400 { return true }
        return route?.sends == true
    }

    /// Whoever may emit might have what a hook emits.
    fileprivate var neededScope: Scope? { route.flatMap { $0.isDelivery ? .emit : $0.scope } }

    fileprivate var aside: TailAside {
        var aside = TailAside()
        if route == nil { aside.path = head.path.shortened(to: 200) }
        if case .refusal(let refusal) = remark {
            aside.cause =
                refusal.code.isOfRights ? refusal.detail : refusal.aside?.detail ?? refusal.aside?.reason
        }
        return aside
    }
}

extension JSONObjectWriter {
    fileprivate mutating func head(of request: Request, _ route: String) {
        member("time", UTCTime.text(milliseconds: UnixTime.milliseconds()))
        member("requestId", request.id)
        member("route", "\(request.head.method.rawValue) \(route)")
        if let key = request.caller.name { member("key", key) }
        if request.route?.isHook == true, (try? request.admittedHook()) != nil {
            member("hook", request.parameter.shortened(to: 100))
        }
    }

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
            self.refusal(refusal.code, refusal.aside == nil ? refusal.detail : refusal.code.title)
            if refusal.isDryRun { member("dryRun", true) }
        }
    }

    fileprivate mutating func refusal(_ code: Problem.Code, _ detail: String) {
        member("code", code.rawValue)
        member("detail", code.isOfRights ? code.title : detail.shortened(to: 300))
    }

    mutating func members(of aside: TailAside) {
        member("path", ifPresent: aside.path)
        member("cause", ifPresent: aside.cause)
    }
}

extension Problem.Code {
    /// Whether it says what a key may do, which is its own affair.
    fileprivate var isOfRights: Bool { self == .beyondReach || self == .insufficientScope || self == .rateLimited }
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
