internal import Logging
internal import Routes

/// Writes a line for each request that ``LogLevel`` does not leave out.
struct RequestLog: Sendable {
    private let logger: Logger
    private let level: LogLevel

    init(_ logger: Logger, _ level: LogLevel) {
        self.logger = logger
        self.level = level
    }

    /// Asked for every request.
    func isEnabled(_ level: RequestReport.Level) -> Bool { self.level.admits(Logger.Level(level)) }

    func write(_ report: RequestReport) {
        let fields = report.fields.map { ($0.name, Logger.MetadataValue.string($0.value)) }
        // A refusal's `reason` and an emit's are never in one line; were they, the first would stand.
        let metadata = Logger.Metadata(fields) { first, _ in first }
        logger.log(level: Logger.Level(report.level), "request", metadata: metadata)
    }
}

extension Logger.Level {
    init(_ level: RequestReport.Level) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
    }
}
