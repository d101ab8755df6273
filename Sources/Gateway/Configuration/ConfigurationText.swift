internal import AMQPBridge
internal import JSON
internal import Routes
internal import SettingTypes

/// A configuration in YAML, as `config print` shows it: every setting with its origin, and no secret.
struct ConfigurationText {
    private(set) var text = ""

    init(_ configuration: Configuration) {
        var section = ""
        // Those with a section of their own stand together.
        let settings = Setting.all.filter { configuration.origins[$0] != nil }
        let sections = settings.map(\.section)
        let sorted = settings.enumerated().sorted { first, second in
            let (left, right) = (
                sections.firstIndex(of: first.element.section)!, sections.firstIndex(of: second.element.section)!
            )
            return first.element.section.isEmpty != second.element.section.isEmpty
                ? first.element.section.isEmpty : (left, first.offset) < (right, second.offset)
        }
        for (_, setting) in sorted {
            guard let found = configuration.origins[setting] else { continue }
            if setting.section != section { text += "\(setting.section):\n" }
            section = setting.section
            let indent = section.isEmpty ? "" : "  "
            let name = setting.path.split(separator: ".").last ?? ""
            text += "\(indent)\(name): \(Self.value(of: setting, found.text))  # \(found.origin.inWords)\n"
        }
        if !configuration.keys.isEmpty { text += "keys:\n" }
        for key in configuration.keys { append(key) }
        if !configuration.hooks.isEmpty { text += "hooks:\n" }
        for hook in configuration.hooks {
            for (index, member) in hook.members.enumerated() {
                text += "\(index == 0 ? "  - " : "    ")\(member.key): \(member.value.json)\n"
            }
            for name in hook.hiddenMembers {
                text += "    \(name): \(name == "secrets" ? "[\(Self.redacted)]" : Self.redacted)\n"
            }
        }
        if let cloudEvents = configuration.cloudEvents { text += "cloudEvents: \(cloudEvents.node.json)\n" }
    }

    private mutating func append(_ key: KeyEntry) {
        text += "  - name: \(Self.quoted(key.name))\n"
        let hidden = key.digests.map { _ in Self.redacted }.joined(separator: ", ")
        text += "    sha256: \(key.digests.count == 1 ? hidden : "[\(hidden)]")\n"
        text += "    scopes: \(Self.list(Scope.allCases.filter(key.scopes.contains).map(\.rawValue)))\n"
        for (name, globs) in [
            ("namespaces", key.reach.namespaces), ("rooms", key.reach.rooms), ("sockets", key.reach.sockets),
            ("events", key.reach.events),
        ] {
            text += "    \(name): \(Self.list(globs.patterns))\n"
        }
        if let expires = key.expires { text += "    expires: \(UTCTime(seconds: expires))\n" }
        if let rate = key.rate { text += "    rate: \(rate.text)\n    burst: \(rate.burst)\n" }
    }

    /// Stands for a secret.
    static let redacted = "(redacted)"

    private static func value(of setting: Setting, _ text: String) -> String {
        switch shown(setting, text) {
        case .hidden: redacted
        case .text(let text): quoted(text)
        case .list(let texts): list(texts)
        }
    }

    /// The default, as a value in YAML.
    static func value(of setting: Setting) -> String {
        setting.kind.isList
            ? list(setting.defaultText.split(separator: ",").map(String.init)) : quoted(setting.defaultText)
    }

    /// The part of a setting that may be shown.
    enum Shown: Equatable {
        case hidden
        case text(String)
        case list([String])
    }

    static func shown(_ setting: Setting, _ text: String) -> Shown {
        switch setting.secret {
        case .all: .hidden
        case .password: .text(BrokerLink.Configuration.withoutPasswords(text))
        case nil where setting.kind.isList: .list(text.split(separator: ",").map(String.init))
        case nil: .text(text)
        }
    }

    private static func list(_ texts: [String]) -> String {
        "[" + texts.map(quoted).joined(separator: ", ") + "]"
    }

    /// JSON is YAML; text that can stand for itself does.
    static func quoted(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { (48...57).contains($0) || (97...122).contains($0 | 0x20) } ?? false
            && text.utf8.allSatisfy {
                (48...57).contains($0) || (97...122).contains($0 | 0x20) || [45, 46, 47, 95].contains($0)
            }
        // Other programs take 0660 for a number in octal.
        let isOctal = text.utf8.count > 1 && text.hasPrefix("0") && text.utf8.allSatisfy { (48...57).contains($0) }
        if isPlain, !isOctal, text.lowercased() != "null" { return text }
        return text.jsonLiteral
    }
}

extension Setting {
    /// The mapping that it stands in; empty: the topmost one.
    var section: String {
        path.split(separator: ".").dropLast().joined(separator: ".")
    }
}

extension SettingSource.Origin {
    fileprivate var inWords: String {
        switch self {
        case .flag: "command line"
        case .environment: "environment"
        case .file(let line): "line \(line)"
        case .byDefault: "default"
        case .secretFile(let path): "from \(path.filter { !$0.isNewline })"
        }
    }
}
