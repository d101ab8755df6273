import Testing

@testable import Routes

@Suite("The request counters")
struct RequestCountersTests {
    private let counters = RequestCounters(
        routes: ["/b", "/a", "/b"].map {
            Route(method: .get, path: $0, scope: nil, answer: { _ in Response(status: 200) })
        })

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

    @Test("know how long the requests of a route took, up to each bound")
    func durations() {
        let milliseconds: [(path: String, Int64)] = [("/a", 0), ("/a", 1), ("/a", 3), ("/a", 90_000), ("/b", 60_000)]
        for (path, time) in milliseconds {
            let request = Request(
                head: RequestHead(method: .get, path: path), id: .text("r"), path: counters.index(of: path))
            counters.count(request, nanoseconds: time * 1_000_000)
        }
        // A clock that goes back.
        let request = Request(
            head: RequestHead(method: .get, path: "/a"), id: .text("r"), path: counters.index(of: "/a"))
        counters.count(request, nanoseconds: -1)
        let durations = counters.durations
        #expect(durations.map(\.route) == ["/a", "/b"])
        #expect(durations.map(\.count) == [5, 1])
        #expect(durations.map(\.sum) == [90.004, 60])
        let a = durations[0].buckets
        #expect(
            a.map(\.bound) == [
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, .infinity,
            ])
        #expect(a.map(\.count) == [3, 3] + Array(repeating: 4, count: 13) + [5])
        #expect(durations[1].buckets.map(\.count) == Array(repeating: 0, count: 14) + [1, 1])
    }

    @Test("do not take a path named like the rest for the rest's own")
    func pathNamedOther() {
        #expect(counters.index(of: "other") == counters.index(of: "/nowhere"))
        #expect(counters.index(of: "/a") != counters.index(of: "/b"))
    }
}
