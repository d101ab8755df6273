import Testing

@testable import Routes

@Suite("An address for operators")
struct DoorTests {
    private func status(_ path: String, at door: Door) async -> (status: Int?, detail: String) {
        let router = router()
        var fields = HeaderFields()
        fields.add(.host, "localhost")
        let head = RequestHead(method: .get, path: path, query: "", fields: fields)
        let refusal = await servingLoop.run { router.admit(head, at: door).refusal }
        return (refusal?.status, refusal?.text ?? "")
    }

    @Test("has health and metrics, and nothing else", arguments: ["/livez", "/readyz", "/metrics"])
    func operators(path: String) async {
        #expect(await status(path, at: .administration).status == nil)
        for other in ["/", "/v1/emit", "/openapi.yaml", "/nothing", "\(path)/"] {
            let answer = await status(other, at: .administration)
            #expect(answer.status == 404)
            #expect(answer.detail.contains("only /livez, /readyz and /metrics are here"))
        }
    }

    @Test("takes the metrics away from the others, and nothing else")
    func callers() async {
        for path in ["/livez", "/readyz", "/", "/openapi.yaml"] {
            #expect(await status(path, at: .callers).status == nil)
        }
        let answer = await status("/metrics", at: .callers)
        #expect(answer.status == 404 && answer.detail.contains("http.adminAddress"))
        #expect(await status("/metrics", at: .only).status == nil)
    }
}
