import Testing

@testable import Routes

@Suite("The request counters")
struct RequestCountersTests {
    private let counters = RequestCounters(
        routes: ["/b", "/a", "/b"].map { Route(method: .get, path: $0, scope: nil) { _ in Response(status: 200) } })

    @Test("have a place for every path, method and status of an answer")
    func places() {
        var expected: Set<[String]> = []
        let statuses = Set([200, 202, 204, 207] + Problem.Code.allCases.map(\.status))
        for path in ["/a", "/b", "elsewhere"] {
            for method in HTTPMethod.allCases {
                for status in statuses {
                    counters.count(path: counters.index(of: path), method: method, status: status)
                    expected.insert([path == "elsewhere" ? "other" : path, method.rawValue, "\(status)"])
                }
            }
        }
        let samples = counters.samples
        #expect(samples.allSatisfy { $0.count == 1 })
        #expect(samples.count == expected.count)
        #expect(Set(samples.map { [$0.route, $0.method, "\($0.status)"] }) == expected)
    }

    @Test("count nothing that no answer of ours has")
    func unknownStatuses() {
        counters.count(path: 0, method: .get, status: 299)
        #expect(counters.samples.isEmpty)
    }

    @Test("do not take a path named like the rest for the rest's own")
    func pathNamedOther() {
        #expect(counters.index(of: "other") == counters.index(of: "/nowhere"))
        #expect(counters.index(of: "/a") != counters.index(of: "/b"))
    }
}
