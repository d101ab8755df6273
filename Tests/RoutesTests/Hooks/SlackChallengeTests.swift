import Testing

@testable import Routes

@Suite("Slack's challenge")
struct SlackChallengeTests {
    private func deliver(
        _ body: String, _ emitter: RecordingEmitter = RecordingEmitter(), secret: String = "s"
    ) async throws -> Response {
        let hook = try Hook(name: "h", scheme: "slack", values: SchemeValues(secrets: ["s"]), mapping: .simple())
        let router = router(emitter, hooks: HookTable([hook]), clock: 1_000)
        return await router.deliver(
            body,
            [
                "X-Slack-Request-Timestamp": "1000",
                "X-Slack-Signature": "v0=" + hex(hmac("v0:1000:" + body, secret)),
            ])
    }

    @Test("is answered as it came, and emits nothing")
    func isAnswered() async throws {
        let emitter = RecordingEmitter()
        let response = try await deliver(
            "{\"type\":\"url_verification\",\"challenge\":\"3eZb<b>\",\"token\":\"t\"}", emitter)
        #expect(response.status == 200)
        #expect(response.text == "3eZb<b>")
        #expect(response.contentType.map { "\($0)" } == "text/plain")
        #expect(emitter.calls.isEmpty)
    }

    @Test("is answered to Slack only")
    func isVerified() async throws {
        let body = "{\"type\":\"url_verification\",\"challenge\":\"c\"}"
        let response = try await deliver(body, secret: "other")
        #expect(response.status == 401)
        #expect(!response.text.contains("\"c\""))
        // Other schemes have none: it is a delivery like any other.
        let emitter = RecordingEmitter()
        let other = await router(emitter, hooks: try .unsigned(.simple())).deliver(body)
        #expect(other.outcome == "confirmed")
        #expect(emitter.calls.count == 1)
    }

    @Test("is a short string")
    func size() async throws {
        for (length, status) in [(1_024, 200), (1_025, 422)] {
            let challenge = String(repeating: "c", count: length)
            let response = try await deliver("{\"type\":\"url_verification\",\"challenge\":\"\(challenge)\"}")
            #expect(response.status == status)
        }
        for rest in ["", ",\"challenge\":7", ",\"challenge\":null"] {
            #expect(try await deliver("{\"type\":\"url_verification\"\(rest)}").status == 422)
        }
        #expect(try await deliver("{\"type\":\"event_callback\",\"challenge\":\"c\"}").outcome == "confirmed")
        #expect(try await deliver("[]").outcome == "confirmed")
    }
}
