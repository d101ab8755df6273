internal import AMQPBridge

/// A request from its head to its answer: one object, which is there for the body, the handler, the counters and the log.
///
/// `@unchecked Sendable`: touched on its event loop only. Nothing in it is checked for exclusive access, which costs 70 instructions each
/// time: no access lasts longer than one statement.
package final class Request: @unchecked Sendable {
    package let head: RequestHead
    let id: Identifier
    /// The path's number with the counters.
    let path: Int
    /// The text in place of `{id}` in the path, as it was sent.
    let parameter: String
    /// The route that answers it; `nil` where it was refused before that was known.
    @exclusivity(unchecked) var route: Route?
    /// The longest body that the handler reads, in bytes; `nil`: none, it is thrown away.
    package var bodyLimit: Int? { longestBody }
    @exclusivity(unchecked) var longestBody: Int?
    @exclusivity(unchecked) package internal(set) var body: [UInt8] = []
    /// The caller, as soon as it is known.
    var caller: Caller {
        get { knownCaller ?? .anyone }
        set { knownCaller = newValue }
    }
    @exclusivity(unchecked) private var knownCaller: Caller?
    /// The hooks as they were when the head of a delivery came: what has been checked of it by its head holds for its
    /// body.
    var hooks: HookTable {
        get { rarities?.hooks ?? .none }
        set { rare.hooks = newValue }
    }
    /// Where it is counted as a delivery, if it is one.
    var deliveries: DeliveryCounters? {
        get { rarities?.deliveries }
        set { rare.deliveries = newValue }
    }
    /// The duty to keep its answer for its `Idempotency-Key`.
    var reservation: IdempotencyStore.Reservation? {
        get { rarities?.reservation }
        set { rare.reservation = newValue }
    }
    /// The facts to be logged of it, as soon as they are known.
    @exclusivity(unchecked) private(set) var remark = Remark.none
    /// What follows the answer's head in place of its body.
    package internal(set) var stream: (any BodyStream)? {
        get { rarities?.stream }
        set { rare.stream = newValue }
    }
    package var isStreamed: Bool { rarities?.stream != nil }
    /// What the tail is to tell of it; `nil`: nobody watches.
    var notes: TailNotes? {
        get { rarities?.notes }
        set { rare.notes = newValue }
    }
    @exclusivity(unchecked) private var progress = Progress.received
    /// The router that finishes its answer, from the beginning of the handler on.
    @exclusivity(unchecked) private var router: Router?
    /// The one that waits for its answer.
    @exclusivity(unchecked) private var receiver: (any AnswerReceiver)?
    @exclusivity(unchecked) private var rarities: Rarities?

    /// What few requests have. It is made for those alone, so that the others are small and soon made.
    private final class Rarities {
        var hooks: HookTable?
        var deliveries: DeliveryCounters?
        var reservation: IdempotencyStore.Reservation?
        var stream: (any BodyStream)?
        var notes: TailNotes?
        /// The answer of a handler that has not returned yet.
        var response: Response?
    }

    private var rare: Rarities {
        if let rarities { return rarities }
        let made = Rarities()
        rarities = made
        return made
    }

    init(head: RequestHead, id: Identifier, path: Int, parameter: String = "") {
        self.head = head
        self.id = id
        self.path = path
        self.parameter = parameter
    }

    /// Makes room for a body of so many bytes, in memory that is there if it is large enough.
    package func expectBody(_ count: Int, in spare: inout [UInt8]) {
        if spare.capacity >= count { swap(&body, &spare) } else { body.reserveCapacity(count) }
    }

    /// A piece of the body has come.
    package func receive(_ bytes: UnsafeRawBufferPointer) { body.append(contentsOf: bytes) }

    /// Nobody reads it any more.
    package func dropBody() { body = [] }

    /// Nobody reads it any more; its memory may be used again.
    package func dropBody(leaving spare: inout [UInt8]) {
        if body.capacity > spare.capacity, body.capacity <= Self.mostSpareBytes {
            swap(&body, &spare)
            spare.removeAll(keepingCapacity: true)
        }
        body = []
    }

    private static let mostSpareBytes = 16 << 10

    package var isPost: Bool { head.method == .post }

    /// The kind of the body. The router lets nothing else pass.
    var mediaType: MediaType? { MediaType(head.fields) }

    /// Says something of it to the log.
    func note(_ remark: Remark) { self.remark = remark }

    /// Its stream is over, which so many bytes have left of.
    package func noteStreamed(bytes: Int) { note(.streamed(bytes: bytes, stream?.ending)) }

    /// The emit that was noted has succeeded.
    func note(_ receipt: Receipt) {
        guard case .emit(var emit) = remark else { return }
        remark = .none
        emit.receipt = receipt
        remark = .emit(emit)
    }

    /// It was refused.
    func note(_ problem: Problem) {
        switch remark {
        case .emit(let emit): remark = .refusal(Refusal(problem, of: emit))
        case .dryRun(let emit): remark = .refusal(Refusal(problem, of: emit, isDryRun: true))
        default: remark = .refusal(Refusal(problem))
        }
    }

    /// The hook that the request is for.
    func admittedHook() throws(Problem) -> Hook {
        guard let hook = hooks[parameter] else { throw .unknownHook }
        return hook
    }
}

extension Request {
    /// How far its answer is.
    private enum Progress {
        case received
        /// The handler runs up to where it waits for something.
        case handled
        case answered, waiting, done
    }

    /// From here on it may be answered.
    func begin(_ router: Router) {
        progress = .handled
        self.router = router
    }

    /// Answers it, once: while the handler runs, or when what it waits for is there.
    func answer(_ result: consuming Result<Response, Problem>) {
        guard let router = router.take() else { preconditionFailure("a request is answered once, by its handler") }
        let response = router.finish(result, self)
        if let receiver = receiver.take() {
            progress = .done
            receiver.receive(response, to: self)
        } else {
            progress = .answered
            rare.response = response
        }
    }

    /// The answer, if the handler has given it at once; otherwise `receiver` gets it when it is there.
    func answer(orLaterTo receiver: any AnswerReceiver) -> Response? {
        switch progress {
        case .answered:
            progress = .done
            return rarities?.response.take()
        case .handled:
            progress = .waiting
            self.receiver = receiver
            return nil
        case .received, .waiting, .done: preconditionFailure("a request is handled once")
        }
    }
}
