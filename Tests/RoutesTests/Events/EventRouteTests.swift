import AMQPBridge
import EventLoop
import Testing

@testable import Routes

@Suite("GET /v1/events")
struct EventRouteTests {
    private let feed = EventFeed()
    private let places = StreamPlaces()

    private func get(
        _ query: String = "", reach: Reach = Reach(), scopes: Set<Scope> = [.readEvents],
        _ headers: KeyValuePairs<HeaderName, String> = [:]
    ) async -> Exchange {
        let router = router(access: .key("k", scopes: scopes, reach: reach), events: feed, streams: places)
        var all: [(HeaderName, String)] = [(.apiKey, "k"), (.host, "localhost")]
        for (name, value) in headers { all.append((name, value)) }
        var fields = HeaderFields()
        for (name, value) in all { fields.add(name, value) }
        return await router.exchange(
            RequestHead(method: .get, path: "/v1/events", query: query, fields: fields), body: [])
    }

    /// What the stream begins with, when the events have come.
    private func text(of exchange: Exchange, _ events: [ClusterEvent] = []) throws -> String {
        let stream = try #require(exchange.request.stream)
        stream.begin(wake: {}, now: .now())
        feed.take(events)
        var buffer = [UInt8](repeating: 0, count: 10_000)
        guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ stream.next(into: $0, now: .now()) }) else {
            return ""
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    @Test("is answered with a head, and goes on")
    func answer() async throws {
        let exchange = await get()
        #expect(exchange.response.status == 200 && exchange.response.body.isEmpty)
        #expect(exchange.response.contentType.map { "\($0)" } == "text/event-stream")
        #expect(exchange.response.field("X-Accel-Buffering") == "no" && exchange.response.field("X-Request-Id") != nil)
        let text = try text(of: exchange, [.occupied("r")])
        #expect(
            text.hasPrefix("retry: 3000\nid: \(feed.epoch)-0\n\nid: \(feed.epoch)-1\nevent: room.occupied\ndata: {"))
    }

    @Test("filters by type, room and namespace, each of which may come again")
    func filters() async throws {
        let text = try await text(
            of: get("type=room.*&type=server.lost&room=chat:*&room=x&namespace=/&namespace=/a"),
            [
                .occupied("chat:1"), .occupied("x", "/a"), .occupied("y"), .occupied("x", "/b"),
                ClusterEvent(.socketJoined, time: 0, namespace: "/", room: .name("x"), socket: "s"),
            ])
        #expect(text.matches(of: /"room":"([^"]+)"/).map { String($0.1) } == ["chat:1", "x"])
    }

    @Test(
        "refuses what it does not know",
        arguments: [
            ("type=rooms", "?type"), ("type=room.*,x", "?type"), ("type=", "?type"), ("type=*", "?type"),
            ("room=", "?room"), ("namespace=chat", "?namespace"), ("namespace=/&namespace=", "?namespace"),
            ("namespace=c*", "?namespace"), ("namespace=*%23", "?namespace"),
            ("rooms=x", "?rooms"), ("lastEventId=1&lastEventId=2", "?lastEventId"), ("timeoutMs=1", "?timeoutMs"),
        ])
    func refusals(query: String, pointer: String) async {
        let exchange = await get(query)
        #expect(exchange.response.status == 422 && exchange.response.code == "invalid_request")
        #expect(exchange.response.pointers == [pointer] && exchange.request.stream == nil)
        #expect(places.taken == 0)
    }

    @Test(
        "refuses what its key never gets, and gives of globs what it does",
        arguments: [
            ("room=secret", "?room"), ("room=chat:1&room=secret", "?room"), ("namespace=/b", "?namespace"),
            ("type=server.lost", "?type"), ("type=socket.connected&type=room.*", "?type"), ("room=*", nil),
            ("type=socket.*", nil), ("room=chat:1&type=sync", nil), ("", nil),
        ] as [(String, String?)])
    func reach(query: String, pointer: String?) async throws {
        let reach = Reach(namespaces: NameGlobs([Glob("/")]), rooms: NameGlobs([Glob("chat:*")]))
        let exchange = await get(query, reach: reach)
        if let pointer {
            #expect(exchange.response.status == 403 && exchange.response.code == "beyond_reach")
            #expect(exchange.response.pointers == [pointer])
            return
        }
        #expect(exchange.response.status == 200)
        let text = try text(
            of: exchange,
            [
                .occupied("secret"), .occupied("chat:1", "/b"), ClusterEvent(.serverUp, time: 0, server: "u"),
                ClusterEvent(.socketConnected, time: 0, namespace: "/", socket: "s"), ClusterEvent(.sync, time: 0),
            ])
        #expect(text.matches(of: /event: (.+)/).map { String($0.1) } == ["sync"])
    }

    @Test("names servers to a key with globs only if it may ask for them")
    func servers() async throws {
        let reach = Reach(rooms: NameGlobs([Glob("chat:*")]))
        let sync = ClusterEvent(.sync, time: 0, namespace: "/", server: "server-of-sync", reason: "server")
        #expect(try await !text(of: get(reach: reach), [sync]).contains("server-of-sync"))
        let reader: Set<Scope> = [.readEvents, .readServers]
        #expect(try await text(of: get(reach: reach, scopes: reader), [sync]).contains("server-of-sync"))
        #expect(try await text(of: get(), [sync]).contains("server-of-sync"))
    }

    @Test("takes globs for namespaces as for rooms")
    func namespaceGlobs() async throws {
        let events = ["/", "/chat", "/chat/1", "/b"].map { ClusterEvent.occupied("r\($0)", $0) }
        func rooms(_ query: String, reach: Reach = Reach()) async throws -> [String] {
            try await text(of: get(query, reach: reach), events).matches(of: /"room":"r([^"]+)"/).map { String($0.1) }
        }
        #expect(try await rooms("namespace=/c*") == ["/chat", "/chat/1"])
        #expect(try await rooms("namespace=*1&namespace=/b") == ["/chat/1", "/b"])
        #expect(try await rooms("namespace=*") == ["/", "/chat", "/chat/1", "/b"])
        // A glob gives what is within reach.
        #expect(try await rooms("namespace=/*", reach: Reach(namespaces: NameGlobs([Glob("/chat")]))) == ["/chat"])
        let many = String(repeating: "namespace=/*&", count: 101)
        #expect(await get(many + "x=1").response.pointers.contains("?namespace"))
        #expect(await get(many.replacing("*", with: "") + "namespace=/").response.status == 200)
    }

    @Test("takes the last event from the header, or from the query where no header can be set")
    func lastEvent() async throws {
        let first = await get()
        _ = try text(of: first, [.occupied("a"), .occupied("b"), .occupied("c")])
        func rooms(_ exchange: Exchange) throws -> [String] {
            try text(of: exchange).matches(of: /"room":"([^"]+)"/).map { String($0.1) }
        }
        let id = "\(feed.epoch)-"
        #expect(try await rooms(get("", [.lastEventID: id + "2"])) == ["c"])
        #expect(try await rooms(get("lastEventId=\(id)1")) == ["b", "c"])
        #expect(try await rooms(get("lastEventId=\(id)1", [.lastEventID: id + "2"])) == ["c"])
        // An empty one is none.
        #expect(try await rooms(get("lastEventId=\(id)1", [.lastEventID: ""])) == ["b", "c"])
        for exchange in [await get("", [.lastEventID: ""]), await get("lastEventId=")] {
            #expect(try !text(of: exchange).contains("reset"))
        }
        #expect(try await text(of: get("lastEventId=%00%0A%0Aevent:x")).contains("\"reason\":\"unknown_id\""))
    }

    @Test("is 503 while as many as allowed are open, and 501 where the cluster is turned off")
    func unavailable() async {
        let router = router(streams: StreamPlaces(most: 1))
        let first = await router.exchange(.get, "/v1/events")
        let second = await router.request(.get, "/v1/events")
        #expect(second.status == 503 && second.code == "overloaded" && second.field("Retry-After") == "1")
        first.request.stream?.over()
        #expect(await router.request(.get, "/v1/events").status == 200)
        let off = RoutesTests.router(events: nil)
        #expect(await off.request(.get, "/v1/events").code == "turned_off")
        #expect(await off.request(.get, "/v1/events", query: "type=x").status == 422)
    }

    @Test("may be asked for by a page, with the header for the last event")
    func pages() async throws {
        let origin = try #require(WebOrigin("https://app"))
        let router = router(cors: CORSPolicy(origins: [origin]))
        let preflight = await router.request(
            .options, "/v1/events", [.origin: "https://app", .accessControlRequestMethod: "GET"])
        #expect(preflight.field("Access-Control-Allow-Headers")?.contains("Last-Event-ID") == true)
        let response = await router.request(.get, "/v1/events", [.origin: "https://app"])
        #expect(response.field("Access-Control-Allow-Origin") == "https://app")
    }

    // MARK: Rights that change

    private static func key(
        _ key: String = "k", scopes: Set<Scope> = [.readEvents], reach: Reach = Reach(), expires: Int? = nil,
        now: Int = 0
    ) -> AccessPolicy {
        AccessPolicy(
            keys: [APIKey(key, name: "a", scopes: scopes, reach: reach, expires: expires)], keyless: .nobody
        ) { now }
    }

    @Test("goes on over a reload only within the same reach, and with no fewer scopes")
    func reloads() async {
        let narrow = Reach(rooms: NameGlobs([Glob("a")]))
        let cases: [(AccessPolicy, AccessPolicy, Bool)] = [
            (Self.key(), Self.key(), true), (Self.key(), Self.key(scopes: [.readEvents, .emit]), true),
            (Self.key(), Self.key("another"), false), (Self.key(), Self.key(scopes: [.emit]), false),
            (Self.key(scopes: [.readEvents, .readServers]), Self.key(), false),
            (Self.key(), Self.key(reach: narrow), false), (Self.key(reach: narrow), Self.key(), false),
            (Self.key(reach: narrow), Self.key(reach: narrow), true),
            (Self.key(reach: narrow), Self.key(reach: Reach(namespaces: NameGlobs([Glob("a")]))), false),
            (Self.key(reach: narrow), .anonymous, false),
            (Self.key(), Self.key(expires: 10, now: 9), true), (Self.key(), Self.key(expires: 10, now: 10), false),
            (Self.key(), .loopbackOnly, true), (Self.key(), .anonymous, true),
        ]
        for (before, after, goesOn) in cases {
            let router = router(access: before, events: feed)
            let exchange = await router.exchange(.get, "/v1/events", [.apiKey: "k"])
            #expect(exchange.response.status == 200 && router.stillAdmits(exchange.request))
            router.access = after
            #expect(router.stillAdmits(exchange.request) == goesOn)
        }
    }

    @Test("does not count as a use of its key while it lasts")
    func lastUse() async {
        let key = APIKey("k", name: "a", scopes: [.readEvents])
        let router = router(access: AccessPolicy(keys: [key], keyless: .nobody) { 1_000 }, events: feed)
        let exchange = await router.exchange(.get, "/v1/events", [.apiKey: "k"])
        #expect(key.lastUse.time?.seconds == 1_000)
        router.access = AccessPolicy(keys: [key], keyless: .nobody) { 2_000 }
        #expect(router.stillAdmits(exchange.request) && key.lastUse.time?.seconds == 1_000)
    }
}
