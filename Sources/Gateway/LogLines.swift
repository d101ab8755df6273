internal import Glibc
internal import JSON
internal import Logging

enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// Standard error, for the last words of commands; one `write` each. The serving gateway logs instead.
enum StandardError {
    static func write(_ text: String) {
        write(Array(text.utf8))
    }

    static func write(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Makes a line of each message, for standard error.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    let format: LogFormat
    private let shared: LogLevel
    /// The level that was set for this logger alone.
    private var own: Logger.Level?

    init(format: LogFormat, level: LogLevel) {
        self.format = format
        shared = level
    }

    var logLevel: Logger.Level {
        get { own ?? shared.current }
        set { own = newValue }
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
        LogWriter.standardError.write(line) { dropped in
            Self.line(
                format, time: Self.timestamp(), level: Logger.Level.warning.rawValue,
                message: "lines were dropped: standard error was not read", fields: [("lines", String(dropped))])
                + [UInt8(ascii: "\n")]
        }
    }

    static func line(
        _ format: LogFormat, time: String, level: String, message: String, fields: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        switch format {
        case .json:
            line = JSONWriter.bytes { json in
                json.object { json in
                    for (key, value) in [("time", time), ("level", level), ("message", message)] + fields {
                        // Quoted and escaped, as below.
                        json.member(named: key) { json in json.verbatim { $0.append(quoted: value) } }
                    }
                }
            }
        case .text:
            line.append(contentsOf: "\(time) \(level) ".utf8)
            line.append(printable: message)
            for (key, value) in fields {
                line.append(contentsOf: " \(key)=".utf8)
                // Quoted and escaped: nothing that a value contains can look like another line or field.
                line.append(quoted: value)
            }
        }
        return line
    }

    /// RFC 3339 in UTC, to the millisecond.
    static func timestamp() -> String {
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

extension [UInt8] {
    /// Appends a JSON string in which everything is escaped that a terminal or a reader of lines may take for an order:
    /// beside those that JSON wants escaped, DEL, C1 controls, separators of lines and paragraphs, and characters that
    /// turn the direction of writing.
    fileprivate mutating func append(quoted text: String) {
        guard text.hasInvisible else { return append(jsonString: text) }
        append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\", "\n", "\r", "\t":
                append(contentsOf: String(scalar).jsonLiteral.utf8.dropFirst().dropLast())
            default: append(printable: scalar)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// The same without quotes, which text of the program's own needs not.
    fileprivate mutating func append(printable text: String) {
        guard text.hasInvisible else { return append(contentsOf: text.utf8) }
        for scalar in text.unicodeScalars { append(printable: scalar) }
    }

    private mutating func append(printable scalar: Unicode.Scalar) {
        guard scalar.isInvisible else { return append(contentsOf: UTF8.encode(scalar)!) }
        for unit in UTF16.encode(scalar)! {
            let digits = String(unit, radix: 16)
            append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
        }
    }
}

extension String {
    fileprivate var hasInvisible: Bool {
        !utf8.allSatisfy { (0x20...0x7E).contains($0) } && unicodeScalars.contains(where: \.isInvisible)
    }
}

extension Unicode.Scalar {
    fileprivate var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
