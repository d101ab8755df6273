import Testing

@testable import Routes

@Suite("The router")
struct RouterTests {
    private static let emit = "{\"event\":\"e\"}"

    @Test(
        "knows its paths exactly as they are",
        arguments: ["", "/v1", "/v1/emit/", "/v1//emit", "/V1/emit", "/v1/%65mit", "/livez/..", "/livez%00"])
    func notFound(path: String) async {
        for method in HTTPMethod.allCases {
            let response = await router().request(method, path)
            #expect(response.status == 404)
            #expect(response.code == "not_found")
        }
    }

    @Test(
        "says of a path that is not there which one may have been meant, and where all of them stand",
        arguments: [
            ("/v1/emit/", "/v1/emit"), ("/v1/emit//", "/v1/emit"), ("/emit", "/v1/emit"), ("/V1/Emit", "/v1/emit"),
            ("/v1/emits", "/v1/emit"), ("/emits/", "/v1/emit"), ("/v1/room", "/v1/rooms"),
            ("/v1/servers/emti", "/v1/servers/emit"),
            ("/v1/sockets/a/join/", "/v1/sockets/{id}/join"), ("/sockets/a", "/v1/sockets/{id}"),
            ("/v1/livez", "/livez"),
            ("/openapi.yml", "/openapi.yaml"),
            ("/v1/hooks", nil), ("//", "/"), ("", nil), ("/nothing/like/it", nil), ("/v1", nil),
            ("/v1/" + String(repeating: "x", count: 10_000), nil),
            // However many there are, they are not counted again and again.
            ("/emit" + String(repeating: "/", count: 200), nil),
        ] as [(String, String?)])
    func suggestions(path: String, suggested: String?) async throws {
        let response = await router().request(.get, path)
        let hint = suggested.map { "; did you mean \($0)?" } ?? ""
        #expect(
            try response.members()["detail"]?.string == "nothing is here\(hint) (GET /openapi.yaml lists the routes)")
    }

    @Test(
        "says what came instead of JSON, and how to send it",
        arguments: [
            (nil, "there is no Content-Type; send -H 'Content-Type: application/json', in UTF-8"),
            ("", "there is no Content-Type; send -H 'Content-Type: application/json', in UTF-8"),
            (
                "application/x-www-form-urlencoded",
                "Content-Type is 'application/x-www-form-urlencoded', as curl says unless told; "
                    + "send -H 'Content-Type: application/json', in UTF-8"
            ),
            (
                "application/x-ndjson",
                "; send -H 'Content-Type: application/json', in UTF-8 (many emits: POST /v1/batch)"
            ),
            ("application/json; charset=latin1", "Content-Type is 'application/json; charset=latin1'; send"),
            (
                "a\u{1B}[2J" + String(repeating: "x", count: 100),
                "Content-Type is 'a\u{FFFD}[2J" + String(repeating: "x", count: 59) + "…'; send"
            ),
        ] as [(String?, String)])
    func mediaTypeDetails(type: String?, detail: String) async throws {
        let headers: KeyValuePairs<HeaderName, String> = type.map { [.contentType: $0] } ?? [:]
        let response = await router().request(
            .post, "/v1/emit", headers, body: Self.emit, without: type == nil ? [.contentType] : [])
        #expect(response.status == 415)
        #expect(try response.members()["detail"]?.string?.contains(detail) == true, "\(response.text)")
    }

    @Test(
        "says which methods a path takes",
        arguments: [
            ("/v1/emit", [.post], "OPTIONS, POST"), ("/v1/batch", [.post], "OPTIONS, POST"),
            ("/livez", [.get, .head], "GET, HEAD, OPTIONS"),
            ("/readyz", [.get, .head], "GET, HEAD, OPTIONS"), ("/metrics", [.get, .head], "GET, HEAD, OPTIONS"),
            ("/openapi.yaml", [.get, .head], "GET, HEAD, OPTIONS"),
            ("/openapi.json", [.get, .head], "GET, HEAD, OPTIONS"),
            ("/problems", [.get, .head], "GET, HEAD, OPTIONS"),
        ] as [(String, [HTTPMethod], String)])
    func methods(path: String, taken: [HTTPMethod], allow: String) async {
        for method in HTTPMethod.allCases where !taken.contains(method) {
            let response = await router().request(method, path)
            #expect(response.status == (method == .options ? 204 : 405))
            #expect(response.field("Allow") == allow)
            #expect(response.code == (method == .options ? nil : "method_not_allowed"))
            #expect(response.body.isEmpty == (method == .options))
        }
        for method in taken {
            let body = path == "/v1/batch" ? "{\"items\":[\(Self.emit)]}" : Self.emit
            let response = await router().request(method, path, body: method == .post ? body : nil)
            #expect(response.status == 200)
        }
    }

    @Test(
        "knows the paths with a socket's id in them",
        arguments: [
            ("/v1/sockets/abc", "DELETE, GET, HEAD, OPTIONS"), ("/v1/sockets/%2F", "DELETE, GET, HEAD, OPTIONS"),
            ("/v1/sockets/x/join", "OPTIONS, POST"), ("/v1/sockets/join/leave", "OPTIONS, POST"),
            ("/v1/sockets/{id}", "DELETE, GET, HEAD, OPTIONS"), ("/v1/sockets/{id}/join", "OPTIONS, POST"),
            // Those that are there as they are come first.
            ("/v1/sockets/query", "OPTIONS, POST"), ("/v1/sockets/join", "OPTIONS, POST"),
            ("/v1/sockets", "GET, HEAD, OPTIONS"), ("/v1/counts", "GET, HEAD, OPTIONS, POST"),
            ("/v1/rooms", "GET, HEAD, OPTIONS"), ("/v1/servers", "GET, HEAD, OPTIONS"),
            ("/v1/servers/emit", "OPTIONS, POST"),
        ])
    func templates(path: String, allow: String) async {
        let response = await router().request(.options, path)
        #expect(response.status == 204)
        #expect(response.field("Allow") == allow)
    }

    @Test(
        "knows no other paths around them",
        arguments: [
            "/v1/sockets/", "/v1/sockets//join", "/v1/sockets/a/", "/v1/sockets/a/b", "/v1/sockets/a/b/join",
            "/v1/sockets/a/join/", "/v1/sockets/a/disconnect", "/v1/socketsjoin", "/v1/sockets/a/JOIN",
        ])
    func aroundTemplates(path: String) async {
        #expect(await router().request(.get, path).status == 404)
    }

    @Test("counts all ids of a path as one route")
    func countsTemplates() async {
        let router = router()
        for id in ["a", "b", "{id}"] { _ = await router.request(.get, "/v1/sockets/\(id)") }
        #expect(
            router.counters.samples.map { "\($0.route) \($0.method) \($0.status) \($0.count)" }
                == ["/v1/sockets/{id} GET 503 3"])
    }

    @Test(
        "takes JSON in UTF-8 only",
        arguments: [
            ("application/json", true), ("Application/JSON", true), ("application/json; charset=utf-8", true),
            ("application/json;charset=UTF-8", true), ("application/json ; charset=\"utf-8\"", true),
            ("application/json; profile=x", true), ("application/json;", true), ("", false), ("text/plain", false),
            ("application/jsonp", false), ("application/merge-patch+json", true), ("application/x-ndjson", false),
            ("text/json", true), ("application/json; charset=utf8", true), ("application/jsonl", false),
            ("application/json; charset=latin1", false), ("application/json; charset=utf-16", false),
            ("application/json; profile=x; charset=us-ascii", false), ("application/json, text/plain", false),
            ("application/x-www-form-urlencoded", false), ("multipart/form-data; boundary=x", false),
        ])
    func mediaTypes(type: String, isTaken: Bool) async {
        let response = await router().post(Self.emit, [.contentType: type])
        #expect(response.status == (isTaken ? 200 : 415))
    }

    @Test("finds every path, whichever was asked for before")
    func pathsInTurn() async {
        let router = router()
        for path in [
            "/v1/emit", "/livez", "/livez", "/v1/sockets/a", "/livez", "/v1/emit", "/nowhere", "/v1/emit", "/readyz",
        ] {
            let exchange = await router.exchange(.get, path)
            let route = path == "/nowhere" ? "other" : path == "/v1/sockets/a" ? "/v1/sockets/{id}" : path
            #expect(router.counters.path(exchange.request.path) == route)
            #expect(exchange.request.parameter == (path == "/v1/sockets/a" ? "a" : ""))
        }
    }

    @Test("wants to be told that it is JSON")
    func missingMediaType() async {
        let response = await router().request(.post, "/v1/emit", body: Self.emit, without: [.contentType])
        #expect(response.status == 415)
        #expect(response.code == "unsupported_media_type")
    }

    @Test(
        "takes no content coding",
        arguments: [
            ("gzip", 415), ("br", 415), ("identity, gzip", 415), ("", 415), ("identity", 200), ("Identity", 200),
        ])
    func contentEncodings(coding: String, status: Int) async {
        #expect(await router().post(Self.emit, [.contentEncoding: coding]).status == status)
    }

    @Test("asks for no media type where it reads no body")
    func mediaTypesOfOtherRoutes() async {
        #expect(await router().request(.get, "/livez", [.contentType: "text/plain"]).status == 200)
    }

    @Test(
        "refuses a body that is announced too long",
        arguments: [("100", 200), ("101", 413), ("0000000101", 413), ("99999999999999999999999", 413), ("0100", 200)])
    func announcedLengths(length: String, status: Int) async {
        let response = await router(bodyBytes: 100).post(Self.emit, [.contentLength: length])
        #expect(response.status == status)
    }

    @Test("refuses a body that turns out too long")
    func longBodies() throws {
        let router = router(bodyBytes: 100)
        var fields = HeaderFields()
        fields.add(.host, "localhost")
        fields.add(.contentType, "application/json")
        fields.add(.transferEncoding, "chunked")
        let admission = router.admit(RequestHead(method: .post, path: "/v1/emit", fields: fields))
        #expect(admission.refusal == nil, "a chunked body has no length to refuse")
        let response = router.refuseLongBody(admission.request)
        #expect(response.status == 413)
        #expect(response.code == "payload_too_large")
        #expect(router.counters.samples == [.init(route: "/v1/emit", method: "POST", status: 413, count: 1)])
    }

    @Test("refuses requests when too many are under way, but not health checks")
    func overload() {
        let router = router()
        var fields = HeaderFields()
        fields.add(.host, "localhost")
        fields.add(.contentType, "application/json")
        let emit = RequestHead(method: .post, path: "/v1/emit", fields: fields)
        let refusal = router.admit(emit, isOverloaded: true).refusal
        #expect(refusal?.status == 503)
        #expect(refusal?.code == "overloaded")
        for path in ["/livez", "/readyz", "/metrics"] {
            let head = RequestHead(method: .get, path: path, fields: fields)
            #expect(router.admit(head, isOverloaded: true).refusal == nil, "\(path)")
        }
    }

    @Test("refuses what two parties could read differently")
    func ambiguousHeads() async {
        let response = await router().request(.get, "/livez", [.host: "a", .host: "a"])
        #expect(response.status == 400)
        #expect(response.code == "malformed_http")
        let malformed = router().refuseMalformed(RequestHead(method: .get, path: "/livez"), "a bare LF").refusal
        #expect(malformed?.status == 400)
        #expect(malformed?.text.contains("a bare LF") == true)
    }

    @Test("takes a request id that is fit for logs", arguments: ["a", "A-Z.0_9", String(repeating: "x", count: 64)])
    func takesRequestIDs(id: String) async throws {
        let response = await router().request(.get, "/livez", [.requestID: id])
        #expect(response.field("X-Request-Id") == id)
        let problem = await router().request(.get, "/nowhere", [.requestID: id])
        #expect(problem.field("X-Request-Id") == id)
        #expect(try problem.members()["requestId"]?.string == id)
    }

    @Test(
        "makes a request id if there is none, or none that is fit for logs",
        arguments: [nil, "", String(repeating: "x", count: 65), "a b", "a\"b", "é", "a\nb", "a:b", "a/b"])
    func makesRequestIDs(id: String?) async throws {
        let router = router()
        func request() async throws -> String {
            let headers: KeyValuePairs<HeaderName, String> = id.map { [.requestID: $0] } ?? [:]
            let response = await router.request(.get, "/nowhere", headers)
            let made = try #require(response.field("X-Request-Id"))
            #expect(try response.members()["requestId"]?.string == made)
            return made
        }
        let (first, second) = (try await request(), try await request())
        #expect(first.count == 26 && second.count == 26)
        #expect(first < second)
    }

    @Test("counts what it answers, by route, method and status")
    func counts() async {
        let router = router()
        for _ in 0..<3 { _ = await router.post(Self.emit) }
        _ = await router.post("{}")
        _ = await router.post("{\"event\":\"e\",\"confirm\":\"none\"}")
        _ = await router.request(.head, "/livez")
        _ = await router.request(.options, "/livez")
        _ = await router.request(.get, "/somewhere/else")
        _ = await router.request(.get, "/another")
        _ = await router.request(.other, "/livez")
        #expect(
            Set(router.counters.samples.map { "\($0.route) \($0.method) \($0.status) \($0.count)" }) == [
                "/v1/emit POST 200 3", "/v1/emit POST 422 1", "/v1/emit POST 202 1", "/livez HEAD 200 1",
                "/livez OPTIONS 204 1", "other GET 404 2", "/livez other 405 1",
            ])
    }
}
