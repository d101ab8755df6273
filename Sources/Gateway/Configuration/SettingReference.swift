internal import SettingTypes

/// Every setting for people to look up: docs/configuration.md.
enum SettingReference {
    static let markdown = introduction + sections.map(text).joined() + entries

    private static let introduction = """
        # Settings

        <!-- Printed by `socketio-gateway config reference`, and compared by a test. -->

        Each is an option of `socketio-gateway serve`, a variable of the environment, and a name in the configuration file; the first \
        of these that is given wins. `--config` or `GATEWAY_CONFIG` names the file, in YAML, where `http.address` is `address` \
        in the mapping `http`. `socketio-gateway config check` says what is wrong with all of it, `config print` what holds, \
        and where it comes from.

        Durations are `500ms`, `5s`, `5m`, `1h`, `1d` or a number of seconds. Sizes are a number of bytes, `64KiB`, `2MiB` or \
        `1MB` (1,000,000). Lists have commas between their elements, and may be lists in the file. `…_FILE` and `…File` \
        name a file with the secret instead; what begins a relative path is where the gateway was started for a variable, \
        and the folder of the configuration file for what stands there. What is marked as *Reloaded* is taken over while the gateway runs.

        """

    private static let entries = """

        ## Entries

        Only the file can have `keys` ([keys](keys.md)), `hooks` and `cloudEvents` \
        ([webhooks](webhooks.md)). They are reloaded.

        """

    /// The first names of paths, and the settings below them; those without one come first.
    static var sections: [(name: String, settings: [Setting])] {
        let names = Setting.all.map(\.section)
        let distinct = names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.element)
        let sorted = distinct.filter(\.isEmpty) + distinct.filter { !$0.isEmpty }
        return sorted.map { name in (name, Setting.all.filter { $0.section == name }) }
    }

    private static func text(_ section: (name: String, settings: [Setting])) -> String {
        """

        ## \(section.name.isEmpty ? "General" : "`\(section.name)`")

        | file, variable, option | default | |
        |---|---|---|
        \(section.settings.map(row).joined(separator: "\n"))

        """
    }

    private static func row(_ setting: Setting) -> String {
        let names = [
            setting.path, setting.filePath, setting.variable, setting.fileVariable, setting.option.map { "--\($0)" },
        ]
        let cells = [
            names.compactMap { $0.map { "`\($0)`" } }.joined(separator: "<br>"), usual(setting),
            setting.help + "<br>Must be \(setting.kind.expected).\(setting.isReloadable ? " *Reloaded.*" : "")",
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// The default.
    private static func usual(_ setting: Setting) -> String {
        let text = setting.documentedDefault
        // Words stand as they are.
        return text.isEmpty || text.contains(" ") ? text : "`\(text)`"
    }
}
