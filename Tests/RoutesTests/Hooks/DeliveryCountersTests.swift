import AMQPBridge
import Testing

@testable import Routes

@Suite("The counters of deliveries")
struct DeliveryCountersTests {
    private func counts(_ counters: DeliveryCounters) -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for (outcome, count) in counters.counts where count > 0 { counts[outcome.rawValue] = count }
        return counts
    }

    @Test("know what became of each delivery to a hook, by its name")
    func outcomes() async throws {
        let mapping = try EmitMapping(
            event: "{/event}", rooms: ["r"], when: [HookCondition(value: "{/kind}", .equals("a"))])
        var hook = try Hook(
            name: "h", scheme: "bearer", values: SchemeValues(secrets: ["s"]), mapping: mapping, deliveryID: "{/id}")
        hook.limit = Rate(8, per: .seconds(3_600)).map { RateLimit($0) }
        let slack = try Hook(name: "slack", scheme: "slack", values: SchemeValues(secrets: ["s"]), mapping: .simple())
        let emitter = RecordingEmitter(["broken": .failure(.notPublished(.brokerUnavailable))])
        let router = router(emitter, hooks: HookTable([hook, slack]), clock: 1_000)
        func deliver(_ body: String, _ secret: String = "s", type: String = "application/json") async {
            _ = await router.deliver(body, ["Authorization": "Bearer \(secret)"], type: type)
        }
        await deliver("{\"kind\":\"a\",\"event\":\"e\",\"id\":1}")
        await deliver("{\"kind\":\"a\",\"event\":\"e\",\"id\":1}")
        for _ in 0..<2 { await deliver("{\"kind\":\"b\"}") }
        await deliver("{\"kind\":\"a\",\"event\":\"broken\"}")
        for body in ["{\"kind\":\"a\"}", "{", "[]"] { await deliver(body) }
        await deliver("{}")
        await deliver("{}", "t")
        // Before it comes to the hook.
        await deliver("{}", type: "text/plain")
        // No deliveries.
        _ = await router.deliver("", method: .options, type: nil)
        _ = await router.deliver("", method: .get, type: nil)
        #expect(
            counts(hook.counters) == [
                "emitted": 1, "duplicate": 1, "ignored": 3, "failed": 1, "refused": 3, "rate_limited": 1,
                "not_authentic": 1,
            ])
        let challenge = "{\"type\":\"url_verification\",\"challenge\":\"c\"}"
        let code = "v0=" + hex(hmac("v0:1000:\(challenge)", "s"))
        let response = await router.deliver(
            challenge, to: "/v1/hooks/slack", ["X-Slack-Signature": code, "X-Slack-Request-Timestamp": "1000"])
        #expect(response.status == 200)
        #expect(counts(slack.counters) == ["challenge": 1])
    }

    @Test("know what became of CloudEvents")
    func cloudEvents() async throws {
        let mapping = try CloudEventMapping()
        let router = router(hooks: HookTable([], cloudEvents: mapping))
        let event = "{\"specversion\":\"1.0\",\"source\":\"s\",\"id\":\"1\",\"type\":\"t\",\"subject\":\"r\"}"
        for body in [event, event, "{}"] {
            _ = await router.deliver(body, to: "/v1/cloudevents", type: "application/cloudevents+json")
        }
        _ = await router.deliver("", to: "/v1/cloudevents", method: .options, type: nil)
        #expect(counts(mapping.counters) == ["emitted": 1, "duplicate": 1, "refused": 1])
    }
}
