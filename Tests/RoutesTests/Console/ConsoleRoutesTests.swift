import Testing

@testable import Routes

@Suite("The console's files")
struct ConsoleRoutesTests {
    private static let files = [
        ConsoleFile("index.html", Array("<p>".utf8)), ConsoleFile("app.js", Array("1".utf8)),
        ConsoleFile("vendor/x.js", Array("2".utf8)),
    ]

    @Test("are there without a key, each with its type and a tag")
    func files() async {
        let router = router(access: .key("k"), console: Self.files)
        for (path, type, body) in [
            ("/console/", "text/html; charset=utf-8", "<p>"),
            ("/console/app.js", "text/javascript; charset=utf-8", "1"),
            ("/console/vendor/x.js", "text/javascript; charset=utf-8", "2"),
        ] {
            let response = await router.request(.get, path)
            #expect(response.status == 200 && response.text == body && response.isOfConsole)
            #expect(response.contentType.map { "\($0)" } == type)
            #expect(
                response.field("ETag")?.count == 34 && response.field("Cross-Origin-Opener-Policy") == "same-origin")
        }
    }

    @Test("are not sent again to who has them", arguments: ["", "W/"])
    func tags(prefix: String) async throws {
        let router = router(console: Self.files)
        let tag = try #require(await router.request(.get, "/console/app.js").field("ETag"))
        func ask(_ known: String) async -> Response {
            var fields = HeaderFields()
            fields.add(.host, "localhost")
            fields.add(other: "if-none-match", known)
            let head = RequestHead(method: .get, path: "/console/app.js", query: "", fields: fields)
            return await router.exchange(head, body: []).response
        }
        for known in [prefix + tag, "\"x\", \(prefix)\(tag)", "*"] {
            let response = await ask(known)
            #expect(response.status == 304 && response.body == [] && response.field("ETag") == tag)
        }
        #expect(await ask("\"x\"").status == 200)
    }

    @Test("are not there where the console is off, nor others where it is on")
    func missing() async {
        for path in ["/console", "/console/", "/console/app.js", "/console/vendor/x.js"] {
            let response = await router().request(.get, path)
            #expect(response.status == 404 && response.text.contains("GATEWAY_CONSOLE"))
        }
        let on = router(console: Self.files)
        for path in ["/console/x.js", "/console/../app.js", "/console/vendor/app.js", "/console/%2e%2e"] {
            #expect(await on.request(.get, path).status == 404)
        }
        #expect(await on.request(.get, "/console").field("Location") == "console/")
        #expect(await on.request(.post, "/console/", body: "{}").status == 405)
    }

    @Test("belong to the address for operators, with what they ask for, where there is one")
    func doors() async {
        let on = router(console: Self.files)
        func status(_ path: String, _ door: Door) async -> Int? {
            var fields = HeaderFields()
            fields.add(.host, "localhost")
            let head = RequestHead(method: .get, path: path, query: "", fields: fields)
            return await servingLoop.run { on.admit(head, at: door).refusal?.status }
        }
        for path in ["/console", "/console/", "/console/app.js"] {
            #expect(await status(path, .administration) == nil)
            #expect(await status(path, .callers) == 404)
            #expect(await status(path, .only) == nil)
        }
        for path in ["/v1/hooks/h", "/v1/cloudevents"] { #expect(await status(path, .administration) == 404) }
        for path in ["/v1/me", "/v1/servers", "/problems"] {
            #expect(await status(path, .administration) == nil)
            #expect(await status(path, .callers) == nil)
        }
        #expect(await status("/openapi.yaml", .administration) == 404)
    }

    @Test("may call a gateway that asks for no key from its own loopback address, and no other page may")
    func origins() async {
        var access = AccessPolicy.loopbackOnly
        func status(_ origin: String, host: String = "127.0.0.1:8080") async -> Int {
            await router(access: access).request(
                .post, "/v1/emit", [.origin: origin, .host: host], body: #"{"event":"e"}"#
            ).status
        }
        #expect(await status("http://127.0.0.1:8080") == 403)
        access.admitsOwnPages = true
        #expect(await status("http://127.0.0.1:8080") == 200)
        #expect(await status("https://localhost:8443", host: "localhost:8443") == 200)
        for origin in [
            "http://127.0.0.1:8081", "http://localhost:8080", "null", "http://127.0.0.1:8080/", "file://127.0.0.1:8080",
            "http://evil.example", "http://localhost",
        ] {
            #expect(await status(origin) == 403, "\(origin)")
        }
        #expect(await status("http://evil.example", host: "evil.example") == 403)
        // Another program of this machine may have the other scheme's port.
        for host in ["localhost", "[::1]"] { #expect(await status("https://\(host)", host: host) == 403) }
        #expect(await status("http://[::1]:8080", host: "[::1]:8080") == 200)
    }
}
