import Foundation
import SettingTypes
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
        "comes from a file, without white space around it",
        arguments: [
            ("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k k=\"é\"\n", "k k=\"é\""), (" k \n", "k"),
            ("k\nmore\n", "k"), ("\n \r\n\tk \nmore\n", "k"),
        ])
    func file(content: String, expected: String) throws {
        try withFile(content) { path throws in
            let secret = try secret(["GATEWAY_API_KEY_FILE": path])
            #expect(secret == expected)
        }
    }

    @Test("is not taken from a file that is missing or empty")
    func badFiles() throws {
        for path in ["/nonexistent/secret", "/", "/dev/zero"] {
            expectError(["GATEWAY_API_KEY_FILE": path], naming: path)
        }
        for content in ["", "\n", "\r\n\n", " \t\n"] {
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
        let environment = Environment(variables: ["GATEWAY_AMQP_URL": "variable"])
        let option = SettingSource(environment: environment, options: ["amqp.url": "option"])
        #expect(try option.secret(\.amqpURL)?.text == "option")
        #expect(try SettingSource(environment: environment).secret(\.amqpURL)?.text == "variable")
    }

    private func secret(_ variables: [String: String]) throws -> String? {
        try SettingSource(environment: Environment(variables: variables)).secret(\.apiKey)?.text
    }

    private func expectError(
        _ variables: [String: String], naming name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ConfigurationError.self, sourceLocation: sourceLocation) { try secret(variables) }
        #expect(error?.description.contains("GATEWAY_API_KEY_FILE") == true, sourceLocation: sourceLocation)
        #expect(error?.description.contains(name) == true, sourceLocation: sourceLocation)
        #expect(error?.description.contains("hunter2") == false, sourceLocation: sourceLocation)
    }
}

@Suite("A secret in a configuration file")
struct FileSecretTests {
    @Test("is taken when neither flag nor variable gives it")
    func order() throws {
        try withFile("file") { path throws in
            let file = "amqp: {url: yaml}"
            #expect(try secret(file)?.text == "yaml")
            #expect(try secret(file)?.origin == .file(line: 1))
            #expect(try secret(file, ["GATEWAY_AMQP_URL": "variable"])?.text == "variable")
            #expect(try secret(file, ["GATEWAY_AMQP_URL_FILE": path])?.text == "file")
            #expect(try secret(file, ["GATEWAY_AMQP_URL_FILE": path], option: "option")?.text == "option")
            #expect(try secret("amqp: {urlFile: \(path)}")?.text == "file")
            #expect(try secret("amqp: {urlFile: \(path)}")?.origin == .secretFile(path))
            #expect(try secret("amqp: {urlFile: \(path)}", ["GATEWAY_AMQP_URL": "variable"])?.text == "variable")
            #expect(try secret("")?.origin == .byDefault)
        }
    }

    @Test("is found beside the file, and not where the gateway was started")
    func relative() throws {
        try withFile("secret") { secret throws in
            let folder = String(secret[...(try #require(secret.lastIndex(of: "/")))])
            let name = String(secret.dropFirst(folder.count))
            let source = SettingSource(
                environment: Environment(variables: [:]),
                file: try ConfigurationFile(path: folder + "f.yaml", Array("amqp: {urlFile: \(name)}".utf8)))
            #expect(try source.secret(\.amqpURL)?.text == "secret")
            #expect(source.files == [folder + "f.yaml", secret])
        }
        let error = #expect(throws: ConfigurationError.self) {
            try SettingSource(
                environment: Environment(variables: [:]),
                file: try ConfigurationFile(path: "/nonexistent/f.yaml", Array("amqp: {urlFile: url}".utf8))
            ).secret(\.amqpURL)
        }
        #expect(error?.missingFile == "/nonexistent/url")
    }

    @Test("is not taken from two places in it")
    func both() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try secret("amqp:\n  url: hunter2\n  urlFile: /run/url\n")
        }
        #expect(error?.description == "f.yaml:3: amqp.url is given, too; give one")
    }

    @Test("is not taken from a file that cannot be read, which is then waited for")
    func missing() throws {
        let error = #expect(throws: ConfigurationError.self) { try secret("amqp:\n  urlFile: /nonexistent/url\n") }
        #expect(error?.description.hasPrefix("f.yaml:2: amqp.urlFile: cannot read a secret") == true)
        #expect(error?.missingFile == "/nonexistent/url")
    }

    @Test("and the file itself are known as files that were read")
    func files() throws {
        try withFile("amqp://h") { url throws in
            try withFile("k") { key throws in
                let source = try source("apiKeyFile: \(key)\namqp: {urlFile: \(url)}")
                _ = try source.secret(\.amqpURL)
                _ = try source.secret(\.apiKey)
                #expect(source.files == ["f.yaml"] + [key, url].sorted())
            }
        }
    }

    private func source(
        _ text: String, _ variables: [String: String] = [:], options: [Setting: String] = [:]
    ) throws -> SettingSource {
        SettingSource(
            environment: Environment(variables: variables), options: options,
            file: try ConfigurationFile(path: "f.yaml", Array(text.utf8)))
    }

    private func secret(
        _ text: String, _ variables: [String: String] = [:], option: String? = nil
    ) throws -> SettingSource.Found? {
        try source(text, variables, options: option.map { ["amqp.url": $0] } ?? [:]).secret(\.amqpURL)
    }
}
