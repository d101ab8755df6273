import AMQPBridge
import EventLoop
import Testing

@testable import Routes

@Suite("The store of answers")
struct IdempotencyStoreTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    // MARK: Keys

    @Test(
        "takes keys of 1 to 255 printable ASCII characters",
        arguments: ["a", " ~", "{\"k\"}", String(repeating: "x", count: 255)])
    func keys(name: String) throws {
        #expect(try IdempotencyKey(name, caller: "c").name == name)
    }

    @Test(
        "takes no others",
        arguments: ["", "\u{1F}", "\u{7F}", "a\tb", "é", "a\0", "😀", String(repeating: "x", count: 256)])
    func badKeys(name: String) {
        #expect(problem { _ = try IdempotencyKey(name, caller: "c") }?.code == .invalidRequest)
    }

    @Test("tells requests apart by path, media type and body")
    func fingerprints() {
        let one = fingerprint("b")
        #expect(one == fingerprint("b"))
        #expect(one == fingerprint("b", type: "application/json; charset=utf-8"))
        #expect(one != fingerprint("c"))
        #expect(one != fingerprint(""))
        #expect(one != fingerprint("b", path: "/v1/batch"))
        #expect(one != fingerprint("b", type: "application/x-ndjson"))
        #expect(fingerprint("\nb", path: "/a") != fingerprint("b", path: "/a"))
    }

    // MARK: Answers

    @Test("gives the answer again")
    func replays() throws {
        let store = IdempotencyStore()
        try finish(store, "k", .success(answer("first")))
        for seconds in [0, 1, 599] {
            #expect(try replayed(store, "k", after: .seconds(seconds)) == "first")
        }
    }

    @Test("is asked for one answer by the first request only, and by the others for patience")
    func inFlight() throws {
        let store = IdempotencyStore()
        let reservation = try reserve(store, "k")
        #expect(problem { _ = try begin(store, "k") }?.code == .idempotencyKeyInFlight)
        // However long it takes.
        #expect(problem { _ = try begin(store, "k", after: .seconds(10_000)) }?.code == .idempotencyKeyInFlight)
        #expect(problem { _ = try begin(store, "k", body: "other") }?.code == .idempotencyKeyReused)
        store.finish(reservation, .success(answer("first")), now: Self.start)
        #expect(try replayed(store, "k") == "first")
    }

    @Test("refuses a key that comes with another request")
    func reused() throws {
        let store = IdempotencyStore()
        try finish(store, "k", .success(answer("first")))
        #expect(problem { _ = try begin(store, "k", body: "other") }?.code == .idempotencyKeyReused)
        #expect(problem { _ = try begin(store, "k", path: "/v1/batch") }?.code == .idempotencyKeyReused)
        #expect(problem { _ = try begin(store, "k", type: "application/x-ndjson") }?.code == .idempotencyKeyReused)
        #expect(try replayed(store, "k") == "first")
    }

    @Test("keeps callers apart")
    func callers() throws {
        let store = IdempotencyStore()
        try finish(store, "k", .success(answer("a's")), caller: "a")
        _ = try reserve(store, "k", caller: "b", body: "another")
        #expect(try replayed(store, "k", caller: "a") == "a's")
        #expect(store.count == 2)
    }

    @Test(
        "keeps what is unknown, and gives free what certainly did nothing",
        arguments: [
            (.failure(Problem(.confirmTimeout, "d")), true), (.failure(Problem(.brokerNack, "d")), true),
            (.failure(Problem(.brokerUnavailable, "d")), false), (.failure(Problem(.overloaded, "d")), false),
            (.failure(Problem(.invalidRequest, "d")), false), (.failure(Problem(.payloadTooLarge, "d")), false),
            (.success(Response(status: 200)), true), (.success(Response(status: 202)), true),
            (.success(withoutEffect), false),
        ] as [(Result<Response, Problem>, Bool)])
    func keeps(answer: Result<Response, Problem>, isKept: Bool) throws {
        let store = IdempotencyStore()
        try finish(store, "k", answer)
        #expect(store.count == (isKept ? 1 : 0))
        #expect((store.bytes > 0) == isKept)
        switch try begin(store, "k") {
        case .first: #expect(!isKept)
        case .answered(let replay, _):
            #expect(isKept)
            switch (answer, replay) {
            case (.success(let first), .success(let again)): #expect(first.status == again.status)
            case (.failure(let first), .failure(let again)): #expect(first == again)
            default: Issue.record("\(replay)")
            }
        }
    }

    // MARK: Bounds

    @Test("forgets an answer when its time has come, not before")
    func expires() throws {
        var limits = IdempotencyStore.Limits()
        limits.lifetime = .seconds(60)
        let store = IdempotencyStore(limits: limits)
        try finish(store, "a", .success(answer("1")))
        try finish(store, "b", .success(answer("2")), after: .seconds(30))
        #expect(try replayed(store, "a", after: .milliseconds(59_999)) == "1")
        _ = try reserve(store, "a", after: .seconds(60), body: "another")
        #expect(try replayed(store, "b", after: .seconds(89)) == "2")
        #expect(store.count == 2)
        _ = try reserve(store, "b", after: .seconds(90))
    }

    @Test("forgets thousands, and all of their bytes")
    func expiresMany() throws {
        let store = IdempotencyStore()
        for number in 0..<5_000 {
            try finish(store, "k\(number)", .success(answer("answer")), after: .milliseconds(number))
        }
        #expect(store.count == 5_000)
        try finish(store, "x", .success(answer("answer")), after: .milliseconds(602_000))
        #expect(store.count == 5_000 - 2_001 + 1)
        try finish(store, "y", .success(answer("answer")), after: .seconds(2_000))
        #expect(store.count == 1)
        #expect(store.bytes == entryBytes("y", "answer"))
    }

    @Test("takes no more than its bytes, forgets nothing for that, and has room again when something expires")
    func full() throws {
        var limits = IdempotencyStore.Limits()
        limits.bytes = 3 * entryBytes("a", "body")
        let store = IdempotencyStore(limits: limits)
        for key in ["a", "b", "c"] { try finish(store, key, .success(answer("body"))) }
        #expect(store.bytes == limits.bytes)
        #expect(problem { _ = try begin(store, "d", body: "") }?.code == .overloaded)
        for key in ["a", "b", "c"] { #expect(try replayed(store, key) == "body") }
        try finish(store, "d", .success(answer("body")), after: .seconds(600))
        #expect(store.count == 1)
    }

    @Test("has room for a request's answer before it begins, and counts it as long as it is")
    func reserves() throws {
        var limits = IdempotencyStore.Limits()
        limits.bytes = 2 * entryBytes("a", "a body of 20 bytes..")
        let store = IdempotencyStore(limits: limits)
        let first = try reserve(store, "a", body: "a body of 20 bytes..")
        let second = try reserve(store, "b", body: "a body of 20 bytes..")
        #expect(store.bytes == limits.bytes)
        #expect(problem { _ = try begin(store, "c") }?.code == .overloaded)
        store.finish(first, .success(answer("short")), now: Self.start)
        #expect(store.bytes == entryBytes("a", "short") + limits.bytes / 2)
        // One that turns out longer is kept all the same: it has been done.
        let long = String(repeating: "x", count: 1_000)
        store.finish(second, .success(answer(long)), now: Self.start)
        #expect(store.bytes == entryBytes("a", "short") + entryBytes("b", long))
        #expect(problem { _ = try begin(store, "c", body: "") }?.code == .overloaded)
    }

    @Test("gives every key to one of many threads")
    func threads() async throws {
        let store = IdempotencyStore()
        let counters = Counters(1)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        guard let place = try? begin(store, "k\(number)"), case .first(let reservation) = place else {
                            continue
                        }
                        counters.add(at: 0)
                        store.finish(reservation, .success(answer("x")), now: Self.start)
                    }
                }
            }
        }
        #expect(counters.values == [500])
        #expect(store.count == 500)
    }

    // MARK: Support

    private static var withoutEffect: Response {
        var response = Response(status: 207)
        response.isWithoutEffect = true
        return response
    }

    private func entryBytes(_ key: String, _ answer: String) -> Int {
        IdempotencyStore.overhead + key.utf8.count + answer.utf8.count
    }

    private func answer(_ body: String) -> Response { Response(status: 200, body: Array(body.utf8)) }

    private func fingerprint(
        _ body: String, path: String = "/v1/emit", type: String = "application/json"
    ) -> RequestFingerprint {
        var fields = HeaderFields()
        fields.add(.contentType, type)
        let head = RequestHead(method: .post, path: path, fields: fields)
        let request = Request(head: head, id: .text("id"), path: 0)
        request.body = Array(body.utf8)
        return RequestFingerprint(request)
    }

    private func begin(
        _ store: IdempotencyStore, _ key: String, caller: String = "", after time: Duration = .zero,
        body: String = "body", path: String = "/v1/emit", type: String = "application/json"
    ) throws(Problem) -> IdempotencyStore.Place {
        try store.begin(
            IdempotencyKey(key, caller: caller), fingerprint: fingerprint(body, path: path, type: type),
            now: Self.start + time)
    }

    private func reserve(
        _ store: IdempotencyStore, _ key: String, caller: String = "", after time: Duration = .zero,
        body: String = "body"
    ) throws -> IdempotencyStore.Reservation {
        guard case .first(let reservation) = try begin(store, key, caller: caller, after: time, body: body) else {
            throw Problem(.notFound, "answered already")
        }
        return reservation
    }

    private func finish(
        _ store: IdempotencyStore, _ key: String, _ answer: Result<Response, Problem>, caller: String = "",
        after time: Duration = .zero
    ) throws {
        store.finish(try reserve(store, key, caller: caller, after: time), answer, now: Self.start + time)
    }

    /// The body of the answer that is given again.
    private func replayed(
        _ store: IdempotencyStore, _ key: String, caller: String = "", after time: Duration = .zero
    ) throws -> String? {
        guard case .answered(let answer, _) = try begin(store, key, caller: caller, after: time) else { return nil }
        return try answer.get().text
    }

    private func problem(_ body: () throws -> Void) -> Problem? {
        do {
            try body()
            return nil
        } catch {
            return error as? Problem
        }
    }
}
