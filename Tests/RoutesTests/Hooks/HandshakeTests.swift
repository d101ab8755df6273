import Testing

@testable import Routes

@Suite("CloudEvents' handshake")
struct HandshakeTests {
    private func table(origins: [String] = ["eventgrid.example", "Other.example"], rate: Int? = nil) throws -> HookTable
    {
        let hook = try Hook(
            name: "h", scheme: "github", values: SchemeValues(secrets: ["s"]), mapping: .simple(),
            allowedOrigins: origins, allowedRate: rate)
        return try HookTable(
            [hook, Hook(name: "closed", scheme: "github", values: SchemeValues(secrets: ["s"]), mapping: .simple())],
            cloudEvents: CloudEventMapping(allowedOrigins: origins, allowedRate: rate))
    }

    private func ask(
        _ router: Router, _ path: String, _ headers: KeyValuePairs<String, String>
    ) async -> Response {
        await router.deliver("", to: path, headers, method: .options, type: nil)
    }

    @Test("grants what is configured, without a key", arguments: ["/v1/hooks/h", "/v1/cloudevents"])
    func grants(path: String) async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key("k"), hooks: try table())
        let response = await ask(
            router, path,
            [
                "WebHook-Request-Origin": "EventGrid.Example", "WebHook-Request-Rate": "120",
                "WebHook-Request-Callback": "http://127.0.0.1:1/callback",
            ])
        #expect(response.status == 200)
        // As it is configured, not as it was asked for.
        #expect(response.field("WebHook-Allowed-Origin") == "eventgrid.example")
        #expect(response.field("WebHook-Allowed-Rate") == "*")
        #expect(response.field("Allow") == "OPTIONS, POST")
        #expect(response.body.isEmpty)
        #expect(emitter.calls.isEmpty)
        router.hooks = try table(origins: ["*"], rate: 60)
        let any = await ask(router, path, ["WebHook-Request-Origin": "anybody.example"])
        #expect(any.field("WebHook-Allowed-Origin") == "*")
        #expect(any.field("WebHook-Allowed-Rate") == "60")
    }

    @Test("grants nothing else", arguments: ["/v1/hooks/h", "/v1/cloudevents"])
    func refuses(path: String) async throws {
        let router = router(hooks: try table())
        for headers in [
            [:], ["WebHook-Request-Origin": "evil.example"], ["WebHook-Request-Origin": ""],
            ["WebHook-Request-Origin": "*"],
            ["WebHook-Request-Origin": "x.eventgrid.example"], ["Origin": "eventgrid.example"],
            ["WebHook-Request-Origin": "eventgrid.example", "webhook-request-origin": "other.example"],
            ["WebHook-Request-Callback": "http://127.0.0.1:1/"],
        ] as [KeyValuePairs<String, String>] {
            let response = await ask(router, path, headers)
            #expect(response.status == 204)
            #expect(response.field("WebHook-Allowed-Origin") == nil)
            #expect(response.field("WebHook-Allowed-Rate") == nil)
            #expect(response.field("Allow") == "OPTIONS, POST")
        }
    }

    @Test("is for all hosts where the hook is signed, as its deliveries are")
    func hosts() async throws {
        let open = try Hook(
            name: "open", scheme: "none", values: SchemeValues(secrets: []), mapping: .simple(), allowedOrigins: ["*"])
        let signed = try Hook(
            name: "h", scheme: "github", values: SchemeValues(secrets: ["s"]), mapping: .simple(), allowedOrigins: ["*"]
        )
        let router = router(access: .loopbackOnly, hooks: HookTable([signed, open]))
        let header: KeyValuePairs = ["WebHook-Request-Origin": "a.example", "Host": "gateway.example"]
        #expect(await ask(router, "/v1/hooks/h", header).field("WebHook-Allowed-Origin") == "*")
        #expect(await ask(router, "/v1/hooks/open", header).status == 403)
        #expect(await ask(router, "/v1/cloudevents", header).status == 403)
    }

    @Test("is not what a browser asks for a page", arguments: ["/v1/hooks/h", "/v1/cloudevents"])
    func preflights(path: String) async throws {
        let page = "https://app.example"
        let router = router(
            access: .key("k"), cors: try #require(CORSPolicy(text: page)), hooks: try table(origins: ["*"]))
        let asked = await ask(router, path, ["Origin": page, "Access-Control-Request-Method": "POST"])
        #expect(asked.field("Access-Control-Allow-Methods") == "OPTIONS, POST")
        #expect(asked.field("Access-Control-Allow-Headers") == CORSPolicy.requestHeaders)
        #expect(asked.field("WebHook-Allowed-Origin") == nil)
        let other = await ask(router, path, ["WebHook-Request-Origin": "a.example", "Origin": page])
        #expect(other.field("WebHook-Allowed-Origin") == "*")
        #expect(other.field("Access-Control-Allow-Methods") == nil)
    }

    @Test("grants nothing where nothing is configured")
    func standard() async throws {
        let configured = router(hooks: try table())
        let header: KeyValuePairs = ["WebHook-Request-Origin": "eventgrid.example"]
        #expect(await ask(configured, "/v1/hooks/closed", header).field("WebHook-Allowed-Origin") == nil)
        #expect(await ask(configured, "/v1/hooks/unknown", header).status == 404)
        #expect(await ask(router(), "/v1/cloudevents", header).status == 204)
        #expect(
            await ask(router(access: .loopbackOnly), "/v1/cloudevents", ["Origin": "http://evil.example"]).status == 403
        )
    }
}
