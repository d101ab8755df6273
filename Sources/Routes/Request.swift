/// A request whose head was accepted: on its way to a route's handler.
public final class AdmittedRequest: Sendable {
    public let subject: Subject
    let route: Route

    /// The hooks as they were when the head came; `nil` where nobody asks.
    let hooks: HookTable?

    init(subject: Subject, route: Route, bodyLimit: Int?, hooks: HookTable? = nil) {
        self.subject = subject
        self.route = route
        self.bodyLimit = bodyLimit
        self.hooks = hooks
    }

    public var head: RequestHead { subject.head }
    public var id: String { subject.id }
    /// The longest body that the handler reads, in bytes; `nil`: none, it is thrown away.
    public let bodyLimit: Int?
}

/// What is known of a request from its head: enough to answer it, to count it and to log it.
///
/// `@unchecked Sendable`: touched on its event loop only.
public final class Subject: @unchecked Sendable {
    let head: RequestHead
    let id: String
    /// The path's number with the counters.
    let path: Int
    let parameter: String
    public var isPost: Bool { head.method == .post }
    /// Who sent it, as soon as that is known.
    var caller: Caller?
    /// Where it is counted as a delivery, if it is one.
    var deliveries: DeliveryCounters?
    /// What there is to say of it, as soon as that is known.
    var remark = Remark.none

    /// It was refused.
    func note(_ problem: Problem) {
        switch remark {
        case .emit(let emit): remark = .refusal(Refusal(problem, of: emit))
        case .dryRun(let emit): remark = .refusal(Refusal(problem, of: emit, isDryRun: true))
        default: remark = .refusal(Refusal(problem))
        }
    }

    init(head: RequestHead, id: String, path: Int, parameter: String = "") {
        self.head = head
        self.id = id
        self.path = path
        self.parameter = parameter
    }
}

/// What a handler gets.
public struct Request: Sendable {
    private let subject: Subject
    public let body: [UInt8]
    let caller: Caller
    /// The hooks as they were when the head came: what has been checked of a delivery by its head holds for its body.
    let hooks: HookTable

    init(_ subject: Subject, body: [UInt8], hooks: HookTable = .none) {
        self.subject = subject
        self.body = body
        caller = subject.caller ?? .anyone
        self.hooks = hooks
    }

    public var head: RequestHead { subject.head }
    var id: String { subject.id }
    /// What stands for `{id}` in the path, as it was sent.
    var parameter: String { subject.parameter }

    /// Says something of it to the log.
    func note(_ remark: Remark) { subject.remark = remark }

    /// The hook that the request is for.
    func admittedHook() throws(Problem) -> Hook {
        guard let hook = hooks[parameter] else { throw .unknownHook }
        return hook
    }

    /// What the body is. The router lets nothing else pass.
    var mediaType: MediaType? { head.fields[.contentType].flatMap { MediaType($0) } }
}
