/// A setting, and how its values are read.
package struct SettingRow<Value: Sendable>: Sendable {
    package let setting: Setting
    package let type: SettingType<Value>

    /// - Parameter help: a sentence or two for `--help` and the documentation, without the range and the default.
    package init(
        _ variable: String, _ path: String, _ type: SettingType<Value>, default text: String,
        documentedDefault: String? = nil, help: String, secret: Setting.Secret? = nil, reloadable: Bool = false
    ) {
        setting = Setting(
            variable: variable, path: path, kind: type.kind, defaultText: text,
            documentedDefault: documentedDefault ?? text, help: help, secret: secret, isReloadable: reloadable)
        self.type = type
    }
}
