import Logging
import Routes
import Testing

@testable import Gateway

@Suite("The level of the log")
struct LogLevelTests {
    @Test("admits what is at least as important", arguments: Logger.Level.allCases)
    func admits(level: Logger.Level) {
        let shared = LogLevel(level)
        #expect(shared.current == level)
        for other in Logger.Level.allCases { #expect(shared.admits(other) == (other >= level)) }
    }

    @Test("can be changed under the loggers that are there already")
    func changes() {
        let level = LogLevel(.info)
        let logger = Logger(label: "x") { _ in LogLines(format: .text, level: level) }
        var other = logger
        let requests = RequestLog(logger, level)
        #expect(logger.logLevel == .info && !requests.isEnabled(.debug) && requests.isEnabled(.info))
        level.current = .debug
        #expect(logger.logLevel == .debug && requests.isEnabled(.debug) && !requests.isEnabled(.trace))
        // One that was given a level of its own keeps it.
        other.logLevel = .error
        #expect(other.logLevel == .error && logger.logLevel == .debug)
        level.current = .trace
        #expect(other.logLevel == .error && logger.logLevel == .trace)
    }

    @Test("has a place for what is said of requests", arguments: RequestReport.Level.allCases)
    func requests(level: RequestReport.Level) {
        #expect("\(Logger.Level(level))" == "\(level)")
    }
}
