/// What everybody but its reader needs to know of a setting: what it is called, and what is said of it. Two are equal if they
/// have the same variable.
///
/// `Setting.loops` is that of the row `loops` of ``Settings``.
@dynamicMemberLookup
struct Setting: Sendable {
    /// Of the environment.
    let variable: String
    /// Where it stands in the configuration file: names of mappings, and its own, with dots between them.
    let path: String
    let kind: SettingKind
    /// The default, as it could be written: text, read like any other source.
    let defaultText: String
    /// The default for documents, where it depends on the machine.
    let documentedDefault: String
    let help: String
    let secret: Secret?
    /// Whether a change takes effect while the gateway runs.
    let isReloadable: Bool

    /// What of it is never shown. It may be in a file of its own.
    enum Secret {
        /// It has no option, either: command lines can be seen.
        case all
        /// The one in a URI.
        case password
    }

    /// The option without its dashes, of which secrets may have none: `http-address`.
    var option: String? {
        guard secret != .all else { return nil }
        return variable.dropFirst(Self.prefix.count).lowercased().split(separator: "_").joined(separator: "-")
    }

    /// The variable that names the file of a secret.
    var fileVariable: String? { secret.map { _ in variable + "_FILE" } }

    /// Where the name of a secret's file stands in the configuration file.
    var filePath: String? { secret.map { _ in path + "File" } }

    /// With which all variables begin.
    static let prefix = "GATEWAY_"

    static subscript<Value>(dynamicMember row: KeyPath<Settings, Settings.Row<Value>>) -> Setting {
        Settings.table[keyPath: row].setting
    }

    /// In the order of the table.
    static let all = named.map(\.setting)

    /// With the names of their rows.
    static let named = Mirror(reflecting: Settings.table).children.map { child in
        (name: child.label!, setting: (child.value as! any SettingRow).setting)
    }

    /// Settings that there were, by variable and path, and why they are gone.
    static let gone: [(variable: String, path: String, reason: String)] = [
        (
            "GATEWAY_AMQP0_UNION", "amqp0.union",
            "is gone: several rooms always go out so that each socket receives the event once; remove it"
        )
    ]
}

extension Setting: Hashable, CustomStringConvertible, CustomReflectable {
    static func == (first: Setting, second: Setting) -> Bool { first.variable == second.variable }
    func hash(into hasher: inout Hasher) { hasher.combine(variable) }
    var description: String { variable }
    /// The rest is the same everywhere.
    var customMirror: Mirror { Mirror(self, children: []) }
}
