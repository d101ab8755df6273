import ArgumentParser
import SettingTypes
import Testing

@testable import Gateway

@Suite("healthcheck")
struct HealthcheckCommandTests {
    @Test("asks for liveness, with a time limit, unless told otherwise")
    func defaults() throws {
        let usual = try #require(try GatewayCommand.parseAsRoot(["healthcheck"]) as? HealthcheckCommand)
        #expect(!usual.ready && usual.timeout == .seconds(2) && usual.httpAddress == nil)
        for (text, timeout) in [
            ("600", Duration.seconds(600)), ("1500ms", .milliseconds(1_500)), ("2m", .seconds(120)),
        ] {
            let other = try GatewayCommand.parseAsRoot(["healthcheck", "--ready", "--timeout", text])
            let command = try #require(other as? HealthcheckCommand)
            #expect(command.ready && command.timeout == timeout)
        }
    }

    @Test("waits for a second at least and ten minutes at most", arguments: ["0", "601", "11m", "0.5", "-1", "x"])
    func timeouts(timeout: String) {
        #expect(throws: (any Error).self) { try GatewayCommand.parseAsRoot(["healthcheck", "--timeout=\(timeout)"]) }
    }

    @Test("says where the gateway listens by default as the gateway does")
    func help() {
        let help = HealthcheckCommand.helpMessage(columns: 1_000)
        #expect(
            help.contains(
                "Where the gateway listens. (host:port or unix:/path; \(Setting(\.httpAddress).variable); default: \(Setting(\.httpAddress).defaultText))"
            ))
    }

    @Test("finds the gateway by flag, variable or file")
    func address() throws {
        func address(_ flag: String?, _ variables: [String: String], _ config: String? = nil) throws -> String {
            let environment = Environment(variables: variables)
            let options: [Setting: String] = flag.map { ["http.address": $0] } ?? [:]
            return "\(try HealthcheckCommand.address(options: options, config: config, environment: environment))"
        }
        try withFile("http: {address: 'file:3'}") { path throws in
            #expect(try address("flag:1", ["GATEWAY_HTTP_ADDRESS": "variable:2"], path) == "flag:1")
            #expect(try address(nil, ["GATEWAY_HTTP_ADDRESS": "variable:2"], path) == "variable:2")
            #expect(try address(nil, [:], path) == "file:3")
            #expect(try address(nil, ["GATEWAY_CONFIG": path]) == "file:3")
            #expect(try address(nil, [:]) == "127.0.0.1:8080")
        }
        // The gateway that runs goes on without it.
        #expect(try address(nil, ["GATEWAY_HTTP_ADDRESS": "variable:2"], "/nonexistent") == "variable:2")
        #expect(try address(nil, [:], "/nonexistent") == "127.0.0.1:8080")
        try withFile("http: {address: 'file:3', typo: 1}\nkeys: 5") { path throws in
            #expect(try address(nil, [:], path) == "file:3")
        }
    }
}
