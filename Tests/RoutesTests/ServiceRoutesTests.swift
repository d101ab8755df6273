import Testing

@testable import Routes

@Suite("The service routes")
struct ServiceRoutesTests {
    @Test("say that the process lives")
    func livez() async {
        let response = await router(readiness: .brokerUnavailable).request(.get, "/livez")
        #expect(response.status == 200)
        #expect(response.text == "{\"status\":\"alive\"}\n")
    }

    @Test(
        "say whether requests can be served",
        arguments: [
            (.ready, 200, nil), (.brokerUnavailable, 503, "broker_unavailable"),
            (.brokerBlocked, 503, "broker_blocked"),
            (.shuttingDown, 503, "shutting_down"),
        ] as [(Readiness, Int, String?)])
    func readyz(readiness: Readiness, status: Int, code: String?) async {
        let response = await router(readiness: readiness).request(.get, "/readyz")
        #expect(response.status == status)
        #expect(response.code == code)
    }

    @Test("name the brokers that are published to, unless metrics are protected")
    func brokers() async {
        let response = await router().request(.get, "/readyz")
        #expect(response.text == "{\"status\":\"ready\",\"brokers\":[\"one:5672\"]}\n")
        let short = await router(protectsMetrics: true).request(.get, "/readyz")
        #expect(short.text == "{\"status\":\"ready\"}\n")
    }

    @Test("serve metrics and the API's description")
    func documents() async {
        let router = router()
        let metrics = await router.request(.get, "/metrics")
        #expect(metrics.text == "metrics 1\n")
        #expect(metrics.contentType.map { "\($0)" } == "text/plain; version=0.0.4; charset=utf-8")
        let description = await router.request(.get, "/openapi.yaml")
        #expect(description.text == "openapi: 3.1.0\n")
        #expect(description.contentType.map { "\($0)" } == "application/yaml")
        let json = await router.request(.get, "/openapi.json")
        #expect(json.text == "{\"openapi\":\"3.1.0\"}")
        #expect(json.contentType.map { "\($0)" } == "application/json")
    }
}
