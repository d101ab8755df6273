internal import AMQPBridge
internal import JSON
internal import Synchronization

/// `POST /v1/batch`: many emits with one answer, which comes when the broker has confirmed all of them.
struct BatchRoute: Sendable {
    let emitter: any EmitService
    let limits: Router.Limits
    /// How long servers have to say how many sockets the dry runs of a batch would reach.
    let timeout: Duration
    let counters: BatchCounters
    /// Of the emits that came before.
    let outlines: KnownOutlines
    private let underWay = ItemsUnderWay()

    /// The kind of an item, once it is read.
    private typealias Item = Result<Order, Problem>

    private enum Order {
        case emit, dryRun
    }

    /// The items of a batch. The emits stand apart from the items: they are large to copy.
    private struct Orders {
        var items: [Item] = []
        /// Of the items that are to be emitted, in order.
        var emits: [Emit] = []
        /// Of those that are only to be checked.
        var dryRuns: [Emit] = []

        mutating func add(_ emit: consuming Emit, _ wanted: EmitDecoder.Wanted, _ trace: TraceContext?) {
            if let trace { emit.trace = trace }
            if wanted.isDryRun {
                items.append(.success(.dryRun))
                dryRuns.append(emit)
            } else {
                items.append(.success(.emit))
                emits.append(emit)
            }
        }
    }

    /// The outcome of one item.
    private enum Done {
        case emitted(Receipt)
        case dryRun(DryRun)
    }

    /// As of a problem's places: thousands of long lists would be a huge answer to a small request.
    private static let mostRoutingKeys = 5

    /// After so many items, or so many bytes of them, the other requests of the event loop have a turn.
    private static let itemsPerTurn = 128
    private static let bytesPerTurn = 64 << 10
    /// How many of the largest batches an event loop works on at once.
    private static let batchesUnderWay = 16

    init(
        emitter: any EmitService, limits: Router.Limits, timeout: Duration, counters: BatchCounters,
        outlines: KnownOutlines
    ) {
        self.emitter = emitter
        self.limits = limits
        self.timeout = timeout
        self.counters = counters
        self.outlines = outlines
    }

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
        var taken = 0
        defer { underWay.giveBack(taken) }
        let orders = try await read(request, &taken)
        try request.caller.takeRest(ofBatch: orders.items.count, now: .now())
        return await respond(orders, await outcomes(of: orders, request.caller), to: request)
    }

    /// The outcome of each, in the same order. The emits go first: nothing waits for what is only checked.
    private func outcomes(of orders: Orders, _ caller: Caller) async -> [Result<Done, EmitError>] {
        let emitted = await emitter.emit(batch: orders.emits)
        guard !orders.dryRuns.isEmpty else { return emitted.map { $0.map(Done.emitted) } }
        let requests = orders.dryRuns.map {
            DryRunRequest($0, .inBatch, countsRecipients: caller.mayCount($0))
        }
        var emits = emitted.makeIterator()
        var dryRuns = await emitter.dryRun(requests, timeout: timeout).makeIterator()
        return orders.items.compactMap { item in
            switch item {
            case .success(.dryRun): dryRuns.next()!.map(Done.dryRun)
            case .success(.emit): emits.next()!.map(Done.emitted)
            case .failure: nil
            }
        }
    }

    // MARK: Reading

    /// Reads all items before any is published.
    ///
    /// - Throws: when the body is not a batch, or too large a one. What is wrong with an item is its own affair.
    private func read(_ request: Request, _ taken: inout Int) async throws(Problem) -> Orders {
        var source = try BatchSource(request)
        let trace = request.head.trace
        var orders = Orders()
        var turn = (items: 0, start: 0)
        while let span = try source.next() {
            if !span.isEmpty {
                try takePlace(&taken)
                let number = orders.items.count
                var wanted = EmitDecoder.Wanted()
                switch try item(span, of: request, isPartOfJSON: source.isJSON, number: number, &wanted) {
                case .success(let emit): orders.add(emit, wanted, trace)
                case .failure(let problem): orders.items.append(.failure(problem))
                }
                turn.items += 1
            }
            if turn.items >= Self.itemsPerTurn || span.upperBound - turn.start >= Self.bytesPerTurn {
                await emitter.pause()
                turn = (0, span.upperBound)
            }
        }
        return orders
    }

    private func takePlace(_ taken: inout Int) throws(Problem) {
        guard taken < limits.batchItems else {
            throw Problem(.payloadTooLarge, "more than \(limits.batchItems) items; nothing was published")
        }
        guard underWay.take(atMost: Self.batchesUnderWay * limits.batchItems) else {
            throw Problem(.overloaded, "too many items of batches are under way; nothing was published")
        }
        taken += 1
    }

    /// - Throws: when the item is not JSON, and so the whole body is not.
    private func item(
        _ span: Range<Int>, of request: Request, isPartOfJSON: Bool, number: Int, _ wanted: inout EmitDecoder.Wanted
    ) throws(Problem) -> Result<Emit, Problem> {
        guard span.count <= limits.bodyBytes else {
            return .failure(Problem(.payloadTooLarge, "at most \(limits.bodyBytes) bytes are allowed in an item"))
        }
        do throws(Problem) {
            let emit = try EmitDecoder.decode(
                item: span, of: request.body, as: isPartOfJSON ? .item : .line, known: outlines, &wanted)
            do throws(Problem) {
                try request.caller.check(emit)
            } catch {
                // It is not kept, as those are not that are refused.
                request.notes?.told.insert(number)
                Self.tell(of: number, emit, .failure(error), of: request)
                throw error
            }
            return .success(emit)
        } catch {
            guard isPartOfJSON, error.code.status == 400 else { return .failure(error.brief) }
            throw Problem(error.code, "in item \(number): \(error.detail); nothing was published")
        }
    }

    // MARK: Answering

    private func respond(
        _ orders: Orders, _ outcomes: [Result<Done, EmitError>], to request: Request
    ) async -> Response {
        let items = orders.items
        var emits = (sent: orders.emits[...], tried: orders.dryRuns[...])
        var results = JSONListWriter(capacity: 64 + 80 * items.count)
        var (carriedOut, dryRuns) = (0, 0)
        var failures = BatchFailures()
        for (index, item) in items.enumerated() {
            if index % Self.itemsPerTurn == Self.itemsPerTurn - 1 { await emitter.pause() }
            let outcome = item.flatMap { _ in
                defer { carriedOut += 1 }
                return outcomes[carriedOut].mapError { Problem($0).brief }
            }
            if let notes = request.notes, !notes.told.contains(index) {
                let emit: Emit? =
                    switch item {
                    case .success(.emit): emits.sent.popFirst()
                    case .success(.dryRun): emits.tried.popFirst()
                    case .failure: nil
                    }
                Self.tell(of: index, emit, outcome, of: request)
            }
            switch outcome {
            case .success(.emitted(let receipt)): results.object { $0.result(receipt) }
            case .success(.dryRun(let run)):
                dryRuns += 1
                results.object { $0.result(run, most: Self.mostRoutingKeys) }
            case .failure(let problem):
                failures.add(problem, item: index)
                results.object { $0.result(problem, request.id.text) }
            }
        }
        counters.count(
            confirmed: items.count - failures.count - dryRuns, failed: failures.count - failures.unknown,
            unknown: failures.unknown)
        let body = Self.body(results, of: items.count, failed: failures.count, dryRuns: dryRuns)
        request.note(.batch(failures.remark(ofBatchOf: items.count, dryRuns: dryRuns)))
        return failures.answer(toBatchOf: items.count, dryRuns: dryRuns, body)
    }

    /// Tells those who watch of an item.
    private static func tell(
        of number: Int, _ emit: Emit?, _ outcome: Result<Done, Problem>, of request: Request
    ) {
        guard let notes = request.notes else { return }
        let item: TailItem =
            switch outcome {
            case .success(.emitted(let receipt)): .emitted(receipt)
            case .success(.dryRun): .dryRun
            case .failure(let problem): .refused(problem)
            }
        notes.tell(of: number, emit.map(notes.subject), item, of: request)
    }

    private static func body(
        _ results: consuming JSONListWriter, of items: Int, failed: Int, dryRuns: Int
    ) -> [UInt8] {
        let results = results.elements
        var body = JSONWriter.bytes(capacity: results.bytes.count + 96) { json in
            json.object { json in
                json.list("results") { $0.elements(verbatim: results) }
                json.member("confirmed", items - failed - dryRuns)
                json.member("failed", failed)
                if dryRuns > 0 { json.member("dryRuns", dryRuns) }
            }
        }
        body.append(UInt8(ascii: "\n"))
        return body
    }
}

extension JSONObjectWriter {
    fileprivate mutating func result(_ receipt: Receipt) {
        member("status", 200)
        self.receipt(receipt, status: nil)
    }

    fileprivate mutating func result(_ run: DryRun, most: Int) {
        member("status", 200)
        member("dryRun", true)
        dryRun(run, most: most)
    }

    fileprivate mutating func result(_ problem: Problem, _ requestID: String) {
        member("status", problem.code.status)
        member("problem") { problem.write(to: &$0, requestID: requestID) }
    }
}

/// How many items the batches of an event loop have: each takes much more memory than its text may.
private final class ItemsUnderWay: Sendable {
    private let count = Atomic<Int>(0)

    /// Returns `false`, having taken nothing, if there are so many already.
    func take(atMost most: Int) -> Bool {
        guard count.add(1, ordering: .relaxed).newValue > most else { return true }
        giveBack(1)
        return false
    }

    func giveBack(_ items: Int) {
        count.subtract(items, ordering: .relaxed)
    }
}

/// Where a batch's items stand in its body.
private enum BatchSource {
    case json(JSONListReader)
    /// Each line is a JSON text of its own; empty ones are none.
    case ndjson([UInt8], position: Int)

    init(_ request: Request) throws(Problem) {
        if request.mediaType == .ndjson {
            self = .ndjson(request.body, position: request.body.textRange.lowerBound)
            return
        }
        do throws(JSONListReader.Failure) {
            self = .json(try JSONListReader(request.body, member: "items"))
        } catch {
            throw Problem(error)
        }
    }

    var isJSON: Bool { if case .json = self { true } else { false } }

    /// The span of the next item; an empty one is a line without any.
    mutating func next() throws(Problem) -> Range<Int>? {
        switch self {
        case .json(var reader):
            do throws(JSONListReader.Failure) {
                let span = try reader.next()
                self = .json(reader)
                return span
            } catch {
                throw Problem(error)
            }
        case .ndjson(let bytes, var position):
            let line = Self.nextLine(bytes, &position)
            self = .ndjson(bytes, position: position)
            return line
        }
    }

    private static func nextLine(_ bytes: [UInt8], _ position: inout Int) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        let line = position..<end
        position = end + 1
        return bytes[line].contains { !isBlank($0) } ? line : end..<end
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}

extension Problem {
    /// With the first of its places only: thousands of long lists would be a huge answer to a small request.
    fileprivate var brief: Problem {
        var problem = self
        problem.places = Array(places.prefix(5))
        return problem
    }

    fileprivate init(_ failure: JSONListReader.Failure) {
        let hint = ": send {\"items\": [EMIT, …]}, or each emit on a line of its own as application/x-ndjson"
        let place: Place
        switch failure {
        case .json(let error):
            self = Problem(error)
            return
        case .notAnObject: place = Place("", "must be an object" + hint)
        case .notAList: place = Place("/items", "must be an array")
        case .missing: place = Place("/items", "is required")
        case .unknownMember(let name):
            let unknown = Place.unknown(name, among: ["items"])
            place = Place(unknown.location, unknown.detail + (name == "event" ? hint : ""))
        }
        self = Problem(.invalidRequest, at: [place])
    }
}
