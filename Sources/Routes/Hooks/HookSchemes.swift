/// The schemes that there are.
package enum HookSchemes {
    /// In the order in which they are told of.
    static let all: [any HookScheme.Type] = [
        GitHubScheme.self,
        StripeScheme.self,
        SlackScheme.self,
        StandardWebhooksScheme.self,
        HMACScheme.self,
        MetaScheme.self,
        TrelloScheme.self,
        BearerScheme.self,
        TokenScheme.self,
        UnsignedScheme.self,
    ]

    /// The settings of the scheme of this name; `nil`: there is none of this name.
    package static func settings(of name: String) -> [SchemeSetting]? { all.first { $0.name == name }?.settings }

    /// The settings of all schemes, each once.
    package static var allSettings: [SchemeSetting] {
        var settings: [SchemeSetting] = []
        for setting in all.flatMap({ $0.settings }) where !settings.contains(setting) { settings.append(setting) }
        return settings
    }

    /// The names of the schemes that have this setting.
    package static func names(having setting: SchemeSetting) -> [String] {
        all.filter { $0.settings.contains { $0.name == setting.name } }.map { $0.name }
    }

    static func scheme(
        named name: String, _ values: SchemeValues
    ) throws(HookConfigurationError) -> any HookScheme {
        guard let scheme = all.first(where: { $0.name == name }) else {
            let names = all.map { $0.name }
            let list = "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")"
            throw HookConfigurationError("scheme", "must be \(list)\(Suggestion.of(names, for: name))")
        }
        return try scheme.init(values)
    }
}
