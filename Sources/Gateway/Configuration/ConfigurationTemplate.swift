internal import SettingTypes

/// A configuration file to begin with: every setting with its default and its description, and none of them set.
enum ConfigurationTemplate {
    static let text = introduction + SettingReference.sections.map(text).joined() + entries

    private static let introduction = """
        # The configuration of socketio-gateway. What stands here are the defaults: take away the "#" before a setting, and
        # before the name of its mapping, to change it. `socketio-gateway config check --config FILE` says what is wrong.
        #
        # Durations are 500ms, 5s, 5m, 1h, 1d or a number of seconds; sizes are bytes, 64KiB, 2MiB or 1MB. What is marked as
        # reloaded is taken over while the gateway runs.

        """

    private static let entries = """

        # Keys for callers, made by `socketio-gateway keys create`. Reloaded.
        #keys: []

        # Webhooks and CloudEvents: docs/webhooks.md. Reloaded.
        #hooks: []
        #cloudEvents: {}

        """

    private static func text(_ section: (name: String, settings: [Setting])) -> String {
        let indent = section.name.isEmpty ? "" : "  "
        let head = section.name.isEmpty ? "" : "\n#\(section.name):\n"
        let parts = section.settings.map { setting in
            comment(on: setting).map { "\(indent)# \($0)\n" }.joined()
                + lines(of: setting).map { "\(indent)#\($0)\n" }.joined()
        }
        return head + (section.name.isEmpty ? "\n" : "") + parts.joined(separator: "\n")
    }

    /// The setting with its default; a secret with the name of its file, too.
    private static func lines(of setting: Setting) -> [String] {
        let name = setting.path.split(separator: ".").last ?? ""
        let line = hasOneDefault(setting) ? "\(name): \(ConfigurationText.value(of: setting))" : "\(name):"
        return setting.filePath == nil ? [line] : [line, "\(name)File: \"\""]
    }

    private static func comment(on setting: Setting) -> [String] {
        let usual = hasOneDefault(setting) ? "" : " Default: \(setting.documentedDefault)."
        let reloaded = setting.isReloadable ? " Reloaded." : ""
        return wrapped("\(setting.help) Must be \(setting.kind.expected).\(usual)\(reloaded)", to: 116)
    }

    /// Or it depends on the machine.
    private static func hasOneDefault(_ setting: Setting) -> Bool { setting.documentedDefault == setting.defaultText }

    private static func wrapped(_ text: String, to width: Int) -> [String] {
        text.split(separator: " ").reduce(into: [String]()) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }
}
