internal import Logging
internal import Routes

/// What a setting can be: how its text is read, and how what was read is shown.
struct SettingType<Value> {
    /// What is taken, to stand behind "must be".
    let expected: String
    /// `nil`: the text is none of it.
    let parse: (String) -> Value?
    /// One text for whatever means the same; `nil`: as it was written.
    var show: ((Value) -> String)?
}

extension SettingType<Int> {
    /// - Parameter zero: what zero means, if it means something of its own.
    static func count(_ range: ClosedRange<Int>, zero: String? = nil) -> Self {
        let least = zero.map { "\(range.lowerBound) (\($0))" } ?? "\(range.lowerBound)"
        return SettingType(expected: "a number from \(least) to \(range.upperBound)") { Int($0, in: range) }
    }

    static func bytes(_ range: ClosedRange<Int>) -> Self {
        SettingType(
            expected: "a size from \(range.lowerBound) to \(range.upperBound) bytes, such as 65536, 64KiB, 2MiB or 1MB",
            parse: { ByteCount.read($0).flatMap { range.contains($0) ? $0 : nil } }, show: String.init)
    }
}

extension SettingType<Duration> {
    /// - Parameter most: `nil`: as long as can be written.
    static func duration(from least: Duration = .milliseconds(1), to most: Duration? = nil) -> Self {
        let range =
            switch (least, most) {
            case (.zero, nil): "0, or a duration"
            case (.zero, let most?): "0, or a duration of at most \(most.text)"
            case (_, nil): "a duration of at least \(least.text)"
            case (_, let most?): "a duration from \(least.text) to \(most.text)"
            }
        return SettingType(
            expected: "\(range), such as 500ms, 5s, 5m or 1h",
            parse: { Duration(text: $0).flatMap { least <= $0 && $0 <= most ?? $0 ? $0 : nil } }, show: \.text)
    }

    /// Whole seconds, ten minutes at the most.
    static func wholeSeconds(from least: Duration) -> Self {
        let range = least == .zero ? "0, or whole seconds up to 600s" : "whole seconds from \(least.text) to 600s"
        return SettingType(
            expected: "\(range), such as 10s or 5m",
            parse: {
                Duration(text: $0).flatMap {
                    least <= $0 && $0 <= .seconds(600) && $0.components.attoseconds == 0 ? $0 : nil
                }
            }, show: \.text)
    }
}

extension SettingType<Bool> {
    static var onOff: Self {
        SettingType(
            expected: "true or false",
            parse: { text in
                switch text.lowercased() {
                case "true", "1", "yes", "on": true
                case "false", "0", "no", "off": false
                default: nil
                }
            }, show: { $0 ? "true" : "false" })
    }
}

extension SettingType<String> {
    /// The name of an exchange.
    static var amqpName: Self {
        SettingType(expected: "a name of 1 to 255 bytes") { (1...255).contains($0.utf8.count) ? $0 : nil }
    }

    static func oneOf(_ names: [String]) -> Self {
        SettingType(expected: names.joined(separator: " or ")) { names.contains($0) ? $0 : nil }
    }
}

extension SettingType<Logger.Level> {
    static var logLevel: Self {
        SettingType(
            expected: "a level: trace, debug, info, notice, warning (or warn), error or critical",
            parse: { Logger.Level(rawValue: $0 == "warn" ? "warning" : $0) }, show: \.rawValue)
    }
}

extension SettingType<LogFormat> {
    static var logFormat: Self { SettingType(expected: "text or json") { LogFormat(rawValue: $0) } }
}

extension SettingType<ListenAddress> {
    static var listenAddress: Self { SettingType(expected: "host:port") { ListenAddress($0) } }
}

extension SettingType<TrustedProxies> {
    static var trustedProxies: Self {
        SettingType(expected: "addresses or networks such as 10.0.0.0/8,2001:db8::1") { TrustedProxies($0) }
    }
}

extension SettingType<CORSPolicy> {
    static var corsOrigins: Self {
        SettingType(
            expected:
                "none, or origins separated by commas, as browsers send them: scheme://host or scheme://host:port, "
                + "such as https://app.example.com, without a path, a slash at the end or the scheme's own port; neither "
                + "'*' nor 'null'",
            parse: CORSPolicy.init(text:))
    }
}
