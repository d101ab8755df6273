/// The description of a setting's values.
package struct SettingKind: Sendable {
    /// The values that are taken, in short.
    package let words: String
    /// The text behind that where there is room: examples, and what is not taken.
    package let detail: String
    /// The placeholder of a value in `--help`.
    package let placeholder: String
    /// All values, to be chosen from; empty: there are too many.
    package let choices: [String]
    /// Whether it is a list, with commas between its elements in a variable.
    package let isList: Bool

    package init(
        words: String, detail: String = "", placeholder: String, choices: [String] = [], isList: Bool = false
    ) {
        self.words = words
        self.detail = detail
        self.placeholder = placeholder
        self.choices = choices
        self.isList = isList
    }

    /// To stand behind "must be".
    package var expected: String { words + detail }
}

/// The type of a setting: how its text is read, and how what was read is shown.
package struct SettingType<Value>: Sendable {
    package let kind: SettingKind
    /// `nil`: the text is none of it.
    package let parse: @Sendable (String) -> Value?
    /// One text for whatever means the same; `nil`: as it was written.
    package let show: (@Sendable (Value) -> String)?

    package init(
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
    package static func count(_ range: ClosedRange<Int>, zero: String? = nil) -> Self {
        let least = zero.map { "\(range.lowerBound) (\($0))" } ?? "\(range.lowerBound)"
        let kind = SettingKind(words: "a number from \(least) to \(range.upperBound)", placeholder: "count")
        return SettingType(kind) { Int($0, in: range) }
    }

    package static func bytes(_ range: ClosedRange<Int>) -> Self {
        SettingType(
            SettingKind(
                words: "a size from \(range.lowerBound) to \(range.upperBound) bytes",
                detail: ", such as 65536, 64KiB, 2MiB or 1MB", placeholder: "size"),
            parse: { ByteCount.read($0).flatMap { range.contains($0) ? $0 : nil } }, show: { String($0) })
    }
}

extension SettingType<Duration> {
    /// - Parameter most: `nil`: as long as can be written.
    package static func duration(from least: Duration = .milliseconds(1), to most: Duration? = nil) -> Self {
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
    package static func wholeSeconds(from least: Duration) -> Self {
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
    package static var onOff: Self {
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
    package static var text: Self { SettingType(SettingKind(words: "a text", placeholder: "text")) { $0 } }

    package static func oneOf(_ names: [String]) -> Self {
        SettingType(SettingKind(words: names.inWords, placeholder: "name", choices: names)) {
            names.contains($0) ? $0 : nil
        }
    }
}

extension [String] {
    /// `a, b or c`
    package var inWords: String {
        guard count > 1, let last else { return first ?? "" }
        return "\(dropLast().joined(separator: ", ")) or \(last)"
    }
}
