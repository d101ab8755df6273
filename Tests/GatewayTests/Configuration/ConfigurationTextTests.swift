import AMQPBridge
import Foundation
import Hashing
import Routes
import SettingTypes
import Testing
import YAML

@testable import Gateway

@Suite("A printed configuration")
struct ConfigurationTextTests {
    private static let noFlags = ServeOptions.parseOrExit([])
    private static let hash = SHA256.Digest(of: "k").hexadecimal

    private func printed(_ file: String = "", _ variables: [String: String] = [:], _ flags: [String] = []) throws
        -> String
    {
        try withFile(file) { path throws in
            let options = flags.isEmpty ? Self.noFlags : try ServeOptions.parse(flags)
            let environment = Environment(variables: variables.merging(["GATEWAY_CONFIG": path]) { $1 })
            return ConfigurationText(try Configuration(options, environment: environment)).text
        }
    }

    @Test("says of every setting where it comes from")
    func origins() throws {
        let text = try printed("\nloops: 3\n", ["GATEWAY_MAX_NAMES": "7"], ["--log-level", "debug"])
        #expect(text.contains("loops: 3  # line 2\n"))
        #expect(text.contains("  maxNames: 7  # environment\n"))
        #expect(text.contains("  level: debug  # command line\n"))
        #expect(text.contains("  exchange: socket.io  # default\n"))
    }

    @Test("shows what can be written in several ways in one of them")
    func canonical() throws {
        let text = try printed(
            "limits: {maxBodyBytes: 1MiB}\nlog: {level: warn}\n", ["GATEWAY_IDEMPOTENCY_LIFETIME": "1h"],
            ["--confirm-timeout", "0.25"])
        for line in [
            "maxBodyBytes: 1048576  # line 1", "level: warning  # line 2", "lifetime: 3600s  # environment",
            "confirmTimeout: 250ms  # command line",
        ] { #expect(text.contains("  \(line)\n"), "\(text)") }
    }

    @Test("is a configuration file for the same")
    func roundTrip() throws {
        let file = """
            http: {address: "[::1]:80", headTimeout: 250ms}
            amqp0: {namespaces: [/, /chat], exchange: 'x{namespace}: #"\\'}
            pythonSocketio: {exchange: "null"}
            keys:
              - {name: a, sha256: \(Self.hash), scopes: '*', rooms: ['user:*', '"é"\\'], expires: 2027-01-31, rate: 100/s, burst: 7}
              - {name: 1e3, sha256: \(SHA256.Digest(of: "l").hexadecimal), scopes: [emit], sockets: ['*']}
            """
        let text = try printed(file)
        let again = text.replacing("(redacted)", with: Self.hash)
        var first = try ConfigurationFile(path: "", Array(file.utf8)).keys
        first[1].digests = first[0].digests
        let members = try #require(try YAMLNode.parse(Array(text.utf8)))
        guard case .mapping(let settings) = members.content else { throw ConfigurationError(description: text) }
        #expect(settings.last?.key == "keys")
        // Both redacted alike: one hash twice is refused.
        let other = again.range(of: Self.hash, options: .backwards).map {
            again.replacingCharacters(in: $0, with: SHA256.Digest(of: "l").hexadecimal)
        }
        let read = try ConfigurationFile(path: "", Array(try #require(other).utf8))
        #expect(read.keys.map(\.reach) == first.map(\.reach))
        #expect(read.keys.map(\.scopes) == first.map(\.scopes))
        #expect(read.keys.map(\.expires) == first.map(\.expires))
        #expect(read.keys.map(\.rate) == first.map(\.rate))
        #expect(read.texts["amqp0.exchange"]?.text == "x{namespace}: #\"\\")
        #expect(read.texts["pythonSocketio.exchange"]?.text == "null")
        #expect(read.texts["http.address"]?.text == "[::1]:80")
        #expect(read.texts["amqp0.namespaces"]?.text == "/,/chat")
        #expect(Set(read.texts.keys) == Set(Setting.all).subtracting(["apiKey"]))
    }

    @Test("has no secret", arguments: ["amqp://u:hunter2@h/v", "amqp://u:hun%40ter2@h"])
    func secrets(uri: String) throws {
        let text = try printed("", ["GATEWAY_AMQP_URL": uri, "GATEWAY_API_KEY": "hunter2"])
        #expect(text.contains("u:***@h"))
        #expect(text.contains("apiKey: (redacted)  # environment"))
        #expect(!text.contains("ter2"))
        #expect(!text.contains(SHA256.Digest(of: "hunter2").hexadecimal))
    }

    @Test(
        "has the broker's URI without its password",
        arguments: [
            ("amqp://u:p@h:1/v", "amqp://u:***@h:1/v"), ("amqp://u@h", "amqp://u@h"),
            ("amqp://h:5672/", "amqp://h:5672/"),
            ("amqp://:p@h", "amqp://:***@h"), ("amqp://u:@h", "amqp://u:***@h"),
            ("amqp://u:p@h,i:1;amqps://v:q@j/w?heartbeat=5", "amqp://u:***@h,i:1;amqps://v:***@j/w?heartbeat=5"),
            ("amqp://h:1;amqp://u:p@i", "amqp://h:1;amqp://u:***@i"),
            ("amqp://h,amqp://u:p@i", "amqp://h;amqp://u:***@i"),
        ])
    func passwords(uri: String, shown: String) {
        #expect(BrokerLink.Configuration.withoutPasswords(uri) == shown)
    }

    @Test(
        "quotes what YAML would not take for text",
        arguments: [
            ("a", "a"), ("a.b/c-d_e", "a.b/c-d_e"), ("100/s", "100/s"), ("", "\"\""), ("~", "\"~\""),
            ("NULL", "\"NULL\""),
            ("*", "\"*\""), ("a: b", "\"a: b\""), ("a #b", "\"a #b\""), ("-a", "\"-a\""), ("\"\\", "\"\\\"\\\\\""),
            ("a\nb", "\"a\\nb\""), ("/", "\"/\""),
        ])
    func quoting(text: String, quoted: String) throws {
        #expect(ConfigurationText.quoted(text) == quoted)
        guard case .scalar(let read)? = try YAMLNode.parse(Array(quoted.utf8))?.content else {
            Issue.record("no scalar: \(quoted)")
            return
        }
        #expect(read == text)
    }
}
