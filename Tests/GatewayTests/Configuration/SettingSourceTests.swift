import Foundation
import Testing

@testable import Gateway

@Suite("A secret")
struct SettingSourceTests {
    @Test("comes from its variable")
    func variable() throws {
        #expect(try secret([:]) == nil)
        #expect(try secret(["GATEWAY_API_KEY": ""]) == nil)
        #expect(try secret(["GATEWAY_API_KEY": "k", "GATEWAY_API_KEY_FILE": ""]) == "k")
    }

    @Test(
        "comes from a file, without the line break at its end",
        arguments: [
            ("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k k=\"é\"\n", "k k=\"é\""), (" k \n", " k "),
            ("k\nmore\n", "k"),
        ])
    func file(content: String, expected: String) throws {
        try withFile(content) { path in
            let secret = try secret(["GATEWAY_API_KEY_FILE": path])
            #expect(secret == expected)
        }
    }

    @Test("is not taken from a file that is missing or empty")
    func badFiles() throws {
        for path in ["/nonexistent/secret", "/"] { expectError(["GATEWAY_API_KEY_FILE": path], naming: path) }
        for content in ["", "\n", "\nhunter2"] {
            try withFile(content) { expectError(["GATEWAY_API_KEY_FILE": $0], naming: $0) }
        }
    }

    @Test("is not taken from two places")
    func both() throws {
        try withFile("hunter2") {
            let variables = ["GATEWAY_API_KEY": "hunter2", "GATEWAY_API_KEY_FILE": $0]
            expectError(variables, naming: "GATEWAY_API_KEY and GATEWAY_API_KEY_FILE")
        }
    }

    @Test("comes from the command line first")
    func flag() throws {
        let source = SettingSource(environment: Environment(variables: ["GATEWAY_AMQP_URL": "variable"]))
        #expect(try source.secret(.amqpURL, flag: "flag")?.text == "flag")
        #expect(try source.secret(.amqpURL)?.text == "variable")
    }

    private func secret(_ variables: [String: String]) throws -> String? {
        try SettingSource(environment: Environment(variables: variables)).secret(.apiKey)?.text
    }

    private func expectError(
        _ variables: [String: String], naming name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ConfigurationError.self, sourceLocation: sourceLocation) { try secret(variables) }
        #expect(error?.description.contains("GATEWAY_API_KEY_FILE") == true, sourceLocation: sourceLocation)
        #expect(error?.description.contains(name) == true, sourceLocation: sourceLocation)
        #expect(error?.description.contains("hunter2") == false, sourceLocation: sourceLocation)
    }

    private func withFile(_ content: String, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "gateway-test-\(UUID().uuidString)")
        try Data(content.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }
}

@Suite("The environment")
struct EnvironmentTests {
    @Test("is this process's")
    func process() {
        #expect(Environment.process.variables == ProcessInfo.processInfo.environment)
    }

    @Test("has no empty variables")
    func emptyVariables() {
        let environment = Environment(variables: ["A": "", "B": "b"])
        #expect(environment["A"] == nil)
        #expect(environment["B"] == "b")
        #expect(environment["C"] == nil)
    }
}
