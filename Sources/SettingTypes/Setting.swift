/// All that is known of a setting beside its reader: what it is called, and what is said of it. Two are equal if they
/// have the same variable.
package struct Setting: Sendable {
    /// Of the environment.
    package let variable: String
    /// Where it stands in the configuration file: names of mappings, and its own, with dots between them.
    package let path: String
    package let kind: SettingKind
    /// The default, as it could be written: text, read like any other source.
    package let defaultText: String
    /// The default for documents, where it depends on the machine.
    package let documentedDefault: String
    package let help: String
    package let secret: Secret?
    /// Whether a change takes effect while the gateway runs.
    package let isReloadable: Bool

    init(
        variable: String, path: String, kind: SettingKind, defaultText: String, documentedDefault: String, help: String,
        secret: Secret?, isReloadable: Bool
    ) {
        self.variable = variable
        self.path = path
        self.kind = kind
        self.defaultText = defaultText
        self.documentedDefault = documentedDefault
        self.help = help
        self.secret = secret
        self.isReloadable = isReloadable
    }

    /// The part of it that is never shown. It may be in a file of its own.
    package enum Secret: Sendable {
        /// It has no option, either: command lines can be seen.
        case all
        /// The one in a URI.
        case password
    }

    /// The option without its dashes, of which secrets may have none: `http-address`.
    package var option: String? {
        guard secret != .all else { return nil }
        return variable.dropFirst(Self.prefix.count).lowercased().split(separator: "_").joined(separator: "-")
    }

    /// The variable that names the file of a secret.
    package var fileVariable: String? { secret.map { _ in variable + "_FILE" } }

    /// Where the name of a secret's file stands in the configuration file.
    package var filePath: String? { secret.map { _ in path + "File" } }

    /// With which all variables begin.
    package static let prefix = "GATEWAY_"
}

extension Setting: Hashable, CustomStringConvertible, CustomReflectable {
    package static func == (first: Setting, second: Setting) -> Bool { first.variable == second.variable }
    package func hash(into hasher: inout Hasher) { hasher.combine(variable) }
    package var description: String { variable }
    /// The rest is the same everywhere.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
