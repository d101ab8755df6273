internal import SettingTypes

/// The source of settings' texts: command line, then environment, then file, then default.
///
/// Remembers the settings that it was asked for, with the texts that it found.
final class SettingSource: SettingReader {
    /// The text of a setting, and its origin. Where the same can be written in several ways, such as `300s` and `5m`,
    /// it is always the same one.
    ///
    /// It may be a secret: its text is in no description.
    struct Found: Equatable, CustomStringConvertible, CustomReflectable {
        let text: String
        let origin: Origin

        /// White space around a text, such as the line break that `echo` leaves in a secret, is not part of it.
        init(text: String, origin: Origin) {
            self.text = String(text[...].withoutSpaceAround)
            self.origin = origin
        }

        var description: String { "\(origin)" }
        var customMirror: Mirror { Mirror(self, children: []) }
    }

    enum Origin: Equatable {
        case flag, environment
        case file(line: Int)
        case byDefault
        /// Read from a file of its own.
        case secretFile(String)
    }

    let file: ConfigurationFile?
    private let environment: Environment
    private let options: [Setting: String]
    private(set) var found: [Setting: Found] = [:]

    /// - Parameter options: the texts that the command line gives.
    init(environment: Environment, options: [Setting: String] = [:], file: ConfigurationFile? = nil) {
        self.environment = environment
        self.options = options
        self.file = file
    }

    /// - Parameter path: the file's, as the command line gives it.
    /// - Throws: when the file cannot be read, or the environment has a variable that means nothing, or is
    ///   empty where that would mean a default.
    convenience init(
        environment: Environment, options: [Setting: String], configOption path: String?
    ) throws(ConfigurationError) {
        try environment.checkNames()
        try environment.checkEmpty()
        let path = path ?? environment[Environment.configurationFile]
        var file: ConfigurationFile?
        if let path { file = try ConfigurationFile(reading: path) }
        self.init(environment: environment, options: options, file: file)
    }

    /// The value of a setting that is a property of ``Settings``.
    func read<Value>(_ row: KeyPath<Settings, SettingRow<Value>>) throws(ConfigurationError) -> Value {
        try read(Settings.table[keyPath: row])
    }

    func read<Value>(_ row: SettingRow<Value>) throws(ConfigurationError) -> Value {
        let found = find(row.setting)
        guard let value = row.type.parse(found.text) else {
            let name = name(of: row.setting, found.origin)
            throw ConfigurationError(
                description: "\(name) is '\(found.text)', but must be \(row.type.kind.expected)")
        }
        self.found[row.setting] = Found(text: row.type.show?(value) ?? found.text, origin: found.origin)
        return value
    }

    private func find(_ setting: Setting) -> Found {
        if let text = options[setting] { return Found(text: text, origin: .flag) }
        if let text = environment[setting.variable] { return Found(text: text, origin: .environment) }
        if let text = file?.texts[setting] { return Found(text: text.text, origin: .file(line: text.line)) }
        return Found(text: setting.defaultText, origin: .byDefault)
    }

    func failure(_ sentence: String) -> ConfigurationError { ConfigurationError(description: sentence) }

    /// The name of a setting where it was given, to begin a sentence.
    func name(of setting: Setting) -> String { name(of: setting, found[setting]?.origin ?? .byDefault) }

    private func name(of setting: Setting, _ origin: Origin) -> String {
        switch origin {
        case .flag: setting.option.map { "--\($0)" } ?? setting.variable
        case .file(let line): "\(file?.path ?? ""):\(line): \(setting.path)"
        case .secretFile, .environment, .byDefault: setting.variable
        }
    }

    /// A secret from the command line, the variable, the file that `NAME_FILE` names (its first line that is not
    /// empty), the configuration file, or the file that is named there; `nil`: there is none, and no default. A path in
    /// a variable begins where the gateway was started, one in the configuration file at that.
    func secret(_ row: KeyPath<Settings, SettingRow<String>>) throws(ConfigurationError) -> Found? {
        let setting = Settings.table[keyPath: row].setting
        let fallback = setting.defaultText.isEmpty ? nil : Found(text: setting.defaultText, origin: .byDefault)
        let found = try findSecret(setting) ?? fallback
        self.found[setting] = found
        return found
    }

    private func findSecret(_ setting: Setting) throws(ConfigurationError) -> Found? {
        if let text = options[setting] { return Found(text: text, origin: .flag) }
        guard let variable = setting.fileVariable else { preconditionFailure("\(setting) is no secret") }
        switch (environment[setting.variable], environment[variable]) {
        case (.some, .some):
            throw ConfigurationError(description: "\(setting.variable) and \(variable) are both set; set one")
        case (let value?, nil): return Found(text: value, origin: .environment)
        case (nil, let path?): return try Self.secret(in: path, named: variable)
        case (nil, nil): break
        }
        guard let file else { return nil }
        switch (file.texts[setting], file.secretFiles[setting]) {
        case (.some, let other?):
            throw ConfigurationError(
                description: "\(file.path):\(other.line): \(setting.path) is given, too; give one")
        case (let text?, nil): return Found(text: text.text, origin: .file(line: text.line))
        case (nil, let path?):
            return try Self.secret(
                in: file.path(of: path.text), named: "\(file.path):\(path.line): \(setting.path)File")
        case (nil, nil): return nil
        }
    }

    private static func secret(in path: String, named name: String) throws(ConfigurationError) -> Found {
        let found = FileContents.firstLine(of: path).map { Found(text: $0, origin: .secretFile(path)) }
        guard let found, !found.text.isEmpty else {
            throw ConfigurationError(
                description: "\(name): cannot read a secret from '\(path)'", missingFile: path)
        }
        return found
    }

    /// Every file that was read.
    var files: [String] {
        let secrets = found.values.compactMap { if case .secretFile(let path) = $0.origin { path } else { nil } }
        return (file.map { [$0.path] } ?? []) + secrets.sorted()
    }
}
