import EventLoop
import Hashing
import Testing

@testable import Routes

@Suite("Access")
struct AccessPolicyTests {
    private static let emit = "{\"event\":\"e\"}"

    // MARK: Credentials

    @Test("that is refused says why to the log, and the same to everybody")
    func credentialFaults() throws {
        let keys = [APIKey("old", name: "ci", expires: 100), APIKey("new", name: "other", expires: 101)]
        let policy = AccessPolicy(keys: keys, keyless: .nobody) { 100 }
        func refusal(_ headers: [(String, String)]) throws -> Problem {
            try #require(throws: Problem.self) {
                _ = try policy.caller(
                    of: RequestHead(method: .get, path: "/", fields: HeaderFields(headers)), isPublic: false,
                    SHA256.Digester())
            }
        }
        var answers: Set<String> = []
        for (headers, fault) in [
            ([], .missing), ([("X-API-Key", "")], .malformed), ([("Authorization", "Bearer ")], .malformed),
            ([("Authorization", "new")], .malformed), ([("Authorization", "Basic new")], .malformed),
            ([("X-API-Key", "none")], .unknown), ([("Authorization", "Bearer none")], .unknown),
            ([("X-API-Key", "old")], .expired("ci")), ([("Authorization", "bearer old")], .expired("ci")),
        ] as [([(String, String)], CredentialFault)] {
            let problem = try refusal(headers)
            #expect(problem.aside == .credential(fault), "\(headers)")
            // Of the form of what was sent its sender is told.
            if fault == .unknown || fault == .expired("ci") { answers.insert(problem.response(requestID: "r").text) }
        }
        #expect(answers.count == 1)
        #expect(answers.first?.contains("ci") == false)
    }

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
            ("[::1]evil.com", false), ("[::1]evil.com:80", false), ("[::1]:evil.com", false), ("[::1]x", false),
            ("localhost:evil.com", false), ("127.0.0.1:80.evil.com", false), ("localhost:80:80", false),
            ("127.0.0.1:", true), ("[::1]:", true), ("localhost:-1", false),
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
        #expect(router(access: .loopbackOnly).admit(head).refusal == nil)
    }

    @Test(
        "from this machine was not passed on by a proxy",
        arguments: [
            "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO", "X-Forwarded-", "X-Real-IP", "Forwarded", "Via",
        ])
    func forwarded(name: String) async {
        var fields = HeaderFields([("Host", "localhost")])
        Array(name.utf8).withUnsafeBufferPointer { fields.noteForwarding($0) }
        #expect(fields.isForwarded)
        let head = RequestHead(method: .get, path: "/livez", fields: fields)
        let refusal = router(access: .loopbackOnly).admit(head).refusal
        #expect(refusal?.status == 403 && refusal?.code == "forwarded")
        // Whoever has a key may come through any proxy, and so may everybody where that is meant.
        for access in [AccessPolicy.key("secret"), .anonymous] {
            #expect(router(access: access).admit(head).refusal == nil)
        }
    }

    @Test(
        "from this machine may have other headers",
        arguments: ["X-Forward", "X-Forwarded", "Forwarded-For", "X-Real-IP2", "Vi", "Via2", "User-Agent", ""])
    func notForwarded(name: String) {
        var fields = HeaderFields()
        Array(name.utf8).withUnsafeBufferPointer { fields.noteForwarding($0) }
        #expect(!fields.isForwarded)
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
        let router = router(access: .key("secret"))
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
        let router = router(emitter, access: .key("secret"))
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
        let router = router(access: .key("secret"))
        let response = await router.post(Self.emit, [.authorization: "Bearer secret", .apiKey: "secret"])
        #expect(response.status == 400)
        #expect(response.code == "ambiguous_credentials")
    }

    @Test(
        "to public routes needs no key, host or origin",
        arguments: ["/livez", "/readyz", "/metrics", "/openapi.yaml", "/openapi.json"])
    func publicRoutes(path: String) async {
        let router = router(access: .key("secret"))
        #expect(await router.request(.get, path, [.host: "evil.com", .origin: "https://evil.com"]).status == 200)
        #expect(await router.request(.head, path, [.apiKey: "wrong"]).status == 200)
    }

    @Test("is checked before the body is")
    func checksTheKeyFirst() async {
        let router = router(access: .key("secret"), bodyBytes: 1)
        #expect(await router.post(Self.emit, [.contentType: "text/plain"]).status == 401)
    }

    @Test("to what a path takes needs no key")
    func options() async {
        let router = router(access: .key("secret"))
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

@Suite("Keys")
struct APIKeyTests {
    private static let emit = "{\"event\":\"e\"}"

    @Test("open for themselves and nothing else", arguments: ["k", "secret", "a-longer key/é😀", "aaaa"])
    func matches(text: String) async {
        let router = router(access: .key(text))
        #expect(await router.post(Self.emit, [.apiKey: text]).status == 200)
        for other in [
            "", String(text.dropLast()), String(text.dropFirst()), text + "x", text + text, "x" + text, text + "\0",
            text.uppercased() + "!", String(text.dropLast()) + "\u{1}",
        ] {
            #expect(await router.post(Self.emit, [.apiKey: other]).status == 401, "\(other)")
        }
    }

    @Test("are objects of its own for each event loop, of the same rights")
    func copies() throws {
        let reach = Reach(rooms: NameGlobs([Glob("a*")]), sockets: NameGlobs([Glob("*")]))
        let keys = [APIKey("k", name: "n", scopes: [.emit], reach: reach, expires: 200)]
        let policy = AccessPolicy(keys: keys, keyless: .nobody) { 100 }
        func caller(_ policy: AccessPolicy) throws -> Caller {
            let head = RequestHead(method: .get, path: "/", fields: HeaderFields([("X-API-Key", "k")]))
            return try policy.caller(of: head, isPublic: false, SHA256.Digester())
        }
        let copy = try caller(policy.copied())
        #expect(keys[0].lastUse.time?.seconds == 100)
        let own = try caller(policy)
        #expect(own !== copy && own.hasRights(of: copy))
        #expect(copy.name == "n" && copy.expires == 200 && copy.scopes == [.emit] && copy.reach == reach)
    }

    @Test("are told apart, wherever they stand")
    func several() async {
        let keys = ["a", "b", "c"].map { APIKey("key-\($0)", name: $0, scopes: $0 == "b" ? [.emit] : [.readRooms]) }
        let router = router(access: AccessPolicy(keys: keys, keyless: .everybody) { 0 })
        #expect(await router.post(Self.emit, [.apiKey: "key-a"]).status == 403)
        #expect(await router.post(Self.emit, [.apiKey: "key-b"]).status == 200)
        #expect(await router.post(Self.emit, [.apiKey: "key-c"]).status == 403)
        #expect(await router.post(Self.emit, [.apiKey: "key-d"]).status == 401)
        #expect(await router.post(Self.emit).status == 401)
    }

    @Test("open nothing from the second on in which they expire, and nobody is told why")
    func expiry() async {
        let key = APIKey("k", name: "k", scopes: [.emit], expires: 1_000)
        for (now, status) in [(999, 200), (1_000, 401), (1_001, 401)] {
            let router = router(access: AccessPolicy(keys: [key], keyless: .nobody) { now })
            let response = await router.post(Self.emit, [.apiKey: "k"])
            #expect(response.status == status)
            let wrong = await router.post(Self.emit, [.apiKey: "wrong", .requestID: "x"])
            if status == 401 {
                #expect(await router.post(Self.emit, [.apiKey: "k", .requestID: "x"]).text == wrong.text)
            }
        }
    }

    @Test(
        "are not found in another form, and their sender is told what is wrong with it",
        arguments: [
            (.authorization, "KEY", "Authorization has no 'Bearer ' before the key"),
            (.authorization, "", "Authorization has no 'Bearer ' before the key"),
            (.authorization, "Bearer", "Authorization has no key behind 'Bearer'"),
            (.authorization, "Bearer ", "Authorization has no key behind 'Bearer'"),
            (.authorization, "basic S0VZ", "Authorization says 'Basic' instead of 'Bearer'"),
            (.authorization, "Token KEY", "Authorization says 'Token' instead of 'Bearer'"),
            // May be a part of the key.
            (.authorization, "KEY KEY", "Authorization has no 'Bearer ' before the key"),
            (.authorization, "token", "Authorization has no 'Bearer ' before the key"),
            (.authorization, "Bearer \"KEY\"", "Authorization has the key in quotes or brackets: leave them out"),
            (.authorization, "Bearer <KEY>", "Authorization has the key in quotes or brackets: leave them out"),
            (
                .authorization, "Bearer $KEY",
                "Authorization has the name of a shell variable, not its value: single quotes keep it so"
            ),
            (.authorization, "Bearer Bearer KEY", "Authorization has a 'Bearer' that is no part of the key"),
            (.authorization, "Bearer KEY KEY", "this is no valid key"),
            (.apiKey, "Bearer KEY", "X-API-Key has a 'Bearer' that is no part of the key"),
            (.apiKey, "", "X-API-Key has no key"),
            (.apiKey, "'KEY'", "X-API-Key has the key in quotes or brackets: leave them out"),
            (.apiKey, "KEY", "this is no valid key"), (.authorization, "Bearer KEY", "this is no valid key"),
        ] as [(HeaderName, String, String)])
    func forms(header: HeaderName, value: String, fault: String) async throws {
        let response = await router(access: .key("k")).post(Self.emit, [header: value])
        #expect(response.status == 401)
        let detail = try response.members()["detail"]?.string
        #expect(detail == "\(fault): send an API key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
        // The same for a key that there is: its form only counts if nothing is found.
        #expect(
            await router(access: .key(value)).post(Self.emit, [.apiKey: value]).status == 200)
    }

    @Test(
        "are not read in the query",
        arguments: [
            ("api_key=k", true), ("a=1&ACCESS_TOKEN=k", true), ("token", true), ("room=token", false), ("", false),
        ])
    func inQuery(query: String, isTold: Bool) async {
        let response = await router(access: .key("k")).request(.get, "/v1/rooms", query: query)
        #expect(response.status == 401)
        #expect(response.text.contains("a key in the query is not read") == isTold)
        #expect(response.text.contains("there is no key") == !isTold)
    }

    @Test("are one caller's, whichever of them came")
    func rotation() async throws {
        let rate = try #require(Rate(2, per: .seconds(3_600)))
        let caller = Caller(name: "a", scopes: [.emit], limit: RateLimit(rate))
        let keys = ["new", "old"].map { APIKey(digest: SHA256.Digest(of: $0), caller: caller) }
        let router = router(access: AccessPolicy(keys: keys, keyless: .nobody) { 0 })
        let first = await router.post(Self.emit, [.apiKey: "old", .idempotencyKey: "i"])
        #expect(first.status == 200 && first.field("RateLimit-Remaining") == "1")
        let second = await router.post(Self.emit, [.apiKey: "new", .idempotencyKey: "i"])
        #expect(second.field("Idempotent-Replayed") == "true" && second.field("RateLimit-Remaining") == "0")
        #expect(await router.post(Self.emit, [.apiKey: "old"]).status == 429)
        #expect(await router.post(Self.emit, [.apiKey: "older"]).status == 401)
    }

    @Test("know when they last came, each by itself")
    func lastUse() async {
        let keys = ["a", "b", "c"].map { APIKey($0, name: $0, scopes: [.readRooms], expires: $0 == "c" ? 1_000 : nil) }
        func uses() -> [Int?] { keys.map { $0.lastUse.time?.seconds } }
        func router(now: Int) -> Router {
            RoutesTests.router(access: AccessPolicy(keys: keys, keyless: .nobody) { now })
        }
        #expect(uses() == [nil, nil, nil])
        // Also if it may not do what it asks for.
        #expect(await router(now: 999).post(Self.emit, [.apiKey: "a"]).status == 403)
        #expect(uses() == [999, nil, nil])
        #expect(await router(now: 999).post(Self.emit, [.apiKey: "c"]).status == 403)
        #expect(uses() == [999, nil, 999])
        // What does not open is no use.
        #expect(await router(now: 1_000).post(Self.emit, [.apiKey: "c"]).status == 401)
        #expect(await router(now: 1_000).post(Self.emit, [.apiKey: "d"]).status == 401)
        #expect(await router(now: 1_000).request(.get, "/livez", [.apiKey: "b"]).status == 200)
        #expect(uses() == [999, nil, 999])
        #expect(await router(now: 1_001).post(Self.emit, [.apiKey: "a"]).status == 403)
        #expect(uses() == [1_001, nil, 999])
    }

    @Test("are exchanged for the requests that come after")
    func exchange() async {
        let router = router(access: .key("old"))
        #expect(await router.post(Self.emit, [.apiKey: "old"]).status == 200)
        router.access = .key("new")
        #expect(await router.post(Self.emit, [.apiKey: "old"]).status == 401)
        #expect(await router.post(Self.emit, [.apiKey: "new"]).status == 200)
    }

    @Test("are in no description and no dump")
    func staysSecret() {
        var dumped = ""
        dump(AccessPolicy.key("secret"), to: &dumped)
        for text in ["\(AccessPolicy.key("secret"))", dumped] { #expect(!text.contains("secret")) }
    }
}
