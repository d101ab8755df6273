internal import AMQPBridge
internal import EventLoop

/// How many requests were answered, by route, method and status, and how long that took, by route. Written on one event loop,
/// read from anywhere.
///
/// Labels come from the route table, known methods and known statuses only: no caller can make a new one.
package final class RequestCounters: Sendable {
    package struct Sample: Sendable, Equatable {
        package let route: String
        package let method: String
        package let status: Int
        package let count: UInt64
    }

    /// How long the requests of a route took, in seconds.
    package struct Durations: Sendable {
        package let route: String
        /// How many took no longer than that; the last bound is infinite.
        package let buckets: [(bound: Double, count: UInt64)]
        package let sum: Double
        package let count: UInt64
    }

    /// Requests for a path that is no route's.
    static let unknownRoute = "other"
    private static let methods = HTTPMethod.allCases
    private static let statuses =
        [200, 202, 204, 207] + Set(Problem.Code.allCases.map(\.status) + libraryStatuses).sorted()
    /// The answers that libmicrohttpd gives by itself.
    private static let libraryStatuses = [400, 413, 414, 431, 500, 501, 505]

    private let paths: [String]
    private let counters: Counters
    /// By path.
    private let histograms: [DurationHistogram]

    init(routes: [Route]) {
        paths = Set(routes.map(\.path)).sorted() + [Self.unknownRoute]
        counters = Counters(paths.count * Self.methods.count * Self.statuses.count)
        histograms = paths.map { _ in DurationHistogram() }
    }

    /// The number of a path, for ``count(path:method:status:)``; of one that is no route's, that of ``unknownRoute``.
    func index(of path: String) -> Int {
        paths.dropLast().firstIndex(of: path) ?? paths.count - 1
    }

    /// The path of this number.
    func path(_ index: Int) -> String { paths[index] }

    func count(path: Int, method: HTTPMethod, status: Int) {
        guard let status = Self.statuses.firstIndex(of: status) else { return }
        counters.add(at: (path * Self.methods.count + method.number) * Self.statuses.count + status)
    }

    /// - Parameter nanoseconds: from the request's head to its answer.
    package func count(_ request: Request, nanoseconds: Int64) {
        histograms[request.path].add(nanoseconds: nanoseconds)
    }

    /// Of all routes that were asked for.
    package var durations: [Durations] {
        zip(paths, histograms).compactMap { path, histogram in
            let (cumulative, nanoseconds) = histogram.sample
            guard let count = cumulative.last, count > 0 else { return nil }
            let bounds = DurationHistogram.bounds.map { Double($0) / 1e9 } + [.infinity]
            return Durations(
                route: path, buckets: Array(zip(bounds, cumulative)), sum: Double(nanoseconds) / 1e9, count: count)
        }
    }

    /// All that is not zero.
    package var samples: [Sample] {
        counters.values.enumerated().compactMap { index, count in
            guard count > 0 else { return nil }
            let (rest, status) = index.quotientAndRemainder(dividingBy: Self.statuses.count)
            let (path, method) = rest.quotientAndRemainder(dividingBy: Self.methods.count)
            return Sample(
                route: paths[path], method: Self.methods[method].rawValue, status: Self.statuses[status],
                count: count)
        }
    }
}

extension HTTPMethod {
    /// The method's place in `allCases`.
    fileprivate var number: Int {
        switch self {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        case .other: 7
        }
    }
}
