import ArgumentParser
import SettingTypes
import Testing

@testable import Gateway

@Suite("The help of serve")
struct ServeCommandTests {
    /// With a space where there are line breaks.
    private static let help = ServeCommand.helpMessage(columns: 1_000).split(whereSeparator: \.isWhitespace).joined(
        separator: " ")

    private static let withOptions = Setting.all.filter { $0 != "apiKey" }

    /// Whose options have no value.
    private let switches: [Setting] = ["allowAnonymous", "http.reusePort", "protectMetrics", "console"]

    @Test("names every setting with its default and its range", arguments: withOptions)
    func settings(setting: Setting) throws {
        let usual = setting.defaultText.isEmpty ? "none" : setting.defaultText
        let option = try #require(setting.option)
        let value = switches.contains(setting) ? "" : " <\(setting.kind.placeholder)>"
        #expect(
            Self.help.contains(
                "--\(option)\(value) \(setting.help) (\(setting.kind.words); \(setting.variable); default: \(usual))"))
    }

    @Test("is of options that are those of the settings", arguments: withOptions)
    func options(setting: Setting) throws {
        let option = try #require(setting.option)
        #expect("GATEWAY_" + option.uppercased().replacing("-", with: "_") == setting.variable)
        let isSwitch = switches.contains(setting)
        let given = try ServeOptions.parse(isSwitch ? ["--\(option)"] : ["--\(option)", "text"]).settingTexts
        #expect(given == [setting: isSwitch ? "true" : "text"])
    }

    @Test("says where the key comes from")
    func apiKey() {
        #expect(Self.help.contains("GATEWAY_API_KEY (or"))
        #expect(Self.help.contains("GATEWAY_API_KEY_FILE"))
        #expect(!Self.help.contains("--api-key"))
    }

    @Test("is found under the command")
    func command() {
        #expect(GatewayCommand.helpMessage().contains("serve"))
        #expect(GatewayCommand.configuration.version == GatewayCommand.version)
    }

    @Test("is asked for unknown options and stray arguments", arguments: [["--rooms", "x"], ["x"], ["--loops"]])
    func refusesOthers(arguments: [String]) {
        #expect(throws: (any Error).self) { try GatewayCommand.parseAsRoot(["serve"] + arguments) }
    }
}
