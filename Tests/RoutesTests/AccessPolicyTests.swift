import Testing

@testable import Routes

@Suite("Access")
struct AccessPolicyTests {
    private static let emit = "{\"event\":\"e\"}"

    // MARK: Loopback

    @Test(
        "from this machine has a loopback host",
        arguments: [
            ("127.0.0.1", true), ("127.0.0.1:8080", true), ("127.1.2.3:80", true), ("127.255.255.255", true),
            ("localhost", true), ("LOCALHOST:8080", true), ("LocalHost", true), ("[::1]:80", true), ("[::1]", true),
            ("", false), (":80", false), ("evil.com", false), ("127.0.0.1.evil.com", false), ("127.evil", false),
            ("127.0.0.256", false), ("256.0.0.1", false), ("127.0.0", false), ("127.0.0.1.", false),
            ("127..0.1", false),
            ("127.0.0.-1", false), ("127.0.0.x", false), ("1127.0.0.1", false), ("127", false), ("0.0.0.0", false),
            ("10.0.0.1", false), ("localhost.evil.com", false), ("localhost.", false), ("xlocalhost", false),
            ("evil.com:127.0.0.1", false), ("[::2]", false), ("[::]", false), ("[::ffff:127.0.0.1]", false),
            ("[::1.evil.com]", false), ("[evil.com]", false), ("evil.com@127.0.0.1", false), (" 127.0.0.1", false),
        ])
    func loopbackHosts(host: String, isLoopback: Bool) async {
        #expect(AccessPolicy.isLoopback(host) == isLoopback)
        for (path, body) in [("/livez", nil), ("/v1/emit", Self.emit)] {
            let response = await router(access: .loopbackOnly).request(
                body == nil ? .get : .post, path, [.host: host], body: body)
            #expect(response.status == (isLoopback ? 200 : 403))
            #expect(response.code == (isLoopback ? nil : "host_not_allowed"))
        }
    }

    @Test("from this machine may have no host in HTTP/1.0")
    func noHost() {
        let head = RequestHead(method: .get, path: "/livez", isHTTP10: true)
        guard case .admitted = router(access: .loopbackOnly).admit(head) else {
            Issue.record("refused")
            return
        }
    }

    @Test(
        "from this machine comes from no web page",
        arguments: ["null", "", "http://localhost:8080", "http://127.0.0.1", "https://evil.com"])
    func origins(origin: String) async {
        let router = router(access: .loopbackOnly)
        for method in [HTTPMethod.post, .options] {
            let response = await router.request(method, "/v1/emit", [.origin: origin], body: Self.emit)
            #expect(response.status == 403)
            #expect(response.code == "origin_not_allowed")
        }
        #expect(await router.request(.get, "/livez", [.origin: origin]).status == 403)
    }

    // MARK: Key

    @Test("with the key is granted by either header")
    func keys() async {
        let router = router(access: .key(APIKey("secret")!))
        for headers in [
            [.authorization: "Bearer secret"], [.authorization: "bearer secret"], [.authorization: "BEARER  secret"],
            [.apiKey: "secret"],
        ] as [KeyValuePairs<HeaderName, String>] {
            #expect(await router.post(Self.emit, headers).status == 200)
        }
    }

    @Test("without the right key is refused")
    func wrongKeys() async {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key(APIKey("secret")!))
        for headers in [
            [:], [.authorization: ""], [.authorization: "secret"], [.authorization: "Bearer"],
            [.authorization: "Bearer "],
            [.authorization: "Bearer wrong"], [.authorization: "Bearer secretx"], [.authorization: "Bearer secre"],
            [.authorization: "Bearer Secret"], [.authorization: "Bearer secret "], [.authorization: "Basic secret"],
            [.authorization: "Bearersecret"], [.apiKey: ""], [.apiKey: "wrong"], [.apiKey: "Bearer secret"],
        ] as [KeyValuePairs<HeaderName, String>] {
            let response = await router.post(Self.emit, headers)
            #expect(response.status == 401, "\(headers)")
            #expect(response.code == "unauthorized")
            #expect(response.field("WWW-Authenticate")?.hasPrefix("Bearer") == true)
            #expect(!response.text.contains("secret"))
        }
        #expect(emitter.calls.isEmpty)
    }

    @Test("with two credentials is refused, even if both are right")
    func bothHeaders() async {
        let router = router(access: .key(APIKey("secret")!))
        let response = await router.post(Self.emit, [.authorization: "Bearer secret", .apiKey: "secret"])
        #expect(response.status == 400)
        #expect(response.code == "ambiguous_credentials")
    }

    @Test(
        "to public routes needs no key, host or origin", arguments: ["/livez", "/readyz", "/metrics", "/openapi.yaml"])
    func publicRoutes(path: String) async {
        let router = router(access: .key(APIKey("secret")!))
        #expect(await router.request(.get, path, [.host: "evil.com", .origin: "https://evil.com"]).status == 200)
        #expect(await router.request(.head, path, [.apiKey: "wrong"]).status == 200)
    }

    @Test("is checked before the body is")
    func checksTheKeyFirst() async {
        let router = router(access: .key(APIKey("secret")!), bodyBytes: 1)
        #expect(await router.post(Self.emit, [.contentType: "text/plain"]).status == 401)
    }

    @Test("to what a path takes needs no key")
    func options() async {
        let router = router(access: .key(APIKey("secret")!))
        #expect(await router.request(.options, "/v1/emit").status == 204)
        #expect(await router.request(.get, "/v1/emit").status == 405)
    }

    @Test("for everyone asks for nothing")
    func anonymous() async {
        let response = await router().post(
            Self.emit, [.host: "evil.com", .origin: "x", .authorization: "y", .apiKey: "z"])
        #expect(response.status == 200)
    }
}

@Suite("An API key")
struct APIKeyTests {
    @Test("is not empty")
    func isNotEmpty() {
        #expect(APIKey("") == nil)
    }

    @Test("matches itself and nothing else", arguments: ["k", "secret", "a-longer key/é😀", "aaaa"])
    func matches(text: String) throws {
        let key = try #require(APIKey(text))
        #expect(key.matches(text))
        for other in [
            "", String(text.dropLast()), String(text.dropFirst()), text + "x", text + text, "x" + text, text + "\0",
            text.uppercased() + "!",
        ] {
            #expect(!key.matches(other), "\(other)")
        }
        #expect(!key.matches(String(text.dropLast()) + "\u{1}"))
    }

    @Test("is in no description and no dump")
    func staysSecret() throws {
        let key = try #require(APIKey("secret"))
        var dumped = ""
        dump(AccessPolicy.key(key), to: &dumped)
        dump(key, to: &dumped)
        let bytes = "\(Array("secret".utf8))"
        for text in ["\(key)", String(describing: key), String(reflecting: key), "\(AccessPolicy.key(key))", dumped] {
            #expect(!text.contains("secret"))
            #expect(!text.contains(bytes))
            #expect(!text.contains("115"))
        }
    }
}
