import ArgumentParser
import Testing

@testable import Gateway

@Suite("The help of serve")
struct ServeCommandTests {
    /// Words that wrapping has not torn apart.
    private static let help = ServeCommand.helpMessage(columns: 1_000)

    @Test("names every setting with its default", arguments: Setting.allCases.filter { $0 != .apiKey })
    func settings(setting: Setting) {
        #expect(Self.help.contains("(\(setting.rawValue); default: \(setting.defaultText))"))
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
