internal import Glibc
internal import Routes
internal import SettingTypes

/// Environment variables.
struct Environment: Sendable {
    var variables: [String: String]

    /// The variables of this process.
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

    /// An empty variable counts as one that is not set. See ``checkEmpty()``.
    subscript(name: String) -> String? {
        variables[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Names the configuration file.
    static let configurationFile = "GATEWAY_CONFIG"

    /// - Throws: when there is a variable that looks like one of ours, and is none.
    func checkNames() throws(ConfigurationError) {
        let known =
            Setting.all.map(\.variable) + Setting.all.compactMap(\.fileVariable) + [Self.configurationFile]
        for name in variables.keys.sorted() where name.hasPrefix(Setting.prefix) && !known.contains(name) {
            if isServiceLink(name) { continue }
            if let gone = Setting.gone.first(where: { $0.variable == name }) {
                throw ConfigurationError(description: "the variable \(name) \(gone.reason)")
            }
            throw ConfigurationError(
                description: "the variable \(name) is none of the gateway's\(Suggestion.of(known, for: name))")
        }
    }

    /// - Throws: when a variable is empty whose setting has a default: it would not be what it says.
    func checkEmpty() throws(ConfigurationError) {
        for setting in Setting.all where !setting.defaultText.isEmpty {
            let names = [setting.variable, setting.fileVariable].compactMap { $0 }
            // The value is in a file, or the other way round.
            guard !names.contains(where: { self[$0] != nil }) else { continue }
            for name in names where variables[name] == "" {
                throw ConfigurationError(
                    description: "the variable \(name) is empty: give it a value, or leave it out for the default")
            }
        }
    }

    /// Kubernetes sets such variables for services with names such as `gateway` and `gateway-web`.
    private func isServiceLink(_ name: String) -> Bool {
        if name.hasSuffix("_PORT"), variables[name]?.contains("://") == true { return true }
        if name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        // GATEWAY_PORT_80_TCP_ADDR
        let words = name.split(separator: "_")
        return zip(words, words.dropFirst()).contains { $0 == "PORT" && $1.allSatisfy(\.isNumber) }
    }
}
