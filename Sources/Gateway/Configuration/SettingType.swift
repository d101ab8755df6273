internal import Logging
internal import Routes

/// What is said of the values of a setting.
struct SettingKind: Sendable {
    /// What is taken, in short.
    let words: String
    /// What stands behind that where there is room: examples, and what is not taken.
    var detail = ""
    /// What stands for a value in `--help`.
    let placeholder: String
    /// All values, to be chosen from; empty: there are too many.
    var choices: [String] = []
    /// Whether it is a list, with commas between its elements in a variable.
    var isList = false

    /// To stand behind "must be".
    var expected: String { words + detail }
}

/// What a setting can be: how its text is read, and how what was read is shown.
struct SettingType<Value>: Sendable {
    let kind: SettingKind
    /// `nil`: the text is none of it.
    let parse: @Sendable (String) -> Value?
    /// One text for whatever means the same; `nil`: as it was written.
    let show: (@Sendable (Value) -> String)?

    init(
        _ kind: SettingKind, parse: @escaping @Sendable (String) -> Value?,
        show: (@Sendable (Value) -> String)? = nil
    ) {
        self.kind = kind
        self.parse = parse
        self.show = show
    }
}

extension SettingType<Int> {
    /// - Parameter zero: what zero means, if it means something of its own.
    static func count(_ range: ClosedRange<Int>, zero: String? = nil) -> Self {
        let least = zero.map { "\(range.lowerBound) (\($0))" } ?? "\(range.lowerBound)"
        let kind = SettingKind(words: "a number from \(least) to \(range.upperBound)", placeholder: "count")
        return SettingType(kind) { Int($0, in: range) }
    }

    static func bytes(_ range: ClosedRange<Int>) -> Self {
        SettingType(
            SettingKind(
                words: "a size from \(range.lowerBound) to \(range.upperBound) bytes",
                detail: ", such as 65536, 64KiB, 2MiB or 1MB", placeholder: "size"),
            parse: { ByteCount.read($0).flatMap { range.contains($0) ? $0 : nil } }, show: { String($0) })
    }
}

extension SettingType<Duration> {
    /// - Parameter most: `nil`: as long as can be written.
    static func duration(from least: Duration = .milliseconds(1), to most: Duration? = nil) -> Self {
        let words =
            switch (least, most) {
            case (.zero, nil): "0, or a duration"
            case (.zero, let most?): "0, or a duration of at most \(most.text)"
            case (_, nil): "a duration of at least \(least.text)"
            case (_, let most?): "a duration from \(least.text) to \(most.text)"
            }
        return SettingType(
            SettingKind(words: words, detail: ", such as 500ms, 5s, 5m or 1h", placeholder: "duration"),
            parse: { Duration(text: $0).flatMap { least <= $0 && $0 <= most ?? $0 ? $0 : nil } }, show: { $0.text })
    }

    /// Whole seconds, ten minutes at the most.
    static func wholeSeconds(from least: Duration) -> Self {
        let words = least == .zero ? "0, or whole seconds up to 600s" : "whole seconds from \(least.text) to 600s"
        return SettingType(
            SettingKind(words: words, detail: ", such as 10s or 5m", placeholder: "duration"),
            parse: {
                Duration(text: $0).flatMap {
                    least <= $0 && $0 <= .seconds(600) && $0.components.attoseconds == 0 ? $0 : nil
                }
            }, show: { $0.text })
    }
}

extension SettingType<Bool> {
    static var onOff: Self {
        SettingType(
            SettingKind(words: "true or false", placeholder: "bool", choices: ["true", "false"]),
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
    static var text: Self { SettingType(SettingKind(words: "a text", placeholder: "text")) { $0 } }

    /// Whoever reads it says what is wrong with it: what is would show the password.
    static var amqpURI: Self {
        SettingType(SettingKind(words: "amqp://user:password@host:port/vhost", placeholder: "amqp-uri")) { $0 }
    }

    /// The name of an exchange.
    static var amqpName: Self {
        SettingType(SettingKind(words: "a name of 1 to 255 bytes", placeholder: "name")) {
            (1...255).contains($0.utf8.count) ? $0 : nil
        }
    }

    static func oneOf(_ names: [String]) -> Self {
        SettingType(SettingKind(words: names.inWords, placeholder: "name", choices: names)) {
            names.contains($0) ? $0 : nil
        }
    }
}

extension SettingType<[String]> {
    static var namespaces: Self {
        let kind = SettingKind(
            words: "namespaces separated by commas", detail: ", such as /,/chat", placeholder: "list", isList: true)
        return SettingType(kind) { text in
            let names = text.split(separator: ",").map(String.init)
            return !names.isEmpty && Set(names).count == names.count
                && names.allSatisfy { $0.hasPrefix("/") && !$0.contains("#") } ? names : nil
        }
    }
}

extension SettingType<Logger.Level> {
    static var logLevel: Self {
        let names = Logger.Level.allCases.map(\.rawValue)
        let words = names.map { $0 == "warning" ? "warning (or warn)" : $0 }.inWords
        return SettingType(
            SettingKind(words: "a level: \(words)", placeholder: "level", choices: names),
            parse: { Logger.Level(rawValue: $0 == "warn" ? "warning" : $0) }, show: { $0.rawValue })
    }
}

extension SettingType<LogFormat> {
    static var logFormat: Self {
        let names = LogFormat.allCases.map(\.rawValue)
        return SettingType(SettingKind(words: names.inWords, placeholder: "format", choices: names)) {
            LogFormat(rawValue: $0)
        }
    }
}

extension SettingType<ListenAddress> {
    static var listenAddress: Self {
        SettingType(SettingKind(words: "host:port", placeholder: "host:port")) { ListenAddress($0) }
    }
}

extension SettingType<TrustedProxies> {
    static var trustedProxies: Self {
        SettingType(
            SettingKind(
                words: "addresses and networks separated by commas", detail: ", such as 10.0.0.0/8,2001:db8::1",
                placeholder: "list", isList: true)
        ) { TrustedProxies($0) }
    }
}

extension SettingType<CORSPolicy> {
    static var corsOrigins: Self {
        SettingType(
            SettingKind(
                words: "none, or origins separated by commas",
                detail: """
                    , as browsers send them: scheme://host or scheme://host:port, such as https://app.example.com, without a \
                    path, a slash at the end or the scheme's own port; neither '*' nor 'null'
                    """, placeholder: "origins", isList: true)
        ) { CORSPolicy(text: $0) }
    }
}

extension [String] {
    /// `a, b or c`
    var inWords: String {
        guard count > 1, let last else { return first ?? "" }
        return "\(dropLast().joined(separator: ", ")) or \(last)"
    }
}
