internal import AMQPBridge

/// The facts to be logged of a request, beside its head and its answer's status: as they were at hand. ``RequestReport`` makes
/// text of them where a line is written; where none is, they have cost nothing.
enum Remark: Sendable {
    case none
    case emit(EmitRemark)
    /// An emit that was only checked.
    case dryRun(EmitRemark)
    case delivery(Delivery)
    indirect case batch(BatchRemark)
    indirect case refusal(Refusal)
    /// An answer that went on, how many bytes of it have left, and why the gateway has ended it, if it has.
    case streamed(bytes: Int, StreamEnd?)
    /// A browser has asked for a page whose origin may not call. The answer to that is no error; only the browser's user sees one.
    case refusedPreflight

    /// The outcome of a webhook or a CloudEvent that was not refused.
    enum Delivery: Sendable {
        case emitted(EmitRemark)
        /// The first condition that is not met.
        indirect case ignored(UnmetCondition)
        /// The same has been emitted before.
        case duplicate
        /// The sender has asked whether this is the right address, and was told so.
        case challenge
    }
}

/// The facts to be logged of an emit.
struct EmitRemark: Sendable, Equatable {
    /// Cut where it is too long for a line: it is kept with the answer for an `Idempotency-Key`.
    let event: String
    /// `nil`: it was for servers, which have none.
    let rooms: Int?
    /// The answer's; `nil`: it has failed.
    var receipt: Receipt?

    init(_ emit: borrowing Emit, _ receipt: Receipt? = nil) {
        self.init(event: emit.event, rooms: emit.rooms.count, receipt)
    }

    init(event: borrowing String, rooms: Int?, _ receipt: Receipt?) {
        self.event = event.shortened(to: Self.mostEventBytes)
        self.rooms = rooms
        self.receipt = receipt
    }

    private static let mostEventBytes = 100
}

extension Receipt {
    /// The part that it has in common with others.
    init(_ receipt: AcknowledgedReceipt) {
        self.init(id: receipt.id, routed: receipt.routed, reason: receipt.reason)
    }
}

/// The facts to be logged of a batch.
struct BatchRemark: Sendable {
    let items: Int
    let failed: Int
    /// Those that were only checked.
    let dryRuns: Int
    /// Of the first item that has failed.
    let firstFault: (item: Int, refusal: Refusal)?

    var confirmed: Int { items - failed - dryRuns }
}

/// Why something was refused: what its sender was told, and what the log alone is.
struct Refusal: Sendable {
    let code: Problem.Code
    /// The first fault; safe in a log, as ``Problem/detail`` is.
    let detail: String
    /// Where that is, if it is in the body.
    let pointer: String?
    let aside: Problem.Aside?
    /// The emit that was asked for, if that was known.
    let emit: EmitRemark?
    /// Whether that was only to be checked.
    let isDryRun: Bool

    init(_ problem: Problem, of emit: EmitRemark? = nil, isDryRun: Bool = false) {
        code = problem.code
        detail = problem.aside?.detail ?? problem.detail
        pointer = problem.places.first?.pointer
        aside = problem.aside
        self.emit = emit
        self.isDryRun = isDryRun
    }
}
