import BrokerFixtures
import EventLoop
import Logging
import Synchronization
import Testing

@testable import AMQPBridge

@Suite("The log of emits that nobody was there for")
struct UnroutedLogTests {
    private final class Lines: LogHandler, Sendable {
        private let taken = Mutex<[(level: Logger.Level, metadata: Logger.Metadata)]>([])

        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        var all: [(level: Logger.Level, metadata: Logger.Metadata)] { taken.withLock { $0 } }

        subscript(metadataKey _: String) -> Logger.MetadataValue? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) { taken.withLock { $0.append((event.level, event.metadata ?? [:])) } }
    }

    private let lines = Lines()
    private let start = MonotonicTime.seconds(100)

    private func log() -> UnroutedLog {
        UnroutedLog(Logger(label: "test") { [lines] _ in lines }, wireFormat: "amqp0", virtualHost: "/v")
    }

    @Test("has one line a minute for each exchange and each reason, and for each namespace that is missing")
    func limits() {
        let log = log()
        func note(_ reason: UnroutedReason, _ exchange: String, _ namespace: String, _ seconds: Int64) {
            log.note(reason, exchange: exchange, namespace: namespace, cluster: nil, now: start + .seconds(seconds))
        }
        for namespace in ["/", "/chat"] { note(.noServer, "x", namespace, 0) }
        #expect(lines.all.count == 1)
        note(.noServer, "y", "/", 1)
        note(.noExchange, "y", "/", 1)
        #expect(lines.all.count == 3)
        for namespace in ["/a", "/b", "/a"] { note(.noNamespace, "x", namespace, 1) }
        #expect(lines.all.count == 5)
        note(.noServer, "x", "/", 59)
        #expect(lines.all.count == 5)
        note(.noServer, "x", "/", 60)
        #expect(lines.all.count == 6)
        for number in 0..<10_000 { note(.noNamespace, "x", "/\(number)", 61) }
        #expect(lines.all.count < 6 + 22)
    }

    @Test("says where it was, and of rooms without a member, which are nothing unusual, more quietly")
    func contents() throws {
        for reason in UnroutedReason.allCases {
            log().note(reason, exchange: "x", namespace: "/c", cluster: nil, now: start)
            let line = try #require(lines.all.last)
            #expect(line.level == (reason == .noMember ? .notice : .warning))
            #expect(line.metadata["reason"] == "\(reason.rawValue)")
            #expect(line.metadata["exchange"] == "x" && line.metadata["virtualHost"] == "/v")
            #expect(line.metadata["wireFormat"] == "amqp0")
            #expect((line.metadata["namespace"] == "/c") == (reason == .noNamespace))
            #expect(line.metadata["hint"] != nil)
        }
    }
}
