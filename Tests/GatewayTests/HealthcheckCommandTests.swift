import ArgumentParser
import Testing

@testable import Gateway

@Suite("healthcheck")
struct HealthcheckCommandTests {
    @Test("asks for liveness, with a time limit, unless told otherwise")
    func defaults() throws {
        let usual = try #require(try GatewayCommand.parseAsRoot(["healthcheck"]) as? HealthcheckCommand)
        #expect(!usual.ready && usual.timeout == 2 && usual.httpAddress == nil)
        let other = try GatewayCommand.parseAsRoot(["healthcheck", "--ready", "--timeout", "600"])
        #expect(try #require(other as? HealthcheckCommand).ready)
    }

    @Test("waits for a second at least and ten minutes at most", arguments: ["0", "601", "-1", "x"])
    func timeouts(timeout: String) {
        #expect(throws: (any Error).self) { try GatewayCommand.parseAsRoot(["healthcheck", "--timeout=\(timeout)"]) }
    }

    @Test("says where the gateway listens by default as the gateway does")
    func help() {
        let help = HealthcheckCommand.helpMessage(columns: 1_000)
        #expect(help.contains("(\(Setting.httpAddress.rawValue); default: \(Setting.httpAddress.defaultText))"))
    }
}
