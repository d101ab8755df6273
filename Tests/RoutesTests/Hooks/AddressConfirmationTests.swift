import AMQPBridge
import Testing

@testable import Routes

@Suite("The question before the first delivery")
struct AddressConfirmationTests {
    private static let token = "v&r=fy t+ken"
    private static let escaped = "v%26r%3Dfy+t%2Bken"
    private static let right = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=\(escaped)"

    private func table() throws -> HookTable {
        func hook(_ name: String, _ scheme: String, _ texts: [String: String] = [:]) throws -> Hook {
            try Hook(name: name, scheme: scheme, values: SchemeValues(secrets: ["s"], texts), mapping: .simple())
        }
        var limited = try hook("limited", "meta", ["verifyToken": Self.token])
        limited.limit = Rate(1, per: .seconds(3_600), burst: 1).map { RateLimit($0) }
        return HookTable([
            try hook("h", "meta", ["verifyToken": Self.token]), limited,
            try hook("trello", "trello", ["callbackUrl": "https://gateway.example/v1/hooks/trello"]),
            try hook("github", "github"),
        ])
    }

    private func ask(
        _ router: Router, _ query: String, of hook: String = "h", _ method: HTTPMethod = .get,
        headers: [(String, String)] = []
    ) async -> Exchange {
        await router.exchange(
            RequestHead(
                method: method, path: "/v1/hooks/\(hook)", query: query,
                fields: HeaderFields([("Host", "localhost")] + headers)), body: [])
    }

    @Test(
        "is answered with its challenge, in plain text, if Meta's verify token is right",
        arguments: [HTTPMethod.get, .head])
    func isAnswered(method: HTTPMethod) async throws {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key("k"), hooks: try table())
        for (query, challenge) in [
            (Self.right, "1158201444"), (Self.right + "&utm=x&hub.topic=y", "1158201444"),
            ("hub.verify_token=\(Self.escaped)&hub.challenge=%3Cb%3E%20%C3%BC%0D%0A&hub.mode=subscribe", "<b> ü\r\n"),
            (
                Self.right.replacing("1158201444", with: String(repeating: "9", count: 1_024)),
                String(repeating: "9", count: 1_024)
            ),
        ] {
            let response = await ask(router, query, method).response
            #expect(response.status == 200)
            #expect(response.text == challenge)
            #expect(response.contentType.map { "\($0)" } == "text/plain")
        }
        #expect(emitter.calls.isEmpty)
    }

    @Test("is refused in the same words whatever is wrong with it", arguments: [HTTPMethod.get, .head])
    func isRefused(method: HTTPMethod) async throws {
        let router = router(hooks: try table())
        var texts: Set<String> = []
        for (query, reason) in [
            ("", "missing_parameter"), ("hub.mode=subscribe&hub.challenge=marker", "missing_parameter"),
            (Self.right.replacing(Self.escaped, with: "wrong"), "wrong_secret"),
            (Self.right.replacing(Self.escaped, with: ""), "wrong_secret"),
            (Self.right.replacing(Self.escaped, with: Self.escaped + "x"), "wrong_secret"),
            (Self.right.replacing(Self.escaped, with: "V%26r%3Dfy+t%2Bken"), "wrong_secret"),
            (Self.right + "&hub.verify_token=\(Self.escaped)", "malformed_parameter"),
            (Self.right + "&hub.verify_token=wrong", "malformed_parameter"),
            (Self.right + "&hub%2Everify_token=wrong", "malformed_parameter"),
            ("hub.verify_token[]=\(Self.escaped)&hub.mode=subscribe&hub.challenge=marker", "missing_parameter"),
            ("hub_verify_token=\(Self.escaped)&hub_mode=subscribe&hub_challenge=marker", "missing_parameter"),
            (Self.right.replacing("=subscribe", with: "=unsubscribe"), "malformed_parameter"),
            (Self.right.replacing("hub.mode", with: "mode"), "missing_parameter"),
            (Self.right.replacing("1158201444", with: ""), "malformed_parameter"),
            (Self.right.replacing("hub.challenge=1158201444&", with: ""), "missing_parameter"),
            (Self.right + "&hub.challenge=2", "malformed_parameter"),
            (Self.right.replacing("1158201444", with: String(repeating: "9", count: 1_025)), "malformed_parameter"),
            (Self.right + "&x=%", "malformed_parameter"), (Self.right + "&x=%zz", "malformed_parameter"),
            (Self.right + "&x=%FF", "malformed_parameter"), (Self.right + "&%C0%80", "malformed_parameter"),
        ] {
            let exchange = await ask(router, query, method, headers: [("X-Request-Id", "same")])
            #expect(exchange.response.status == 403, "\(query)")
            #expect(exchange.response.code == "handshake_refused")
            texts.insert(exchange.response.text)
            guard case .refusal(let refusal) = exchange.request.remark else {
                Issue.record("nothing is noted of \(query)")
                continue
            }
            #expect(refusal.aside?.reason == reason, "\(query)")
            #expect(!refusal.detail.contains("marker") && !refusal.detail.contains("v&r"))
        }
        #expect(texts.count == 1)
        #expect(!texts.contains { $0.contains("1158201444") || $0.contains("marker") })
    }

    @Test("is only of an address for Trello, which has nothing to say yet")
    func trello() async throws {
        let router = router(access: .key("k"), hooks: try table())
        for method in [HTTPMethod.head, .get] {
            for query in ["", "hub.challenge=marker", "%"] {
                let response = await ask(router, query, of: "trello", method).response
                #expect(response.status == 200)
                #expect(response.body.isEmpty)
            }
        }
    }

    @Test("is none for other hooks, nor for those that are not there", arguments: [HTTPMethod.get, .head])
    func others(method: HTTPMethod) async throws {
        let router = router(hooks: try table())
        for name in ["github", "absent", "H", ""] {
            let response = await ask(router, Self.right, of: name, method).response
            #expect(response.status == (name.isEmpty ? 404 : 405), "\(name)")
            if !name.isEmpty { #expect(response.field("Allow") == "OPTIONS, POST") }
        }
    }

    @Test("is among the methods of the hook's path")
    func methods() async throws {
        let router = router(hooks: try table())
        for (name, allow) in [
            ("h", "GET, HEAD, OPTIONS, POST"), ("trello", "GET, HEAD, OPTIONS, POST"), ("github", "OPTIONS, POST"),
        ] {
            for method in [HTTPMethod.put, .options] {
                #expect(await ask(router, "", of: name, method).response.field("Allow") == allow)
            }
        }
    }

    @Test("may come through any tunnel, and from anywhere, as the deliveries may")
    func hosts() async throws {
        let router = router(access: .loopbackOnly, hooks: try table())
        for headers in [[("Host", "gateway.example")], [("Origin", "https://evil.example"), ("Host", "localhost")]] {
            let head = RequestHead(
                method: .get, path: "/v1/hooks/h", query: Self.right, fields: HeaderFields(headers))
            #expect(await router.exchange(head, body: []).response.status == 200)
        }
    }

    @Test("is counted, and costs nothing of the hook's rate")
    func counters() async throws {
        let (hooks, emitter) = (try table(), RecordingEmitter())
        let router = router(emitter, hooks: hooks)
        for _ in 0..<5 { #expect(await ask(router, Self.right, of: "limited").response.status == 200) }
        for _ in 0..<3 { #expect(await ask(router, "", of: "limited", .head).response.status == 403) }
        let counters = try #require(hooks["limited"]).counters
        let counted = counters.counts.filter { $0.count > 0 }.map { "\($0.outcome.rawValue) \($0.count)" }
        #expect(counted == ["challenge 5", "not_authentic 3"])
        let code = "sha256=" + hex(hmac("{}", "s"))
        let delivery = await router.deliver("{}", to: "/v1/hooks/limited", ["X-Hub-Signature-256": code])
        #expect(delivery.outcome == "confirmed")
        #expect(emitter.calls.count == 1)
    }

    @Test("is refused with everything else when there is too much to do")
    func overload() throws {
        let head = RequestHead(
            method: .get, path: "/v1/hooks/h", query: Self.right, fields: HeaderFields([("Host", "h")]))
        #expect(router(hooks: try table()).admit(head, isOverloaded: true).refusal?.status == 503)
    }
}
