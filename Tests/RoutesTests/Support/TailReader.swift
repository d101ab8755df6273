import EventLoop

@testable import Routes

/// A stream of the tail with a client that reads all that there is. For it no time passes, if a test does not say so: tests
/// run in parallel, and one may wait longer than the pause after which a stream says that it is there.
final class TailReader {
    let stream: any BodyStream
    let start: MonotonicTime

    init(_ tail: Tail, _ filter: TailFilter) throws {
        stream = TextStream(TailReading(tail, filter), at: try StreamPlaces().take())
        start = .now()
        stream.begin(wake: {}, now: start)
    }

    /// The stream of an exchange, from its beginning.
    init?(_ exchange: Exchange) {
        guard let stream = exchange.request.stream else { return nil }
        self.stream = stream
        start = .now()
        stream.begin(wake: {}, now: start)
    }

    func read(now: MonotonicTime? = nil) -> String {
        let now = now ?? start
        var (text, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1_000))
        while case .bytes(let count) = buffer.withUnsafeMutableBytes({ stream.next(into: $0, now: now) }) {
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The data of the events that it reads, by their names.
    func events(_ name: String = "entry") -> [String] {
        read().components(separatedBy: "\n\n").compactMap { event in
            let prefix = "event: \(name)\ndata: "
            return event.hasPrefix(prefix) ? String(event.dropFirst(prefix.count)) : nil
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: true)
    }
}

extension Router {
    /// Has a request served, and the tail told of it, as in the gateway.
    @discardableResult
    func told(
        _ method: HTTPMethod, _ path: String, _ headers: KeyValuePairs<HeaderName, String> = [:], body: String? = nil,
        outcome: RequestReport.Outcome = .answered
    ) async -> Exchange {
        let exchange = await exchange(method, path, headers, body: body)
        tell(of: exchange.request, RequestReport.Answer(exchange.response), outcome, duration: .microseconds(1_250))
        return exchange
    }
}
