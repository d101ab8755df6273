import AMQPBridge
import Testing

@testable import Routes

@Suite("The report of a request")
struct RequestReportTests {
    private static let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("says what was asked and answered, and how long it took")
    func answered() async throws {
        let router = router()
        let response = await router.exchange(
            .post, "/v1/emit", [.requestID: "mine", .traceparent: Self.trace], body: "{\"event\":\"e\"}")
        #expect(
            text(router, response) == [
                "requestId=mine", "method=POST", "path=/v1/emit", "route=/v1/emit", "status=200", "durationMs=1234.567",
                "client=192.0.2.1", "traceId=4bf92f3577b34da6a3ce929d0e0e4736", "id=01J", "event=e", "rooms=0",
                "routed=true",
            ])
    }

    @Test("has an emit's id, event, number of rooms, and whether there was anybody")
    func emits() async throws {
        let results: [String: Result<Receipt, EmitError>] = [
            "none": .success(Receipt(id: "01A", routed: false, reason: .noMember)),
            "unknown": .success(Receipt(id: "01B", routed: nil)),
            "broken": .failure(.notPublished(.brokerUnavailable)),
            "refused": .failure(.notExpressible(CommandFault(CommandField("except"), "cannot"))),
        ]
        let router = router(RecordingEmitter(results))
        for (event, rooms, said) in [
            ("none", "[\"a\",\"b\"]", ["id=01A", "event=none", "rooms=2", "routed=false", "reason=no_member"]),
            ("unknown", "[\"a\"]", ["id=01B", "event=unknown", "rooms=1", "routed=null"]),
            (
                "broken", "[\"a\"]",
                ["detail=there is no connection to RabbitMQ; nothing was published", "event=broken", "rooms=1"]
            ),
            ("refused", "[\"a\"]", ["pointer=/except", "detail=/except: cannot", "event=refused", "rooms=1"]),
        ] {
            let response = await router.exchange(posting: "{\"event\":\"\(event)\",\"rooms\":\(rooms)}")
            #expect(text(router, response).suffix(said.count) == said[...])
        }
        // To servers, which are in no rooms.
        let servers = await router.exchange(.post, "/v1/servers/emit", body: "{\"event\":\"e\"}")
        #expect(text(router, servers).suffix(3) == ["id=01J", "event=e", "routed=true"])
    }

    @Test("says of an emit that was only checked that it was")
    func dryRuns() async throws {
        let router = router()
        let response = await router.exchange(posting: "{\"event\":\"e\",\"rooms\":[\"a\"],\"dryRun\":true}")
        #expect(text(router, response).suffix(3) == ["dryRun=true", "event=e", "rooms=1"])
        let emitter = RecordingEmitter()
        emitter.answers.withLock { $0.dryRun = ["e": .failure(.notPublished(.brokerUnavailable))] }
        let refusing = RoutesTests.router(emitter)
        let refused = await refusing.exchange(posting: "{\"event\":\"e\",\"rooms\":[\"a\"],\"dryRun\":true}")
        #expect(refused.response.status == 503)
        #expect(text(refusing, refused).suffix(3) == ["dryRun=true", "event=e", "rooms=1"])
    }

    @Test("has an emit's id although it was answered before")
    func replays() async throws {
        let router = router()
        for _ in 0..<2 {
            let response = await router.exchange(posting: "{\"event\":\"e\"}", [.idempotencyKey: "k"])
            #expect(text(router, response).contains("id=01J"))
        }
    }

    @Test("has at most 100 bytes of an event's name, in whole characters")
    func longEvents() async throws {
        let router = router()
        for (event, shown) in [
            (String(repeating: "x", count: 100), String(repeating: "x", count: 100)),
            (String(repeating: "é", count: 60), String(repeating: "é", count: 48) + "…"),
        ] {
            let response = await router.exchange(posting: "{\"event\":\"\(event)\"}")
            #expect(text(router, response).contains("event=" + shown))
        }
    }

    @Test("has a batch's numbers, and what is wrong with the first item that has failed")
    func batches() async throws {
        let router = router()
        let good = await router.exchange(batch: "{\"items\":[{\"event\":\"a\"},{\"event\":\"b\"}]}")
        #expect(text(router, good).suffix(3) == ["items=2", "confirmed=2", "failed=0"])
        #expect(report(router, good).level == .debug)
        let mixed = await router.exchange(batch: "{\"items\":[{\"event\":\"a\"},{\"event\":\"b\",\"rooms\":1.5},{}]}")
        #expect(mixed.response.status == 207)
        let said = text(router, mixed).suffix(7)
        #expect(
            said.dropLast() == [
                "items=3", "confirmed=1", "failed=2", "item=1", "itemCode=invalid_request", "pointer=/rooms",
            ])
        #expect(said.last?.hasPrefix("detail=/rooms: must be ") == true)
        #expect(report(router, mixed).level == .info)
    }

    @Test("has why the gateway has ended a stream, and matters if its reader goes without the rest")
    func streams() async throws {
        let cases: [(StreamEnd?, RequestReport.Level, [String])] = [
            (nil, .debug, ["bytes=7"]), (.stopping, .debug, ["bytes=7", "ended=stopping"]),
            (.notAdmitted, .info, ["bytes=7", "ended=not admitted"]), (.tooSlow, .info, ["bytes=7", "ended=too slow"]),
        ]
        for (ending, level, said) in cases {
            for path in ["/v1/events", "/v1/tail"] {
                let router = router(events: EventFeed())
                let exchange = await router.exchange(.get, path)
                if let ending { try #require(exchange.request.stream).end(ending) }
                exchange.request.noteStreamed(bytes: 7)
                #expect(report(router, exchange).level == level)
                #expect(text(router, exchange).suffix(said.count) == said[...])
                let isUsual = RequestReport.isUsual(exchange.request, RequestReport.Answer(exchange.response))
                #expect(isUsual == (level == .debug))
            }
        }
    }

    @Test("has what became of a delivery, and matters as much as one that is refused")
    func deliveries() async throws {
        let conditions = try [
            HookCondition(value: "{/kind}", .equals("a")), HookCondition(value: "{/number}", .isOneOf(["1", "2"])),
        ]
        let mapping = try EmitMapping(event: "e", rooms: ["r"], when: conditions)
        let router = router(hooks: try .unsigned(mapping, deliveryID: "{/id}"))
        for (body, said) in [
            (
                "{\"kind\":\"a\",\"number\":1,\"id\":1}",
                ["delivery=emitted", "id=01J", "event=e", "rooms=1", "routed=true"]
            ),
            ("{\"kind\":\"a\",\"number\":1,\"id\":1}", ["delivery=duplicate"]),
            ("{\"number\":1}", ["delivery=ignored", "condition=when[0] ({/kind})"]),
            ("{\"kind\":\"a\"}", ["delivery=ignored", "condition=when[1] ({/number})"]),
        ] {
            let response = await router.exchange(delivering: body)
            #expect(text(router, response).suffix(said.count) == said[...])
            #expect(report(router, response).level == .info)
        }
    }

    @Test("of a challenge says that it was answered")
    func challenge() async throws {
        let hook = try Hook(name: "h", scheme: "slack", values: SchemeValues(secrets: ["s"]), mapping: .simple())
        let router = router(hooks: HookTable([hook]), clock: 1_000)
        let body = "{\"type\":\"url_verification\",\"challenge\":\"secret\"}"
        let code = "v0=" + hex(hmac("v0:1000:\(body)", "s"))
        let response = await router.exchange(
            delivering:
                body, ["X-Slack-Signature": code, "X-Slack-Request-Timestamp": "1000"])
        #expect(text(router, response).last == "delivery=challenge")
        #expect(report(router, response).level == .info)
    }

    @Test("says which signature was wrong, and how")
    func signatures() async throws {
        let hook = try Hook(name: "h", scheme: "slack", values: SchemeValues(secrets: ["s"]), mapping: .simple())
        let router = router(hooks: HookTable([hook]), clock: 2_000)
        let right = "v0=" + hex(hmac("v0:1000:{}", "s"))
        var answers: Set<String> = []
        for (signature, reason) in [
            (nil, "missing_header"), ("x", "malformed_header"), ("v0=00", "wrong_secret"), (right, "clock_off"),
        ] {
            let response = await router.exchange(
                delivering:
                    Array("{}".utf8), to: "/v1/hooks/h",
                [("X-Slack-Request-Timestamp", "1000"), ("X-Request-Id", "r")]
                    + (signature.map { [("X-Slack-Signature", $0)] } ?? []), type: "application/json")
            #expect(text(router, response).contains("reason=\(reason)"))
            #expect(report(router, response).level == .warning)
            answers.insert(response.response.text)
        }
        #expect(answers.count == 1)
    }

    @Test("tells an unknown key from an expired one and from none")
    func credentials() async throws {
        let keys = [APIKey("old", name: "ci", expires: 1)]
        let router = router(access: AccessPolicy(keys: keys, keyless: .nobody) { 1 })
        for (headers, reason, key) in [
            ([:], "no_key", nil), ([.apiKey: "x"], "unknown_key", nil), ([.apiKey: "old"], "expired_key", "ci"),
            ([.authorization: "old"], "malformed_key", nil),
        ] as [(KeyValuePairs<HeaderName, String>, String, String?)] {
            let said = text(router, await router.exchange(.get, "/v1/rooms", headers))
            #expect(said.contains("reason=\(reason)"))
            #expect(said.filter { $0.hasPrefix("key=") } == (key.map { ["key=\($0)"] } ?? []))
        }
    }

    @Test("has the first fault of a request that is refused, and where it is")
    func faults() async throws {
        let router = router()
        let response = await router.exchange(posting: "{\"event\":\"e\",\"room\":\"r\",\"rooms\":\"r\"}")
        let said = text(router, response)
        #expect(said.contains("pointer=/room") && said.contains { $0.hasPrefix("detail=/room: no such field") })
        let syntax = text(router, await router.exchange(posting: "{"))
        #expect(syntax.contains { $0.hasPrefix("detail=") } && !syntax.contains { $0.hasPrefix("pointer=") })
    }

    @Test("says which problem it was, and of which route")
    func problem() async throws {
        let router = router()
        let response = await router.exchange(.get, "/v1/sockets/a%20b", [.requestID: "r"])
        let said = text(router, response)
        #expect(
            said.dropLast() == [
                "requestId=r", "method=GET", "path=/v1/sockets/a%20b", "route=/v1/sockets/{id}", "status=503",
                "code=no_servers", "durationMs=1234.567", "client=192.0.2.1",
            ])
        #expect(said.last?.hasPrefix("detail=") == true)
        let unknown = text(router, await router.exchange(.other, "/x", [.requestID: "r"]))
        #expect(
            unknown.dropLast() == [
                "requestId=r", "method=other", "path=/x", "route=other", "status=404", "code=not_found",
                "durationMs=1234.567", "client=192.0.2.1",
            ])
        #expect(unknown.last?.hasPrefix("detail=nothing is here") == true)
    }

    @Test("has the name of the key, if there is one")
    func key() async throws {
        let router = router(access: .key("secret", scopes: [.readRooms]))
        // Also of one that may not do it.
        for (path, name) in [("/v1/rooms", "key=a key"), ("/v1/servers", "key=a key"), ("/livez", nil)] {
            let response = await router.exchange(.get, path, [.apiKey: "secret"])
            let keys = text(router, response).filter { $0.hasPrefix("key=") }
            #expect(keys == (name.map { [$0] } ?? []), "\(path)")
        }
        #expect(
            text(router, await router.exchange(.get, "/v1/rooms", [.apiKey: "x"])).allSatisfy {
                !$0.hasPrefix("key=")
            })
    }

    @Test("has nothing of a query, of a body or of credentials")
    func secrets() async throws {
        let router = router(access: .key("secret"))
        let headers: KeyValuePairs<HeaderName, String> = [
            .authorization: "Bearer secret", .idempotencyKey: "secret", .origin: "secret", .requestID: "sec ret",
            .traceparent: "secret", .tracestate: "secret",
        ]
        for (path, query) in [("/v1/emit", ""), ("/v1/emit", "key=secret"), ("/secretless", "key=secret")] {
            let response = await router.exchange(
                .post, path, query: query, headers, body: "{\"event\":1,\"rooms\":[\"secret\"],\"data\":\"secret\"}")
            let shown = text(router, response).filter { !$0.hasPrefix("path=") }
            #expect(!shown.joined().contains("secret"))
        }
    }

    @Test("has at most 200 bytes of the path, in whole characters")
    func longPaths() async throws {
        let router = router()
        for (path, shown) in [
            ("/" + String(repeating: "x", count: 199), "/" + String(repeating: "x", count: 199)),
            ("/" + String(repeating: "x", count: 200), "/" + String(repeating: "x", count: 196) + "…"),
            ("/" + String(repeating: "é", count: 200), "/" + String(repeating: "é", count: 98) + "…"),
            ("/x" + String(repeating: "é", count: 200), "/x" + String(repeating: "é", count: 97) + "…"),
        ] {
            let response = await router.exchange(.get, path)
            #expect(shown.utf8.count <= 200)
            #expect(text(router, response).contains("path=" + shown))
        }
    }

    @Test(
        "matters by its status",
        arguments: [
            (200, .debug), (202, .debug), (204, .debug), (207, .info), (400, .info), (401, .warning), (403, .warning),
            (404, .info), (422, .info), (429, .warning), (431, .info), (500, .error), (503, .error), (504, .error),
        ] as [(Int, RequestReport.Level)])
    func levels(status: Int, level: RequestReport.Level) async throws {
        let router = router()
        var response = await router.exchange(.get, "/openapi.yaml")
        response.response.status = status
        #expect(report(router, response).level == level)
        for path in ["/livez", "/readyz", "/metrics"] {
            response = await router.exchange(.get, path)
            response.response.status = status
            #expect(report(router, response).level == (level == .debug ? .trace : level))
        }
    }

    @Test(
        "of a request that got no answer says why, and matters a little",
        arguments: [.clientLeft, .timedOut, .stopped] as [RequestReport.Outcome])
    func unanswered(outcome: RequestReport.Outcome) async throws {
        let router = router()
        for status in [200, 401, 504] {
            var response = await router.exchange(.get, "/livez")
            response.response.status = status
            let report = report(router, response, outcome)
            #expect(report.level == .info)
            let shown = report.fields.map { "\($0.name)=\($0.value)" }
            #expect(shown.contains("outcome=\(outcome.rawValue)") && shown.contains("status=\(status)"))
        }
        let request = await router.exchange(.get, "/livez").request
        let report = RequestReport(
            request, nil, outcome, client: "c", duration: .zero, counters: router.counters)
        #expect(report.level == .info)
        #expect(
            report.fields.map(\.name) == ["requestId", "method", "path", "route", "outcome", "durationMs", "client"])
    }

    @Test(
        "says that a page may not call whose browser has asked: nobody else hears of it",
        arguments: ["/v1/emit", "/v1/cloudevents", "/v1/hooks/h", "/livez"])
    func refusedPreflights(path: String) async throws {
        let page: KeyValuePairs<HeaderName, String> = [.origin: "https://a", .accessControlRequestMethod: "POST"]
        for (origins, isRefused) in [("none", true), ("https://b", true), ("https://a", false)] {
            let router = router(
                access: .key("k"), cors: try #require(CORSPolicy(text: origins)),
                hooks: try HookTable.unsigned(.simple()))
            // What may call a hook that is not signed is told at once.
            if path == "/v1/hooks/h", isRefused { continue }
            let response = await router.exchange(.options, path, page)
            #expect(response.response.status == 204)
            let report = report(router, response)
            #expect(report.fields.contains { $0.value.contains("GATEWAY_CORS_ORIGINS") } == isRefused)
            #expect((report.level == .info) == isRefused)
            #expect(!report.fields.contains { $0.value.contains("https://") })
            let other = await router.exchange(.options, path)
            #expect(self.report(router, other).fields.allSatisfy { $0.name != "detail" })
        }
    }

    @Test("does not show what a handler said whose caller had left")
    func untold() async throws {
        let router = router(readiness: .shuttingDown)
        let response = await router.exchange(.get, "/readyz")
        #expect(!text(router, response, .clientLeft).contains { $0.hasPrefix("status") || $0.hasPrefix("code") })
        #expect(text(router, response).contains("code=shutting_down"))
    }

    @Test("is there for all that is refused before it has a route")
    func refused() async throws {
        let router = router()
        let head = RequestHead(method: .get, path: "/\u{1B}[31m")
        for admission in [router.refuseMalformed(head, "x"), router.refuseLargeHead(head)] {
            let refusal = try #require(admission.refusal)
            let report = report(router, Exchange(admission.request, refusal))
            #expect(report.level == .info)
            #expect(report.fields.contains { $0 == ("route", "other") })
            #expect(report.fields.contains { $0 == ("path", "/\u{1B}[31m") })
        }
        let admitted = router.admit(RequestHead(method: .get, path: "/livez", isHTTP10: true)).request
        for response in [router.refuseLongBody(admitted), router.refuseForMemory(admitted)] {
            #expect(response.code != nil)
            #expect(text(router, Exchange(admitted, response)).contains { $0.hasPrefix("detail=") })
        }
    }

    private func report(
        _ router: Router, _ exchange: Exchange, _ outcome: RequestReport.Outcome = .answered
    ) -> RequestReport {
        RequestReport(
            exchange.request, RequestReport.Answer(exchange.response), outcome, client: "192.0.2.1",
            duration: .nanoseconds(1_234_567_890), counters: router.counters)
    }

    private func text(
        _ router: Router, _ exchange: Exchange, _ outcome: RequestReport.Outcome = .answered
    ) -> [String] {
        report(router, exchange, outcome).fields.map { "\($0.name)=\($0.value)" }
    }
}

extension Router {
    fileprivate func exchange(
        posting body: String, _ headers: KeyValuePairs<HeaderName, String> = [:]
    ) async -> Exchange {
        await exchange(.post, "/v1/emit", headers, body: body)
    }

    fileprivate func exchange(batch body: String) async -> Exchange { await exchange(.post, "/v1/batch", body: body) }
}
