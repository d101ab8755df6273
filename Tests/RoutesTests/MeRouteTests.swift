import Testing

@testable import Routes

@Suite("Who asks what it may do")
struct MeRouteTests {
    private func me(_ access: AccessPolicy, query: String = "") async -> Response {
        await router(access: access).request(.get, "/v1/me", query: query, [.apiKey: "k"])
    }

    @Test("is told so, without any scope")
    func narrow() async {
        let reach = Reach(
            rooms: NameGlobs([Glob("user:*"), Glob("\"é")]), sockets: .any, events: NameGlobs([Glob("order.*")]))
        let key = APIKey(
            "k", name: "backend", scopes: [], reach: reach, expires: 1_801_353_600,
            rate: Rate(60, per: .seconds(86_400), burst: 50))
        let response = await me(AccessPolicy(keys: [key], keyless: .nobody) { 0 })
        #expect(response.status == 200)
        // Asking is a request, too. One is given back in 1,440 s, of which some may have passed.
        let told = """
            {"name":"backend","scopes":[],"namespaces":["*"],"rooms":["user:*","\\"é"],"sockets":["*"],"events":["order.*"],\
            "expires":"2027-01-31T00:00:00Z",\
            "rate":{"requests":60,"perSeconds":86400,"burst":50,"remaining":49,"resetSeconds":1440}}

            """
        #expect(response.text.replacing(/1[34]\d\d}}/, with: "1440}}") == told)
        #expect(response.field("RateLimit-Remaining") == "49")
    }

    @Test("is told its scopes in the order of the contract")
    func scopes() async {
        let response = await me(.key("k", scopes: [.readRooms, .emit, .readConfiguration]))
        #expect(response.text.contains("\"scopes\":[\"emit\",\"rooms:read\",\"config:read\"]"))
        #expect(response.text.contains("\"expires\":null,\"rate\":null}"))
    }

    @Test("is told what is left, until it is nothing")
    func spent() async {
        let router = router(access: .key("k", rate: Rate(2, per: .seconds(3_600))))
        for remaining in [1, 0] {
            let response = await router.request(.get, "/v1/me", [.apiKey: "k"])
            #expect(response.text.contains("\"remaining\":\(remaining),"))
        }
        #expect(await router.request(.get, "/v1/me", [.apiKey: "k"]).status == 429)
    }

    @Test("has no name where no key is needed")
    func anonymous() async {
        let all = Scope.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        let response = await me(.anonymous)
        #expect(response.text.hasPrefix("{\"name\":null,\"scopes\":[\(all)],\"namespaces\":[\"*\"],\"rooms\":[\"*\"],"))
        #expect(response.text.hasSuffix("\"expires\":null,\"rate\":null}\n"))
    }

    @Test("needs a key, where others do")
    func closed() async {
        #expect(await me(.key("another")).status == 401)
        #expect(await router(access: .key("k")).request(.get, "/v1/me").status == 401)
        #expect(await router(access: .key("k")).request(.get, "/v1/config").status == 401)
    }

    @Test("asks nothing else", arguments: ["/v1/me", "/v1/config"])
    func fields(path: String) async {
        let response = await router().request(.get, path, query: "key=x")
        #expect(response.status == 422 && response.pointers == ["?key"])
    }

    @Test("reads the configuration as the process tells it")
    func configuration() async {
        let response = await router().request(.get, "/v1/config")
        #expect(response.status == 200 && response.contentType.map { "\($0)" } == "application/json")
        #expect(response.text == "{\"settings\":{}}")
    }
}
