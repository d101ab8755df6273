import SettingTypes
import Testing

@testable import Gateway

@Suite("The table of settings")
struct SettingTests {
    @Test("is listed in its order")
    func order() {
        #expect(Setting.all.count > 30)
        #expect(Setting.all.first == Setting(\.httpAddress) && Setting.all.last == Setting(\.reusePort))
        #expect(Setting.named.contains { $0.name == "headBytes" && $0.setting == Setting(\.headBytes) })
    }

    @Test("has each variable and each path once")
    func names() {
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
        #expect(
            Set(Setting.all.flatMap { [$0.path, $0.filePath ?? "\($0.path) alone"] }).count == 2 * Setting.all.count)
    }

    @Test("says what a setting is in a sentence, and what it can be", arguments: Setting.all)
    func words(setting: Setting) {
        #expect(setting.variable.hasPrefix(Setting.prefix))
        #expect(setting.help.hasSuffix(".") && !setting.help.contains("\n") && !setting.help.contains("|"))
        #expect(!setting.kind.words.isEmpty && !setting.kind.expected.contains("|"))
    }

    @Test("has defaults that can be read")
    func defaults() throws {
        let origins = try Configuration(SettingSource(environment: Environment(variables: [:]))).origins
        #expect(Set(origins.keys) == Set(Setting.all).subtracting(["apiKey"]))
        // In the form that is remembered, so that the same value given is no change.
        for (setting, found) in origins { #expect(found.text == setting.defaultText, "\(setting)") }
    }

    @Test("knows secrets")
    func secrets() {
        #expect(Setting.all.filter { $0.secret != nil } == ["amqp.url", "apiKey"])
        #expect(Setting(\.apiKey).option == nil && Setting(\.amqpURL).option == "amqp-url")
        #expect(Setting(\.apiKey).fileVariable == "GATEWAY_API_KEY_FILE" && Setting(\.apiKey).filePath == "apiKeyFile")
        #expect(Setting(\.loops).fileVariable == nil && Setting(\.loops).filePath == nil)
    }

    @Test("says which settings a reload takes over")
    func reloadable() {
        #expect(
            Set(Setting.all.filter(\.isReloadable))
                == [
                    "apiKey", "allowAnonymous", "http.corsOrigins", "http.trustedProxies", "https.certificateFile",
                    "https.keyFile", "log.level", "replicas",
                ])
    }
}

@Suite("The reference of settings")
struct SettingReferenceTests {
    @Test("has every setting once, with its names, default, range and whether it is reloaded", arguments: Setting.all)
    func rows(setting: Setting) throws {
        let names = [
            setting.path, setting.filePath, setting.variable, setting.fileVariable, setting.option.map { "--\($0)" },
        ]
        let cell = names.compactMap { $0.map { "`\($0)`" } }.joined(separator: "<br>")
        let rows = SettingReference.markdown.split(separator: "\n").filter { $0.hasPrefix("| \(cell) | ") }
        let row = try #require(rows.first)
        #expect(rows.count == 1)
        #expect(row.contains(" | \(setting.help)<br>"))
        #expect(setting.documentedDefault.isEmpty || row.contains(setting.documentedDefault))
        #expect(row.hasSuffix("<br>Must be \(setting.kind.expected).\(setting.isReloadable ? " *Reloaded.*" : "") |"))
    }

    @Test("is the same on every machine")
    func machine() {
        #expect(SettingReference.markdown.contains("`--loops` | the cores it may use |"))
    }
}
