import Testing

@testable import Routes

@Suite("CORS")
struct CORSPolicyTests {
    private static let emit = "{\"event\":\"e\"}"
    private static let app = "https://app.example.com"
    private static let both = CORSPolicy(text: "https://app.example.com,http://localhost:3000")!
    private static let preflight: KeyValuePairs<HeaderName, String> = [
        .origin: app, .accessControlRequestMethod: "POST",
    ]

    private func names(_ response: Response) -> [String] {
        response.fields.map { "\($0.name)" }.filter { $0.hasPrefix("Access-Control-") || $0 == "Vary" }
    }

    // MARK: The list

    @Test("is configured as a list of origins, or as none")
    func list() {
        #expect(CORSPolicy(text: "none") == .off)
        #expect(CORSPolicy(text: "https://a") == CORSPolicy(origins: [WebOrigin("https://a")!]))
        #expect(CORSPolicy(text: "HTTPS://B,http://a:1,https://b")?.description == "http://a:1,https://b")
        #expect(CORSPolicy.off.description == "none")
    }

    @Test(
        "is not configured by what is no origin",
        arguments: [
            "*", "null", ",", " ", "https://a,", ",https://a", "https://a,,https://b", "https://a ,https://b",
            "https://a https://b", "https://a,*", "https://a,null", "https://a,none", "None", "https://a/",
        ])
    func noList(text: String) {
        #expect(CORSPolicy(text: text) == nil)
    }

    @Test("is configured by lists with spaces, and by empty ones")
    func lists() {
        #expect(CORSPolicy(text: "https://a, https://b") == CORSPolicy(text: "https://a,https://b"))
        #expect(CORSPolicy(text: "") == .off)
    }

    // MARK: Off

    @Test("is off unless it is configured: no answer has anything of it")
    func off() async {
        let router = router()
        for (method, path) in [(.post, "/v1/emit"), (.options, "/v1/emit"), (.get, "/livez"), (.get, "/nowhere")]
            as [(HTTPMethod, String)]
        {
            let response = await router.request(method, path, Self.preflight, body: method == .post ? Self.emit : nil)
            #expect(names(response) == [])
        }
    }

    // MARK: Preflights

    @Test(
        "answers a preflight of an allowed origin with what the path takes",
        arguments: [
            ("/v1/emit", "OPTIONS, POST"), ("/v1/counts", "GET, HEAD, OPTIONS, POST"),
            ("/v1/sockets/abc", "DELETE, GET, HEAD, OPTIONS"), ("/livez", "GET, HEAD, OPTIONS"),
            ("/v1/cloudevents", "OPTIONS, POST"), ("/v1/hooks/h", "OPTIONS, POST"),
        ])
    func preflights(path: String, methods: String) async throws {
        for access in [AccessPolicy.anonymous, .loopbackOnly, .key("secret")] {
            let hooks = try HookTable.unsigned(.simple())
            let response = await router(access: access, cors: Self.both, hooks: hooks).request(
                .options, path, Self.preflight)
            #expect(response.status == 204)
            #expect(response.field("Access-Control-Allow-Origin") == Self.app)
            #expect(response.field("Access-Control-Allow-Methods") == methods)
            #expect(
                response.field("Access-Control-Allow-Headers")
                    == "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Request-Id, traceparent, tracestate, "
                    + "ce-specversion, ce-id, ce-source, ce-type, ce-subject, ce-time, ce-dataschema")
            #expect(response.field("Access-Control-Max-Age") == "600")
            #expect(response.field("Vary") == "Origin")
            #expect(response.field("Allow") == methods)
            #expect(names(response).count == 5)
        }
    }

    @Test("tells a preflight from other OPTIONS requests")
    func otherOptions() async {
        let router = router(cors: Self.both)
        let plain = await router.request(.options, "/v1/emit")
        #expect(plain.status == 204 && plain.field("Allow") == "OPTIONS, POST")
        #expect(names(plain) == ["Vary"])
        let withoutOrigin = await router.request(.options, "/v1/emit", [.accessControlRequestMethod: "POST"])
        #expect(names(withoutOrigin) == ["Vary"])
        let withoutMethod = await router.request(.options, "/v1/emit", [.origin: Self.app])
        #expect(names(withoutMethod) == ["Vary", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"])
        let post = await router.post(Self.emit, Self.preflight)
        #expect(post.status == 200)
        #expect(names(post) == ["Vary", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"])
    }

    // MARK: Requests

    @Test("lets pages of an allowed origin read every answer, errors, too")
    func answers() async {
        let router = router(access: .key("secret"), cors: Self.both)
        let requests: [(HTTPMethod, String, String?, key: String, Int)] = [
            (.post, "/v1/emit", Self.emit, "secret", 200), (.post, "/v1/emit", Self.emit, "wrong", 401),
            (.post, "/v1/emit", "{", "secret", 400), (.post, "/v1/emit", "{}", "secret", 422),
            (.get, "/v1/emit", nil, "secret", 405), (.get, "/nowhere", nil, "", 404),
            (.get, "/v1/sockets", nil, "secret", 503), (.get, "/livez", nil, "", 200),
            (.options, "/nowhere", nil, "", 404),
        ]
        for (method, path, body, key, status) in requests {
            for origin in [Self.app, "http://localhost:3000"] {
                let headers: KeyValuePairs<HeaderName, String> = [.apiKey: key, .origin: origin]
                let response = await router.request(method, path, headers, body: body)
                #expect(response.status == status)
                #expect(response.field("Access-Control-Allow-Origin") == origin)
                #expect(
                    response.field("Access-Control-Expose-Headers")
                        == "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
                        + "Idempotent-Replayed")
                #expect(response.field("Vary") == "Origin")
                #expect(names(response).count == 3)
            }
        }
    }

    @Test("lets them read what is refused before it is a request")
    func earlyRefusals() {
        let router = router(cors: Self.both)
        var fields = HeaderFields()
        fields.add(.origin, Self.app)
        let head = RequestHead(method: .post, path: "/v1/emit", fields: fields)
        for admission in [router.refuseLargeHead(head), router.refuseMalformed(head, "a bare LF")] {
            #expect(admission.refusal?.field("Access-Control-Allow-Origin") == Self.app)
        }
    }

    @Test(
        "lets no others read anything, and tells caches why",
        arguments: [
            "https://evil.com", "null", "", "*", "https://app.example.com.evil.com", "https://app.example.co",
            "https://app.example.com:443", "https://app.example.com/", "http://app.example.com",
            "https://app.example.com,http://localhost:3000", "https://App.Example.com", "http://localhost",
        ])
    func otherOrigins(origin: String) async {
        let router = router(cors: Self.both)
        for method in [HTTPMethod.post, .options, .get] {
            let response = await router.request(
                method, "/v1/emit", [.origin: origin, .accessControlRequestMethod: "POST"],
                body: method == .post ? Self.emit : nil)
            #expect(response.status == (method == .post ? 200 : method == .options ? 204 : 405))
            #expect(names(response) == ["Vary"])
            #expect(response.field("Vary") == "Origin")
        }
        #expect(names(await router.post(Self.emit)) == ["Vary"])
    }

    @Test("never lets browsers add credentials of their own")
    func credentials() async {
        let router = router(cors: Self.both)
        for method in [HTTPMethod.post, .options] {
            let response = await router.request(method, "/v1/emit", Self.preflight, body: Self.emit)
            #expect(response.field("Access-Control-Allow-Credentials") == nil)
        }
    }

    @Test("is of the page that asks, not of the one that asked first with an idempotency key")
    func replays() async {
        let router = router(cors: Self.both)
        for origin in [Self.app, "http://localhost:3000", "https://evil.com"] {
            let response = await router.post(Self.emit, [.origin: origin, .idempotencyKey: "k"])
            #expect(response.status == 200)
            #expect(response.field("Access-Control-Allow-Origin") == (origin == "https://evil.com" ? nil : origin))
        }
    }

    // MARK: Without a key

    @Test("lets pages of an allowed origin in where there is no key, but through a loopback host only")
    func loopback() async {
        let router = router(access: .loopbackOnly, cors: Self.both)
        for (host, origin, code) in [
            ("localhost", Self.app, nil), ("127.0.0.1:8080", "http://localhost:3000", nil),
            ("evil.com", Self.app, "host_not_allowed"), ("localhost", "https://evil.com", "origin_not_allowed"),
            ("localhost", "null", "origin_not_allowed"), ("localhost", "", "origin_not_allowed"),
        ] as [(String, String, String?)] {
            let headers: KeyValuePairs<HeaderName, String> = [
                .host: host, .origin: origin, .accessControlRequestMethod: "POST",
            ]
            let post = await router.post(Self.emit, headers)
            #expect(post.status == (code == nil ? 200 : 403))
            #expect(post.code == code)
            #expect(await router.request(.options, "/v1/emit", headers).status == (code == nil ? 204 : 403))
            #expect(await router.request(.get, "/livez", headers).status == (code == nil ? 200 : 403))
        }
    }

    // MARK: Reload

    @Test("may be replaced while requests come")
    func replacing() async {
        let router = router(access: .loopbackOnly)
        #expect(await router.post(Self.emit, [.origin: Self.app]).status == 403)
        router.access.cors = Self.both
        let response = await router.post(Self.emit, [.origin: Self.app])
        #expect(response.status == 200 && response.field("Access-Control-Allow-Origin") == Self.app)
        router.access.cors = .off
        #expect(await router.post(Self.emit, [.origin: Self.app]).status == 403)
    }
}
