import AMQPBridge
import EventLoop
import Hashing
import Testing

@testable import Routes

@Suite("A key's rate")
struct KeyRateTests {
    private static let emit = #"{"event":"e"}"#

    /// Tests run in parallel, and time passes.
    private func expect(_ response: Response, remaining: Int, reset: Int) {
        #expect(response.field("RateLimit-Limit") == "2")
        #expect(response.field("RateLimit-Remaining") == "\(remaining)")
        expect(response, "RateLimit-Reset", reset)
    }

    private func expect(_ response: Response, _ name: String, _ seconds: Int) {
        #expect(response.field(name).flatMap { Int($0) }.map { seconds - 100...seconds ~= $0 } == true)
    }

    @Test("is told with every answer, and refuses what is too much")
    func refuses() async {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key("k", rate: Rate(2, per: .seconds(3_600))))
        let first = await router.post(Self.emit, [.apiKey: "k"])
        #expect(first.status == 200)
        expect(first, remaining: 1, reset: 1800)
        let invalid = await router.post("{}", [.apiKey: "k"])
        #expect(invalid.status == 422)
        expect(invalid, remaining: 0, reset: 3600)
        let refused = await router.post(Self.emit, [.apiKey: "k"])
        #expect(refused.status == 429)
        #expect(refused.code == "rate_limited")
        expect(refused, "Retry-After", 1800)
        expect(refused, remaining: 0, reset: 3600)
        #expect(refused.text.contains("\"retryable\":true"))
        #expect(emitter.calls.count == 1)
    }

    @Test("counts what the key may not do, and not what comes with another key")
    func counts() async {
        let router = router(access: .key("k", scopes: [.emit], rate: Rate(2, per: .seconds(3_600))))
        for _ in 0..<5 { #expect(await router.post(Self.emit, [.apiKey: "x"]).status == 401) }
        #expect(await router.request(.get, "/v1/rooms", [.apiKey: "k"]).status == 403)
        #expect(await router.request(.get, "/v1/rooms", [.apiKey: "k"]).status == 403)
        #expect(await router.request(.get, "/v1/rooms", [.apiKey: "k"]).status == 429)
    }

    @Test("is one for all event loops, and for all keys of a caller")
    func loops() async throws {
        let rate = try #require(Rate(2, per: .seconds(3_600)))
        let caller = Caller(name: "k", scopes: [.emit], limit: RateLimit(rate))
        let keys = ["old", "new"].map { APIKey(digest: SHA256.Digest(of: $0), caller: caller) }
        let access = AccessPolicy(keys: keys, keyless: .nobody) { 0 }
        let routers = [router(access: access), router(access: access)]
        #expect(await routers[0].post(Self.emit, [.apiKey: "old"]).status == 200)
        #expect(await routers[1].post(Self.emit, [.apiKey: "new"]).status == 200)
        for router in routers {
            for key in ["old", "new"] { #expect(await router.post(Self.emit, [.apiKey: key]).status == 429) }
        }
    }

    @Test("counts each item of a batch, all or none")
    func batches() async {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key("k", rate: Rate(5, per: .seconds(3_600))))
        func batch(_ count: Int) async -> Response {
            let items = Array(repeating: Self.emit, count: count).joined(separator: ",")
            return await router.request(.post, "/v1/batch", [.apiKey: "k"], body: "{\"items\":[\(items)]}")
        }
        let never = await batch(6)
        #expect(never.status == 413)
        #expect(emitter.calls.isEmpty)
        // The request itself counts.
        #expect(await batch(4).status == 200)
        #expect(await batch(1).status == 429)
        #expect(emitter.calls.count == 4)
    }

    @Test("takes a batch as large as the burst")
    func largestBatch() async {
        let router = router(access: .key("k", rate: Rate(5, per: .seconds(3_600))))
        let items = Array(repeating: Self.emit, count: 5).joined(separator: ",")
        let response = await router.request(.post, "/v1/batch", [.apiKey: "k"], body: "{\"items\":[\(items)]}")
        #expect(response.status == 200)
        #expect(response.field("RateLimit-Remaining") == "0")
    }

    @Test("lets nobody wait for a batch that it never takes", arguments: [1, 2, 5])
    func tooLargeBatch(burst: Int) async throws {
        let rate = try #require(Rate(10, per: .seconds(1), burst: burst))
        let items = Array(repeating: Self.emit, count: burst + 1).joined(separator: ",")
        let response = await router(access: .key("k", rate: rate)).request(
            .post, "/v1/batch", [.apiKey: "k"], body: "{\"items\":[\(items)]}")
        #expect(response.status == 413)
    }

    @Test("takes a refused batch after the time that it has said")
    func refusedBatch() throws {
        let limit = RateLimit(try #require(Rate(10, per: .seconds(60))))
        let caller = Caller(name: "a", scopes: [.emit], limit: limit)
        /// What the route does.
        func batch(_ items: Int, at now: MonotonicTime) -> Duration? {
            do throws(Problem) {
                try caller.take(now: now)
                try caller.takeRest(ofBatch: items, now: now)
                return nil
            } catch {
                return error.retryAfter
            }
        }
        var now = MonotonicTime(nanoseconds: 0)
        #expect(batch(5, at: now) == nil)
        let wait = try #require(batch(10, at: now))
        #expect(batch(10, at: now + .milliseconds(1)) != nil)
        // That try has cost a token.
        now = now + wait + .seconds(6)
        #expect(batch(10, at: now) == nil)
        // First it is told when there is one for the request, and then when there is enough for its items.
        var waits: [Duration] = []
        while waits.count < 5, let wait = batch(10, at: now) {
            waits.append(wait)
            now = now + wait
        }
        #expect(waits == [.seconds(6), .seconds(60)])
    }

    @Test("is not told where there is none")
    func none() async {
        let response = await router(access: .key("k")).post(Self.emit, [.apiKey: "k"])
        #expect(["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"].compactMap(response.field).isEmpty)
    }

    @Test("lets health checks pass")
    func publicRoutes() async {
        let router = router(access: .key("k", rate: Rate(1, per: .seconds(3_600))))
        for _ in 0..<3 { #expect(await router.request(.get, "/livez", [.apiKey: "k"]).status == 200) }
    }
}
