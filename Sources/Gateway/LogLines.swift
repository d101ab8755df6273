internal import Glibc
internal import JSON
internal import Logging

enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// One `write` each, so that lines of different threads do not mix.
enum StandardError {
    static func write(_ text: String) {
        write(Array(text.utf8))
    }

    static func write(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Writes each message as one line to standard error, in one `write`.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let format: LogFormat

    init(format: LogFormat, level: Logger.Level) {
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let fields = merged.map { (key: $0.key, value: $0.value.description) }
        var line = Self.line(
            format, time: Self.timestamp(), level: event.level.rawValue, message: event.message.description,
            fields: fields)
        line.append(UInt8(ascii: "\n"))
        StandardError.write(line)
    }

    static func line(
        _ format: LogFormat, time: String, level: String, message: String, fields: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        switch format {
        case .json:
            line.append(json: "{")
            for (key, value) in [("time", time), ("level", level), ("message", message)] + fields {
                if line.count > 1 { line.append(json: ",") }
                line.append(jsonString: key)
                line.append(json: ":")
                line.append(jsonString: value)
            }
            line.append(json: "}")
        case .text:
            line.append(contentsOf: "\(time) \(level) ".utf8)
            line.append(contentsOf: message.utf8)
            for (key, value) in fields {
                line.append(contentsOf: " \(key)=".utf8)
                // Quoted and escaped: nothing that a value contains can look like another line or field.
                line.append(jsonString: value)
            }
        }
        return line
    }

    /// RFC 3339 in UTC, to the millisecond.
    private static func timestamp() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(Int(number))
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
            + "T\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
            + ".\(padded(time.tv_nsec / 1_000_000, 3))Z"
    }
}
