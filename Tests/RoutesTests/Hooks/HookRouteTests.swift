import AMQPBridge
import Hashing
import JSON
import Synchronization
import Testing

@testable import Routes

@Suite("A hook")
struct HookRouteTests {
    private static let body = "{\"id\":\"evt_1\",\"kind\":\"paid\"}"

    private func github(
        _ name: String = "h", mapping: EmitMapping? = nil, deliveryID: String? = nil, bodyBytes: Int? = nil,
        rate: Rate? = nil
    ) throws -> HookTable {
        let mapping = try mapping ?? EmitMapping(event: "{/kind}", rooms: ["r"])
        var hook = try Hook(
            name: name, scheme: "github", values: SchemeValues(secrets: ["s"]), mapping: mapping,
            deliveryID: deliveryID, bodyBytes: bodyBytes)
        hook.limit = rate.map { RateLimit($0) }
        return HookTable([hook])
    }

    private func signed(_ body: String = body, id: String? = nil) -> [(String, String)] {
        [("X-Hub-Signature-256", "sha256=" + hex(hmac(body, "s")))] + (id.map { [("X-GitHub-Delivery", $0)] } ?? [])
    }

    private func deliver(
        _ router: Router, _ body: String = body, to path: String = "/v1/hooks/h", id: String? = nil,
        type: String? = "application/json"
    ) async -> Response {
        await router.deliver(Array(body.utf8), to: path, signed(body, id: id), type: type)
    }

    // MARK: Emitting

    @Test("becomes an emit, and is answered when the broker has confirmed it")
    func emits() async throws {
        let emitter = RecordingEmitter()
        let response = await deliver(router(emitter, hooks: try github()))
        #expect(response.status == 200)
        #expect(response.text == "{\"id\":\"01J\",\"status\":\"confirmed\",\"routed\":true}\n")
        #expect(emitter.calls.count == 1)
        #expect(emitter.calls[0].emit == Emit(event: "paid", arguments: JSONText(Self.body), rooms: ["r"]))
        #expect(emitter.calls[0].wait == .milliseconds(2_500))
    }

    @Test("may begin with a byte order mark, which is signed like the rest and is no part of what is emitted")
    func byteOrderMark() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: try github())
        let body = "\u{FEFF}" + Self.body
        #expect(await deliver(router, body).status == 200)
        #expect(emitter.calls.map(\.emit.arguments) == [JSONText(Self.body)])
        let unsigned = await router.deliver(Array(body.utf8), to: "/v1/hooks/h", signed(), type: "application/json")
        #expect(unsigned.status == 401)
    }

    @Test("waits for the broker for as long as it is configured")
    func confirmWait() async throws {
        let emitter = RecordingEmitter()
        let hook = try Hook(
            name: "h", scheme: "none", values: SchemeValues(secrets: []), mapping: .simple(),
            confirmWait: .milliseconds(700))
        _ = await router(emitter, hooks: HookTable([hook])).deliver("{}")
        #expect(emitter.calls.map(\.wait) == [.milliseconds(700)])
    }

    @Test("publishes nothing of what does not meet its conditions")
    func ignores() async throws {
        let emitter = RecordingEmitter()
        let mapping = try EmitMapping(
            event: "e", rooms: ["r"], when: [HookCondition(value: "{/kind}", .equals("refunded"))])
        let response = await deliver(router(emitter, hooks: try github(mapping: mapping)), id: "1")
        #expect(response.status == 200)
        #expect(response.text == "{\"status\":\"ignored\"}\n")
        #expect(emitter.calls.isEmpty)
    }

    @Test("refuses what cannot be mapped, with a reason")
    func refuses() async throws {
        let emitter = RecordingEmitter()
        let mapping = try EmitMapping(event: "e", rooms: ["user:{/user/id}"])
        let response = await deliver(router(emitter, hooks: try github(mapping: mapping)))
        #expect(response.status == 422)
        #expect(response.code == "delivery_refused")
        #expect(response.pointers == ["/rooms/0"])
        #expect(response.details == ["{/user/id} finds nothing"])
        #expect(!response.text.contains("evt_1"))
        #expect(emitter.calls.isEmpty)
    }

    @Test("reads JSON under any of its names, forms, and no body at all")
    func mediaTypes() async throws {
        for (type, body, expected) in [
            ("application/json", "{\"a\":1}", "{\"a\":1}"), ("application/json; charset=utf-8", "[1]", "[1]"),
            ("application/vnd.github+json", "1", "1"), ("Application/Problem+JSON", "null", "null"),
            ("application/x-www-form-urlencoded", "a=1", "{\"a\":\"1\"}"),
            ("application/x-www-form-urlencoded; charset=UTF-8", "payload=%7B%22b%22%3A2%7D", "{\"b\":2}"),
            (nil, "", "{}"),
        ] as [(String?, String, String)] {
            let emitter = RecordingEmitter()
            let response = await router(emitter, hooks: try .unsigned(.simple())).deliver(body, type: type)
            #expect(response.status == 200, "\(type ?? "")")
            #expect(emitter.calls.first?.emit.arguments == JSONText(expected))
        }
    }

    @Test(
        "reads nothing else",
        arguments: [
            "text/plain", "application/xml", "application/json; charset=latin1", "multipart/form-data; boundary=x",
            "application/x-ndjson", "", "application/jsonp", "application/x-www-form-urlencoded; charset=utf-16", nil,
        ])
    func otherMediaTypes(type: String?) async throws {
        let emitter = RecordingEmitter()
        let response = await router(emitter, hooks: try .unsigned(.simple())).deliver("{}", type: type)
        #expect(response.status == 415)
        #expect(response.code == "unsupported_media_type")
        #expect(emitter.calls.isEmpty)
    }

    @Test("refuses what is not JSON, a content coding and a query")
    func malformed() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: try .unsigned(.simple()))
        #expect(await router.deliver("{").status == 400)
        #expect(await router.deliver("{\"a\":1,\"a\":2}").code == "duplicate_key")
        #expect(await router.deliver("").status == 400)
        #expect(await router.deliver("a=1&a=2", type: "application/x-www-form-urlencoded").status == 422)
        #expect(await router.deliver("{}", ["Content-Encoding": "gzip"]).status == 415)
        let query = await router.request(.post, "/v1/hooks/h", query: "a=1", body: "{}")
        #expect(query.status == 422)
        #expect(emitter.calls.isEmpty)
    }

    // MARK: Who

    @Test("refuses what is not signed, before it is read, and says no more than that")
    func notAuthentic() async throws {
        let emitter = RecordingEmitter()
        let deliveries = DeliveryStore()
        let router = router(emitter, hooks: try github(), deliveries: deliveries)
        var texts = Set<String>()
        for (headers, body) in [
            ([], Self.body), ([("X-Hub-Signature-256", "sha256=00")], Self.body), (signed("other"), Self.body),
            (signed() + signed(), Self.body), ([("X-Hub-Signature-256", "x")], "not JSON"), (signed("x"), ""),
        ] {
            let response = await router.deliver(
                Array(body.utf8), to: "/v1/hooks/h", headers + [("X-GitHub-Delivery", "1"), ("X-Request-Id", "same")],
                type: "application/json")
            #expect(response.status == 401)
            #expect(response.code == "not_authentic")
            #expect(response.field("WWW-Authenticate") != nil)
            texts.insert(response.text)
        }
        #expect(texts.count == 1)
        #expect(emitter.calls.isEmpty)
        #expect(deliveries.count == 0)
        #expect(await deliver(router, id: "1").status == 200)
    }

    @Test("needs no API key, since it is signed")
    func needsNoKey() async throws {
        let router = router(access: .key("secret"), hooks: try github())
        #expect(await deliver(router).status == 200)
        #expect(await router.deliver("{}").status == 401)
        #expect(await router.deliver("{}", ["Authorization": "Bearer secret"]).code == "not_authentic")
        #expect(await router.request(.post, "/v1/emit", body: "{\"event\":\"e\"}").status == 401)
    }

    @Test("of another name is not there, whatever comes with it")
    func unknown() async throws {
        let router = router(access: .key("secret"), hooks: try github())
        for path in [
            "/v1/hooks/x", "/v1/hooks/H", "/v1/hooks/%68", "/v1/hooks/h/", "/v1/hooks/", "/v1/hooks", "/v1/hooks/h/h",
        ] {
            let response = await deliver(router, to: path)
            #expect(response.status == 404, "\(path)")
            // Where there is no hook at all.
            let other = RoutesTests.router(access: .key("secret"))
            let nowhere = await other.deliver("", to: path, ["X-Request-Id": "i"])
            let here = await router.deliver(Array(Self.body.utf8), to: path, [("X-Request-Id", "i")], type: nil)
            #expect(here.text == nowhere.text)
            #expect(!path.hasPrefix("/v1/hooks/h") || !here.text.contains("/v1/hooks/h"))
        }
        #expect(await router.deliver("", to: "/v1/hooks/x").text.contains("there is no hook of this name"))
        #expect(await router.deliver("", to: "/v1/hooks/x", ["Authorization": "Bearer secret"]).status == 404)
    }

    @Test("is there for programs of this machine only, where nobody else is served and nothing is signed")
    func loopback() async throws {
        let signing = router(access: .loopbackOnly, hooks: try github())
        let headers = signed() + [("Host", "tunnel.example.com")]
        let tunnelled = await signing.deliver(
            Array(Self.body.utf8), to: "/v1/hooks/h", headers, type: "application/json")
        #expect(tunnelled.status == 200)
        let router = router(access: .loopbackOnly, hooks: try .unsigned(.simple()))
        #expect(await router.deliver("{}", ["Host": "tunnel.example.com"]).status == 403)
        for (router, status) in [(signing, 204), (router, 403)] {
            let asked = await router.deliver("", ["Host": "tunnel.example.com"], method: .options, type: nil)
            #expect(asked.status == status)
        }
        #expect(await router.deliver("{}").status == 200)
        #expect(await router.deliver("{}", ["Origin": "https://evil.com"]).status == 403)
    }

    @Test("is not there for web pages where nothing is signed and others need a key, unless they are allowed")
    func pages() async throws {
        let hooks = try HookTable.unsigned(.simple())
        let closed = router(access: .key("k"), cors: CORSPolicy(text: "https://a")!, hooks: hooks)
        #expect(await closed.deliver("{}").status == 200)
        #expect(await closed.deliver("{}", ["Origin": "https://a"]).status == 200)
        let refused = await closed.deliver("{}", ["Origin": "https://evil.com"])
        #expect(refused.status == 403)
        #expect(refused.code == "origin_not_allowed")
        #expect(await router(hooks: hooks).deliver("{}", ["Origin": "https://evil.com"]).status == 200)
        let signed = await router(access: .key("k"), hooks: try github()).deliver(
            Array(Self.body.utf8), to: "/v1/hooks/h", signed() + [("Origin", "https://evil.com")],
            type: "application/json")
        #expect(signed.status == 200)
    }

    @Test("takes POST, and nothing else")
    func methods() async throws {
        let router = router(hooks: try github())
        for method in HTTPMethod.allCases where method != .post && method != .options {
            let response = await router.request(method, "/v1/hooks/h")
            #expect(response.status == 405)
            #expect(response.field("Allow") == "OPTIONS, POST")
        }
    }

    // MARK: Limits

    @Test("has a body limit of its own")
    func bodyLimits() async throws {
        for (bytes, limit) in [(nil, 100), (10, 10), (1_000, 1_000), (100_000, 5_000)] as [(Int?, Int)] {
            let hook = try Hook(
                name: "h", scheme: "none", values: SchemeValues(secrets: []), mapping: .simple(), bodyBytes: bytes)
            let router = router(bodyBytes: 100, hooks: HookTable([hook])) { $0.batchBytes = 5_000 }
            for (length, status) in [(limit, 200), (limit + 1, 413)] {
                let body = "\"" + String(repeating: "x", count: length - 2) + "\""
                #expect(await router.deliver(body).status == status, "\(limit) \(length)")
            }
        }
    }

    @Test("is held to a rate by what is signed only, and says when to come again")
    func rates() async throws {
        let table = try github(rate: Rate(2, per: .seconds(3_600), burst: 1))
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: table)
        for _ in 0..<3 { #expect(await router.deliver("{}").status == 401) }
        #expect(await deliver(router, id: "1").status == 200)
        let response = await deliver(router, id: "2")
        #expect(response.status == 429)
        #expect(response.code == "rate_limited")
        // The second may come some seconds behind the first.
        let wait = response.field("Retry-After").flatMap(Int.init)
        #expect(wait.map { (1_700...1_800).contains($0) } == true)
        #expect(emitter.calls.count == 1)
    }

    @Test("is refused with everything else when there is too much to do")
    func overload() throws {
        let router = router(hooks: try github())
        let head = RequestHead(
            method: .post, path: "/v1/hooks/h",
            fields: HeaderFields([("Host", "h"), ("Content-Type", "application/json")]))
        #expect(router.admit(head, isOverloaded: true).refusal?.status == 503)
    }

    // MARK: Again

    @Test("emits a delivery once, over all event loops")
    func deduplicates() async throws {
        let emitters = [RecordingEmitter(), RecordingEmitter()]
        let deliveries = DeliveryStore()
        let hooks = try github()
        for emitter in emitters {
            let router = router(emitter, hooks: hooks, deliveries: deliveries)
            for _ in 0..<2 {
                let response = await deliver(router, id: "1")
                #expect(response.status == 200)
                let isFirst = emitter === emitters[0] && response.outcome == "confirmed"
                #expect(isFirst || response.text == "{\"status\":\"duplicate\"}\n")
            }
            #expect(await deliver(router, id: emitter === emitters[0] ? "2" : "3").outcome == "confirmed")
        }
        #expect(emitters.map(\.calls.count) == [2, 1])
    }

    @Test("emits every delivery that has no id")
    func withoutID() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: try github())
        for _ in 0..<3 { #expect(await deliver(router).outcome == "confirmed") }
        #expect(await deliver(router, id: "").outcome == "confirmed")
        #expect(await deliver(router, id: "").outcome == "confirmed")
        #expect(emitter.calls.count == 5)
    }

    @Test("has deliveries of its own")
    func hooksAreApart() async throws {
        let emitter = RecordingEmitter()
        let hooks = try ["a", "b"].map {
            try Hook(
                name: $0, scheme: "none", values: SchemeValues(secrets: []), mapping: .simple(), deliveryID: "{/id}")
        }
        let router = router(emitter, hooks: HookTable(hooks))
        for path in ["/v1/hooks/a", "/v1/hooks/b"] {
            #expect(await router.deliver(Self.body, to: path).outcome == "confirmed")
            #expect(await router.deliver(Self.body, to: path).outcome == "duplicate")
        }
        #expect(emitter.calls.count == 2)
    }

    @Test(
        "has its deliveries' ids from where it is told",
        arguments: [
            ("{header:X-Delivery}", true), ("{/id}", true), ("{/id}:{header:X-Delivery}", true), ("{/nothing}", false),
        ])
    func configuredIDs(template: String, isKnown: Bool) async throws {
        let router = router(hooks: try .unsigned(.simple(), deliveryID: template))
        for attempt in 0..<2 {
            let response = await router.deliver(Self.body, ["X-Delivery": "7"])
            #expect(response.outcome == (attempt > 0 && isKnown ? "duplicate" : "confirmed"))
        }
        #expect(
            fault { _ = try HookTable.unsigned(.simple(), deliveryID: "{id}") }?.hasPrefix("deliveryId: braces") == true
        )
    }

    @Test(
        "gives a delivery free that was not confirmed, so that its sender can try again",
        arguments: [
            (.notPublished(.brokerUnavailable), 503), (.notPublished(.unknown(.confirmTimedOut)), 504),
            (.notPublished(.brokerNack), 503), (.notPublished(.overloaded), 503),
            (.notExpressible(CommandFault(CommandField("rooms", index: 0), "no")), 422),
        ] as [(EmitError, Int)])
    func releases(error: EmitError, status: Int) async throws {
        let deliveries = DeliveryStore()
        let hooks = try github()
        let failing = router(RecordingEmitter(.failure(error)), hooks: hooks, deliveries: deliveries)
        #expect(await deliver(failing, id: "1").status == status)
        #expect(deliveries.count == 0)
        #expect(await deliver(router(hooks: hooks, deliveries: deliveries), id: "1").outcome == "confirmed")
    }

    @Test("asks the sender to come again while the first is under way")
    func inFlight() async throws {
        let gate = Gate()
        let emitter = RecordingEmitter(gate: gate)
        let (deliveries, hooks) = (DeliveryStore(), try github())
        let slow = router(emitter, hooks: hooks, deliveries: deliveries)
        let first = Task { await deliver(slow, id: "1") }
        while emitter.calls.isEmpty { await Task.yield() }
        let other = RecordingEmitter()
        let again = await deliver(router(other, hooks: hooks, deliveries: deliveries), id: "1")
        #expect(again.status == 503)
        #expect(again.code == "delivery_in_flight")
        #expect(again.field("Retry-After") == "1")
        #expect(other.calls.isEmpty)
        gate.open()
        #expect(await first.value.outcome == "confirmed")
        #expect(await deliver(router(other, hooks: hooks, deliveries: deliveries), id: "1").outcome == "duplicate")
    }

    @Test("knows what each provider calls a delivery")
    func providersIDs() async throws {
        let slackBody = "{\"type\":\"event_callback\",\"event_id\":\"Ev1\"}"
        for (scheme, secret, body, headers) in [
            ("stripe", "s", Self.body, [("Stripe-Signature", "t=1000,v1=" + hex(hmac("1000." + Self.body, "s")))]),
            (
                "slack", "s", slackBody,
                [
                    ("X-Slack-Request-Timestamp", "1000"),
                    ("X-Slack-Signature", "v0=" + hex(hmac("v0:1000:" + slackBody, "s"))),
                ]
            ),
            (
                "standard-webhooks", Base64.encode(Array("s".utf8)), Self.body,
                [
                    ("svix-id", "i"), ("svix-timestamp", "1000"),
                    ("svix-signature", "v1," + Base64.encode(hmac("i.1000." + Self.body, "s"))),
                ]
            ),
        ] as [(String, String, String, [(String, String)])] {
            let hook = try Hook(name: "h", scheme: scheme, values: SchemeValues(secrets: [secret]), mapping: .simple())
            let router = router(hooks: HookTable([hook]), clock: 1_000)
            for outcome in ["confirmed", "duplicate"] {
                let response = await router.deliver(
                    Array(body.utf8), to: "/v1/hooks/h", headers, type: "application/json")
                #expect(response.outcome == outcome)
            }
        }
    }

    @Test("does not know Idempotency-Keys")
    func idempotencyKeys() async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, hooks: try .unsigned(.simple()))
        for _ in 0..<2 { #expect(await router.deliver("{}", ["Idempotency-Key": "k"]).outcome == "confirmed") }
        #expect(emitter.calls.count == 2)
    }

    // MARK: Configuration

    @Test("can be replaced while requests are served")
    func replaced() async throws {
        let router = router(hooks: try github())
        #expect(await deliver(router).status == 200)
        router.hooks = try github("other")
        #expect(await deliver(router).status == 404)
        #expect(await deliver(router, to: "/v1/hooks/other").status == 200)
        router.hooks = .none
        #expect(await deliver(router, to: "/v1/hooks/other").status == 404)
    }

    @Test("is for a delivery what it was when its head came")
    func replacedMeanwhile() async throws {
        let emitter = RecordingEmitter()
        // Signed, so that any Host may send it; and then one that asks nothing of a delivery but to come from this machine.
        let router = router(emitter, hooks: try github("h"))
        let head = RequestHead(
            method: .post, path: "/v1/hooks/h",
            fields: HeaderFields([("Host", "h"), ("Content-Type", "application/json")]))
        for next in [try HookTable.unsigned(.simple()), .none] {
            router.hooks = try github("h")
            let admission = router.admit(head)
            #expect(admission.refusal == nil)
            router.hooks = next
            admission.request.body = Array("{}".utf8)
            #expect(await router.answer(to: admission.request).status == 401)
        }
        #expect(emitter.calls.isEmpty)
    }

    @Test("is configured with what makes sense")
    func configuration() throws {
        func hook(
            _ name: String = "h", bodyBytes: Int? = nil, confirmWait: Duration = .seconds(1), origins: [String] = [],
            rate: Int? = nil
        ) throws {
            _ = try Hook(
                name: name, scheme: "none", values: SchemeValues(secrets: []), mapping: .simple(), bodyBytes: bodyBytes,
                confirmWait: confirmWait, allowedOrigins: origins, allowedRate: rate)
        }
        for name in ["h", "A-z.0_9~", String(repeating: "n", count: 64)] { #expect(fault { try hook(name) } == nil) }
        for name in ["", "a/b", "a b", "é", "a%20", "a?", String(repeating: "n", count: 65)] {
            #expect(fault { try hook(name) }?.hasPrefix("name: ") == true)
        }
        #expect(fault { try hook(bodyBytes: 0) } == "maxBodyBytes: must be 1 or more")
        for wait in [.zero, .seconds(-1), .seconds(3), .milliseconds(2_901)] as [Duration] {
            #expect(fault { try hook(confirmWait: wait) } == "confirmTimeout: must be more than 0 and less than 3s")
        }
        #expect(fault { try hook(confirmWait: .milliseconds(2_900)) } == nil)
        #expect(fault { try hook(origins: ["a.example", ""]) } == "allowedOrigins[1]: must be a host name or '*'")
        #expect(fault { try hook(origins: ["a\r\nb"]) } == "allowedOrigins[0]: must be a host name or '*'")
        #expect(fault { try hook(rate: 0) } == "allowedRate: must be 1 or more, in a minute")
    }
}
