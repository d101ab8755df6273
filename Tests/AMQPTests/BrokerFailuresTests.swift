import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("The log's brokers that are not there")
struct BrokerFailuresTests {
    private let start = MonotonicTime.seconds(1_000)

    private func failure(_ host: String, _ reason: String = "connection refused") throws -> BrokerRound.Failure {
        let configuration = try BrokerLink.Configuration(url: "amqp://u:p@\(host):1/")
        return BrokerRound.Failure(endpoint: configuration.endpoint, error: BrokerError(reason))
    }

    @Test("are told once for each reason, each broker by itself")
    func reasons() throws {
        var failures = BrokerFailures()
        let (a, b) = (try failure("a"), try failure("b"))
        for (failure, expected) in [
            (a, true), (b, true), (a, false), (b, false), (try failure("a", "timed out"), true), (b, false), (a, true),
        ] {
            let isNews = failures.isNews(failure, isReplaced: false, now: start + .seconds(3_600))
            #expect(isNews == expected)
        }
    }

    @Test("are news again when they have let us in")
    func forgotten() throws {
        var failures = BrokerFailures()
        let (a, b) = (try failure("a"), try failure("b"))
        for failure in [a, b] { _ = failures.isNews(failure, isReplaced: false, now: start) }
        failures.forget(a.endpoint)
        let areNews = [a, b].map { failures.isNews($0, isReplaced: false, now: start) }
        #expect(areNews == [true, false])
    }

    @Test("are told once a minute while another one answers, whatever they say")
    func replaced() throws {
        var failures = BrokerFailures()
        for (seconds, reason, expected) in [
            (0, "x", true), (59, "x", false), (59, "y", false), (60, "x", true), (61, "x", false), (121, "y", true),
        ] {
            let now = start + .seconds(seconds)
            let isNews = failures.isNews(try failure("a", reason), isReplaced: true, now: now)
            #expect(isNews == expected)
        }
    }
}
