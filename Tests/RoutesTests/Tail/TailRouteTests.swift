import AMQPBridge
import EventLoop
import JSON
import Testing

@testable import Routes

@Suite("GET /v1/tail")
struct TailRouteTests {
    private let tail = Tail()

    private static func reach(rooms: String = "*", events: String = "*") -> Reach {
        Reach(rooms: NameGlobs([Glob(rooms)]), events: NameGlobs([Glob(events)]))
    }

    private func access(_ watcher: Set<Scope>, reach: Reach = Reach()) -> AccessPolicy {
        AccessPolicy(
            keys: [
                APIKey("w", name: "watcher", scopes: watcher, reach: reach), APIKey("s", name: "shop"),
                APIKey("l", name: "limited", reach: Self.reach(rooms: "a*")),
            ], keyless: .nobody
        ) { 0 }
    }

    private func watch(_ router: Router, _ query: String = "") async throws -> TailReader {
        let exchange = await router.exchange(.get, "/v1/tail", query: query, [.apiKey: "w"])
        #expect(exchange.response.status == 200, "\(exchange.response.text)")
        return try #require(TailReader(exchange))
    }

    private static func members(_ text: String) throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        try JSONDocument(parsing: Array(text.utf8)).root.forEachMember { members[$0] = $1 }
        return members
    }

    @Test("tells of an emit: who, what, for whom, and what became of it")
    func emit() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let reader = try await watch(router)
        #expect(reader.read() == "retry: 3000\n\n")
        let body = #"{"event":"e","data":"secret","rooms":["r",7],"except":["x"]}"#
        let exchange = await router.told(.post, "/v1/emit", [.apiKey: "s"], body: body)
        let entry = try #require(reader.events().first)
        let members = try Self.members(entry)
        let receipt = try exchange.response.members()
        #expect(
            members["id"]?.string == receipt["id"]?.string && members["requestId"]?.string == exchange.request.id.text)
        #expect(members["key"]?.string == "shop" && members["route"]?.string == "POST /v1/emit")
        #expect(members["event"]?.string == "e" && members["namespace"]?.string == "/")
        #expect(members["bytes"]?.integer == body.utf8.count && members["status"]?.integer == 200)
        #expect(entry.contains(#""rooms":["r",7]"#) && entry.contains(#""except":["x"]"#))
        #expect(entry.contains(#""ms":1.250"#) && entry.contains(#""routed":true"#))
        #expect(!entry.contains("secret") && members["payload"] == nil)
    }

    @Test("shows payloads to those who may see them and ask for them, up to 2 KiB, and no half character")
    func payloads() async throws {
        let router = router(access: access([.tail, .emit, .readPayloads]), tail: tail)
        let (with, without) = (try await watch(router, "payload=true"), try await watch(router))
        let long = String(repeating: "é", count: 2_000)
        await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e","data":{"a":[1]}}"#)
        await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e","data":"\#(long)"}"#)
        await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e","data":"x\#(long)"}"#)
        let entries = try with.events().map(Self.members)
        #expect(entries.map { $0["payloadBytes"]?.integer } == [11, 4_004, 4_005])
        #expect(entries[0]["payload"]?.string == #"[{"a":[1]}]"#)
        for entry in entries[1...] {
            let text = try #require(entry["payload"]?.string)
            #expect((2_046...2_048).contains(text.utf8.count) && text.hasSuffix("é"))
        }
        let others = try without.events().map(Self.members)
        #expect(others.count == 3 && others.allSatisfy { $0["payload"] == nil && $0["payloadBytes"] == nil })
    }

    @Test("cuts payloads at any length, in whole characters", arguments: 2_040...2_060)
    func cuts(length: Int) {
        for text in [String(repeating: "a", count: length), String(repeating: "€", count: length / 3)] {
            let payload = TailPayload(JSONText("\"\(text)\""))
            let whole = "[\"\(text)\"]"
            #expect(payload.bytes == whole.utf8.count && whole.hasPrefix(payload.text))
            #expect(payload.text == whole || (2_046...2_048).contains(payload.text.utf8.count))
        }
    }

    @Test("keeps from others which globs a key has, and what the sender of a refused key was not told")
    func asides() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let reader = try await watch(router)
        await router.told(.post, "/v1/emit", [.apiKey: "l"], body: #"{"event":"e","rooms":["b"]}"#)
        await router.told(.post, "/v1/emit", [.apiKey: "nobody's"], body: #"{"event":"e"}"#)
        await router.told(.get, "/v1/secret-in-a-path", [.apiKey: "l"])
        let entries = reader.events()
        #expect(entries.count == 3 && entries[0].contains("beyond_reach") && !entries[0].contains("a*"))
        #expect(!entries[1].contains("none of those") && !entries[2].contains("secret-in"))
        let operators = RoutesTests.router(access: access([.tail, .emit, .readConfiguration]), tail: tail)
        let other = try await watch(operators)
        await operators.told(.post, "/v1/emit", [.apiKey: "nobody's"], body: #"{"event":"e"}"#)
        await operators.told(.get, "/v1/secret-in-a-path", [.apiKey: "l"])
        let told = other.events()
        #expect(told[0].contains(#""cause":"the key is none of those"#) && told[1].contains("/v1/secret-in-a-path"))
    }

    @Test("tells of an item that its key may not send what it named")
    func refusedItem() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let reader = try await watch(router, "room=b")
        await router.told(.post, "/v1/batch", [.apiKey: "l"], body: #"{"items":[{"event":"e","rooms":["b"]}]}"#)
        let entries = try reader.events().map(Self.members)
        #expect(entries.count == 1, "once")
        #expect(entries.first?["event"]?.string == "e" && entries.first?["code"]?.string == "beyond_reach")
    }

    @Test("looks at a few entries a turn, and asks for another turn")
    func turns() throws {
        let entry = TailEntry(
            sender: .anyone, scope: nil, status: 200, subject: nil, aside: TailAside(), json: Array(#"{"a":1}"#.utf8))
        var reading = TailReading(tail, TailFilter(rooms: ["r"], caller: .anyone))
        _ = reading.begin(wake: {}, now: .now())
        for _ in 0..<40 { tail.take(entry) }
        for expected in ["later", "later", "nothing"] { #expect("\(reading.next(now: .now()))" == expected) }
        let stream = TextStream(
            TailReading(tail, TailFilter(rooms: ["r"], caller: .anyone)), at: try StreamPlaces().take())
        let woken = Woken()
        stream.begin(wake: { woken.count.add(1) }, now: .now())
        var buffer = [UInt8](repeating: 0, count: 100)
        _ = buffer.withUnsafeMutableBytes { stream.next(into: $0, now: .now()) }
        for _ in 0..<40 { tail.take(entry) }
        let before = woken.count.value
        #expect(!stream.isReady(now: .now()) && woken.count.value == before + 1)
    }

    private final class Woken: Sendable {
        let count = Counter()
    }

    @Test("says nothing of an answer that nobody got")
    func untold() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let reader = try await watch(router)
        let exchange = await router.exchange(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e"}"#)
        exchange.request.note(Problem(.shuttingDown, "x"))
        var answer = Problem(.shuttingDown, "x").response(requestID: "x")
        answer.status = 503
        router.tell(of: exchange.request, RequestReport.Answer(answer), .clientLeft, duration: .zero)
        let entry = try #require(reader.events().first)
        #expect(entry.contains(#""outcome":"client left""#) && !entry.contains("shutting") && !entry.contains("status"))
    }

    @Test("takes a scope of its own for payloads")
    func payloadScope() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let refused = await router.request(.get, "/v1/tail", query: "payload=true", [.apiKey: "w"])
        #expect(refused.status == 403 && refused.code == "insufficient_scope" && refused.text.contains("tail:payload"))
        #expect(await router.request(.get, "/v1/tail", query: "payload=false", [.apiKey: "w"]).status == 200)
    }

    @Test("tells of changes, events for servers, refusals and dry runs")
    func others() async throws {
        let router = router(access: access(Set(Scope.allCases)), tail: tail)
        let reader = try await watch(router)
        let requests: [(HTTPMethod, String, String?, [String])] = [
            (
                .post, "/v1/sockets/join", #"{"in":["a"],"rooms":["b"]}"#,
                [#""kind":"join""#, #""rooms":["b"]"#, #""target":["a"]"#]
            ),
            (.delete, "/v1/sockets/abc", nil, [#""kind":"disconnect""#, #""socket":"abc""#]),
            (.post, "/v1/servers/emit", #"{"event":"hello"}"#, [#""kind":"servers""#, #""event":"hello""#]),
            (.post, "/v1/emit", #"{"event":"e","dryRun":true}"#, [#""dryRun":true"#, #""rooms":[]"#]),
            (.post, "/v1/emit", #"{"evnt":1}"#, [#""status":422"#, #""code":"invalid_request""#, "did you mean"]),
            (.get, "/v1/nothing", nil, [#""status":404"#, #""path":"/v1/nothing""#]),
        ]
        for (method, path, body, parts) in requests {
            await router.told(method, path, [.apiKey: "s"], body: body)
            let entries = reader.events()
            #expect(entries.count == 1, "\(path)")
            for part in parts { #expect(entries.first?.contains(part) == true, "\(entries)") }
        }
    }

    @Test("does not tell of what only reads, nor of streams")
    func silence() async throws {
        let cluster = RecordingCluster { $0.servers = [] }
        let router = router(cluster: cluster, access: access(Set(Scope.allCases)), tail: tail)
        let reader = try await watch(router)
        for path in ["/v1/servers", "/v1/me", "/v1/config", "/livez", "/metrics", "/v1/tail", "/v1/events"] {
            await router.told(.get, path, [.apiKey: "s"])
        }
        #expect(reader.events() == [])
        // But of what nobody could read.
        await router.told(.post, "/v1/counts", [.apiKey: "s"], body: "{}")
        #expect(reader.events().first?.contains(#""code":"no_servers""#) == true)
    }

    @Test("tells of each item of a batch, and of the batch")
    func batch() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let reader = try await watch(router)
        let body = #"{"items":[{"event":"a","rooms":["r"]},{"event":"b","dryRun":true},{"event":5},{"event":"c"}]}"#
        await router.told(.post, "/v1/batch", [.apiKey: "s"], body: body)
        let entries = try reader.events().map(Self.members)
        #expect(entries.map { $0["item"]?.integer } == [0, 1, 2, 3, nil])
        #expect(entries.map { $0["event"]?.string } == ["a", "b", nil, "c", nil])
        #expect(entries.map { $0["status"]?.integer } == [200, 200, 422, 200, 207])
        #expect(entries[1]["dryRun"]?.boolean == true && entries[2]["code"]?.string == "invalid_request")
        #expect(entries[4]["items"]?.integer == 4 && entries[4]["failed"]?.integer == 1)
    }

    @Test("filters by room, event, key and status, each of which may come again")
    func filters() async throws {
        let router = router(access: access(Set(Scope.allCases)), tail: tail)
        let queries: [(String, [Int])] = [
            ("", [0, 1, 2, 3]), ("room=a*", [0, 3]), ("room=b&room=c", [1]), ("event=order.*", [0]),
            ("key=limited", [3]), ("key=shop&key=limited", [0, 1, 2, 3]), ("status=4xx", [2]),
            ("status=200,422", [0, 1, 2, 3]), ("status=404", []), ("room=a*&key=shop", [0]),
        ]
        for (query, expected) in queries {
            let reader = try await watch(router, query)
            await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"order.paid","rooms":["a1"]}"#)
            await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e1","rooms":["b"]}"#)
            await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e2","dtaa":1}"#)
            await router.told(.post, "/v1/emit", [.apiKey: "l"], body: #"{"event":"e3","rooms":["a2"]}"#)
            let all = [#""order.paid""#, #""e1""#, #""status":422"#, #""e3""#]
            let found = reader.events().compactMap { entry in all.firstIndex { entry.contains($0) } }
            #expect(found == expected, "\(query)")
            reader.stream.over()
        }
    }

    @Test(
        "refuses what it does not know",
        arguments: [
            ("status=9xx", "?status"), ("status=20", "?status"), ("status=2xxx", "?status"), ("room=", "?room"),
            ("payload=yes", "?payload"), ("rooms=a", "?rooms"), ("event=", "?event"),
        ])
    func refusals(query: String, pointer: String) async {
        let router = router(access: access([.tail]), tail: tail)
        let response = await router.request(.get, "/v1/tail", query: query, [.apiKey: "w"])
        #expect(response.status == 422 && response.pointers == [pointer])
    }

    @Test("tells a key what it might send, and how much else there was")
    func reach() async throws {
        let router = router(access: access([.tail, .emit], reach: Self.reach(rooms: "a*", events: "e*")), tail: tail)
        let reader = try await watch(router)
        for body in [
            #"{"event":"e1","rooms":["a1"]}"#, #"{"event":"e2","rooms":["a1","b"]}"#, #"{"event":"e3"}"#,
            #"{"event":"x","rooms":["a1"]}"#, #"{"event":"e4","rooms":["a1"],"except":["b"]}"#, #"{"bad":1}"#,
        ] {
            await router.told(.post, "/v1/emit", [.apiKey: "s"], body: body)
        }
        // Takes a scope that the watcher has not.
        await router.told(.post, "/v1/sockets/join", [.apiKey: "s"], body: #"{"in":["a1"],"rooms":["a2"]}"#)
        let text = reader.read()
        #expect(text.matches(of: /"event":"(\w+)"/).map { String($0.1) } == ["e1"])
        // Seldom, lest it be told when each was sent.
        #expect(!text.contains("hidden"))
        let later = reader.start + .seconds(1)
        #expect(reader.read(now: later) == "event: hidden\ndata: {\"hidden\":6}\n\n")
        await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e3"}"#)
        #expect(reader.read(now: later + .milliseconds(999)) == "")
        #expect(reader.read(now: later + .seconds(1)).contains("\"hidden\":7"))
        // What it has sent itself it sees, whatever became of it.
        await router.told(.post, "/v1/emit", [.apiKey: "w"], body: #"{"event":"e5","rooms":["b"]}"#)
        let own = try Self.members(try #require(reader.events().first))
        #expect(own["code"]?.string == "beyond_reach" && own["event"]?.string == "e5")
    }

    @Test("tells of deliveries, and of those that publish nothing")
    func deliveries() async throws {
        let mapping = try EmitMapping(
            event: "e", rooms: ["r"], when: [HookCondition(value: "{/go}", .equals("yes"))])
        let hooks = try HookTable([
            Hook(
                name: "h", scheme: "none", values: SchemeValues(secrets: []), mapping: mapping,
                deliveryID: "{/id}")
        ])
        let router = router(access: access([.tail, .emit]), hooks: hooks, tail: tail)
        let reader = try await watch(router)
        for body in [#"{"go":"yes","id":"1"}"#, #"{"go":"yes","id":"1"}"#, #"{"go":"no","id":"2"}"#] {
            await router.told(.post, "/v1/hooks/h", [.host: "localhost"], body: body)
        }
        let entries = try reader.events().map(Self.members)
        #expect(entries.map { $0["delivery"]?.string } == ["emitted", "duplicate", "ignored"])
        #expect(entries.allSatisfy { $0["hook"]?.string == "h" } && entries[0]["event"]?.string == "e")
        #expect(entries[2]["condition"]?.string?.contains("go") == true)
    }

    @Test("keeps nothing while nobody watches")
    func unwatched() async throws {
        let router = router(access: access([.tail, .emit]), tail: tail)
        let exchange = await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e"}"#)
        #expect(exchange.request.notes == nil)
        let reader = try await watch(router)
        #expect(await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e"}"#).request.notes != nil)
        reader.stream.over()
        #expect(await router.told(.post, "/v1/emit", [.apiKey: "s"], body: #"{"event":"e"}"#).request.notes == nil)
        #expect(try await watch(router).events() == [])
    }

    @Test("says how many entries were not read in time, and goes on with what is there")
    func dropped() async throws {
        let reader = try TailReader(tail, TailFilter(caller: .anyone))
        _ = reader.read()
        let entry = TailEntry(
            sender: .anyone, scope: nil, status: 200, subject: nil, aside: TailAside(), json: Array(#"{"a":1}"#.utf8))
        for _ in 0..<5_000 { tail.take(entry) }
        let text = reader.read()
        #expect(text.hasPrefix("event: dropped\ndata: {\"dropped\":904}\n\n"))
        #expect(text.matches(of: /event: entry/).count == 4_096)
    }

    @Test("goes on over a reload only with all its scopes")
    func reloads() async throws {
        let router = router(access: access([.tail, .emit, .readPayloads]), tail: tail)
        let exchange = await router.exchange(.get, "/v1/tail", query: "payload=true", [.apiKey: "w"])
        #expect(router.stillAdmits(exchange.request))
        router.access = access([.tail, .emit])
        #expect(!router.stillAdmits(exchange.request))
    }

    @Test("takes a place among all streams")
    func places() async {
        let router = router(tail: tail, streams: StreamPlaces(most: 1))
        let events = await router.exchange(.get, "/v1/events")
        #expect(await router.request(.get, "/v1/tail").code == "overloaded")
        events.request.stream?.over()
        #expect(await router.request(.get, "/v1/tail").status == 200)
    }
}
