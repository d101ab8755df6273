import Testing

@testable import Routes

@Suite("The report of a request")
struct RequestReportTests {
    private static let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("says what was asked and answered, and how long it took")
    func answered() async throws {
        let router = router()
        let response = await router.request(
            .post, "/v1/emit", [.requestID: "mine", .traceparent: Self.trace], body: "{\"event\":\"e\"}")
        #expect(
            try text(router, response) == [
                "requestId=mine", "method=POST", "path=/v1/emit", "route=/v1/emit", "status=200", "durationMs=1234.567",
                "client=192.0.2.1", "traceId=4bf92f3577b34da6a3ce929d0e0e4736",
            ])
    }

    @Test("says which problem it was, and of which route")
    func problem() async throws {
        let router = router()
        let response = await router.request(.get, "/v1/sockets/a%20b", [.requestID: "r"])
        #expect(
            try text(router, response) == [
                "requestId=r", "method=GET", "path=/v1/sockets/a%20b", "route=/v1/sockets/{id}", "status=503",
                "code=no_servers", "durationMs=1234.567", "client=192.0.2.1",
            ])
        let unknown = await router.request(.other, "/x", [.requestID: "r"])
        #expect(
            try text(router, unknown) == [
                "requestId=r", "method=other", "path=/x", "route=other", "status=404", "code=not_found",
                "durationMs=1234.567", "client=192.0.2.1",
            ])
    }

    @Test("has the name of the key, if there is one")
    func key() async throws {
        let router = router(access: .key("secret", scopes: [.readRooms]))
        // Also of one that may not do it.
        for (path, name) in [("/v1/rooms", "key=a key"), ("/v1/servers", "key=a key"), ("/livez", nil)] {
            let response = await router.request(.get, path, [.apiKey: "secret"])
            let keys = try text(router, response).filter { $0.hasPrefix("key=") }
            #expect(keys == (name.map { [$0] } ?? []), "\(path)")
        }
        #expect(
            try text(router, await router.request(.get, "/v1/rooms", [.apiKey: "x"])).allSatisfy {
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
            let response = await router.request(
                .post, path, query: query, headers, body: "{\"event\":\"secret\",\"secret\":1}")
            let shown = try text(router, response).filter { !$0.hasPrefix("path=") }
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
            let response = await router.request(.get, path)
            #expect(shown.utf8.count <= 200)
            #expect(try text(router, response).contains("path=" + shown))
        }
    }

    @Test(
        "matters by its status",
        arguments: [
            (200, .debug), (202, .debug), (204, .debug), (207, .debug), (400, .info), (401, .warning), (403, .warning),
            (404, .info), (422, .info), (429, .warning), (431, .info), (500, .error), (503, .error), (504, .error),
        ] as [(Int, RequestReport.Level)])
    func levels(status: Int, level: RequestReport.Level) async throws {
        let router = router()
        var response = await router.request(.get, "/openapi.yaml")
        response.status = status
        #expect(try report(router, response).level == level)
        for path in ["/livez", "/readyz", "/metrics"] {
            response = await router.request(.get, path)
            response.status = status
            #expect(try report(router, response).level == (status < 400 ? .trace : level))
        }
    }

    @Test(
        "of a request that got no answer says why, and matters a little",
        arguments: [.clientLeft, .timedOut, .stopped] as [RequestReport.Outcome])
    func unanswered(outcome: RequestReport.Outcome) async throws {
        let router = router()
        for status in [200, 401, 504] {
            var response = await router.request(.get, "/livez")
            response.status = status
            let report = try report(router, response, outcome)
            #expect(report.level == .info)
            let shown = report.fields.map { "\($0.name)=\($0.value)" }
            #expect(shown.contains("outcome=\(outcome.rawValue)") && shown.contains("status=\(status)"))
        }
        let subject = try #require(await router.request(.get, "/livez").subject)
        let report = RequestReport(
            subject, nil, outcome, client: "c", duration: .zero, counters: router.counters)
        #expect(report.level == .info)
        #expect(
            report.fields.map(\.name) == ["requestId", "method", "path", "route", "outcome", "durationMs", "client"])
    }

    @Test("does not show what a handler said whose caller had left")
    func untold() async throws {
        let router = router(readiness: .shuttingDown)
        let response = await router.request(.get, "/readyz")
        #expect(try !text(router, response, .clientLeft).contains { $0.hasPrefix("status") || $0.hasPrefix("code") })
        #expect(try text(router, response).contains("code=shutting_down"))
    }

    @Test("is there for all that is refused before it has a route")
    func refused() async throws {
        let router = router()
        let head = RequestHead(method: .get, path: "/\u{1B}[31m")
        for response in [router.refuseMalformed(head, "x"), router.refuseLargeHead(head)] {
            let report = try report(router, response)
            #expect(report.level == .info)
            #expect(report.fields.contains { $0 == ("route", "other") })
            #expect(report.fields.contains { $0 == ("path", "/\u{1B}[31m") })
        }
        #expect(await router.request(.options, "/v1/emit").subject != nil)
        guard case .admitted(let admitted) = router.admit(RequestHead(method: .get, path: "/livez", isHTTP10: true))
        else { return #expect(Bool(false)) }
        for response in [router.refuseLongBody(admitted), router.refuseForMemory(admitted)] {
            #expect(response.subject === admitted.subject && response.code != nil)
        }
    }

    private func report(
        _ router: Router, _ response: Response, _ outcome: RequestReport.Outcome = .answered
    ) throws -> RequestReport {
        RequestReport(
            try #require(response.subject), RequestReport.Answer(response), outcome, client: "192.0.2.1",
            duration: .nanoseconds(1_234_567_890), counters: router.counters)
    }

    private func text(
        _ router: Router, _ response: Response, _ outcome: RequestReport.Outcome = .answered
    ) throws -> [String] {
        try report(router, response, outcome).fields.map { "\($0.name)=\($0.value)" }
    }
}
