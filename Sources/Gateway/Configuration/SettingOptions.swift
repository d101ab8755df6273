internal import ArgumentParser
internal import SettingTypes

extension Option<String?> {
    /// The option of a setting: its name, its help and its completion come from the row.
    ///
    /// - Parameter help: the help in place of the row's, where the option means something else.
    init<Read>(_ row: KeyPath<Settings, SettingRow<Read>>, help: String? = nil) {
        self.init(Setting(row), help: help)
    }

    init(_ setting: Setting, help: String? = nil) {
        let choices = setting.kind.choices
        self.init(
            name: .setting(setting), help: .setting(setting, help),
            completion: choices.isEmpty ? nil : .choices(choices))
    }
}

extension Flag<Bool> {
    /// The switch of a setting.
    init(wrappedValue: Bool, _ row: KeyPath<Settings, SettingRow<Bool>>) {
        let setting = Setting(row)
        self.init(wrappedValue: wrappedValue, name: .setting(setting), help: .setting(setting))
    }
}

extension CompletionKind {
    /// The completion of one of several words.
    static func choices(_ words: [String]) -> CompletionKind {
        // To zsh a description stands behind a colon.
        .list(CompletionShell.requesting == .zsh ? words.map { $0.replacing(":", with: "\\:") } : words)
    }
}

extension NameSpecification {
    fileprivate static func setting(_ setting: Setting) -> NameSpecification {
        guard let option = setting.option else { preconditionFailure("\(setting) is for no command line") }
        return .customLong(option)
    }
}

extension ArgumentHelp {
    /// Help that names the range, the environment variable and the default of a setting.
    fileprivate static func setting(_ setting: Setting, _ help: String? = nil) -> ArgumentHelp {
        let usual = setting.defaultText.isEmpty ? "none" : setting.defaultText
        return ArgumentHelp(
            "\(help ?? setting.help) (\(setting.kind.words); \(setting.variable); default: \(usual))",
            valueName: setting.kind.placeholder)
    }
}

extension ParsableArguments {
    /// The texts of the settings that were given among these options. The property of an option has the name of the
    /// setting's row.
    var settingTexts: [Setting: String] {
        var texts: [Setting: String] = [:]
        for (label, value) in Mirror(reflecting: self).children {
            if let group = value as? OptionGroup<BrokerOptions> {
                texts.merge(group.wrappedValue.settingTexts) { $1 }
                continue
            }
            if let group = value as? OptionGroup<WireFormatOptions> {
                texts.merge(group.wrappedValue.texts) { $1 }
                continue
            }
            // What stands behind a wrapped property begins with an underscore.
            guard let setting = Setting.named.first(where: { "_" + $0.name == label })?.setting else { continue }
            texts[setting] = (value as? Option<String?>)?.wrappedValue
            if (value as? Flag<Bool>)?.wrappedValue == true { texts[setting] = "true" }
        }
        return texts
    }
}
