internal import Glibc

/// Environment variables.
struct Environment: Sendable {
    var variables: [String: String]

    /// Those of this process.
    static var process: Environment {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return Environment(variables: variables)
    }

    /// An empty variable counts as one that is not set.
    subscript(name: String) -> String? {
        variables[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Where a setting's text comes from: flag, then environment, then default.
struct SettingSource {
    let environment: Environment

    func read<Value>(
        _ setting: Setting, flag: String?, expected: String, _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value {
        let text = flag ?? environment[setting.rawValue] ?? setting.defaultText
        guard let value = parse(text) else {
            let origin = flag == nil ? setting.rawValue : "the option for \(setting.rawValue)"
            throw ConfigurationError(description: "\(origin) is '\(text)', but must be \(expected)")
        }
        return value
    }

    func isOn(_ setting: Setting, flag: Bool) throws(ConfigurationError) -> Bool {
        if flag { return true }
        return try read(setting, flag: nil, expected: "true or false") { text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// A secret from the flag, the variable, or the file that `NAME_FILE` names (without its last line break).
    func secret(_ setting: Setting, flag: String? = nil) throws(ConfigurationError) -> String? {
        if let flag { return flag }
        let fileSetting = setting.rawValue + "_FILE"
        switch (environment[setting.rawValue], environment[fileSetting]) {
        case (.some, .some):
            throw ConfigurationError(description: "\(setting.rawValue) and \(fileSetting) are both set; set one")
        case (let value?, nil): return value
        case (nil, let path?):
            guard let text = Self.firstLine(of: path), !text.isEmpty else {
                throw ConfigurationError(description: "\(fileSetting): cannot read a secret from '\(path)'")
            }
            return text
        case (nil, nil): return nil
        }
    }

    private static func firstLine(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        guard getline(&line, &capacity, file) >= 0, let line else { return nil }
        return String(String(cString: line).prefix { $0 != "\n" && $0 != "\r" && $0 != "\r\n" })
    }
}
