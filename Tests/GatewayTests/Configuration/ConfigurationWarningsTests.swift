import EventLoop
import Testing

@testable import Gateway

@Suite("What is valid and dangerous")
struct ConfigurationWarningsTests {
    private static let digest = String(repeating: "ab", count: 32)

    private func warnings(
        _ file: String = "", _ variables: [String: String] = [:], isLoopback: Bool = true, now: Int = 1_800_000_000
    ) throws -> [String] {
        let source = SettingSource(
            environment: Environment(variables: variables),
            file: file.isEmpty ? nil : try ConfigurationFile(path: "f.yaml", Array(file.utf8)))
        return try Configuration(source).warnings(isLoopback: isLoopback, now: now)
    }

    @Test("is nothing of what is usual")
    func none() throws {
        #expect(try warnings() == [])
        #expect(try warnings("", ["GATEWAY_API_KEY": String(repeating: "k", count: 16)], isLoopback: false) == [])
        let key = "keys: [{name: a, sha256: \(Self.digest), scopes: [emit]}]"
        #expect(try warnings(key, ["GATEWAY_ALLOW_ANONYMOUS": "on"], isLoopback: false) == [])
        #expect(
            try warnings("keys: [{name: a, sha256: \(Self.digest), scopes: ['*'], expires: 2030-01-01}]") == [])
        let hook = "{name: h, scheme: none, event: e, rooms: [r], allow: {rooms: [r]}}"
        #expect(try warnings("hooks: [\(hook)]") == [])
    }

    @Test("is a key that can be guessed")
    func shortKey() throws {
        let warning = try warnings("", ["GATEWAY_API_KEY": "secret"]).first ?? ""
        #expect(warning.contains("GATEWAY_API_KEY has 6 characters") && !warning.contains("secret"))
        #expect(try warnings("apiKey: secret").first?.contains("apiKey of the configuration file has 6") == true)
    }

    @Test("is a key for everything and for ever")
    func endlessKey() throws {
        let file = "keys: [{name: boss, sha256: \(Self.digest), scopes: ['*']}]"
        #expect(try warnings(file).first?.contains("'boss' may do everything, for ever") == true)
    }

    @Test("is a key that has expired")
    func expiredKey() throws {
        let file = "keys: [{name: old, sha256: \(Self.digest), scopes: [emit], expires: 2020-01-01}]"
        #expect(try warnings(file) == ["the key 'old' has expired"])
    }

    @Test(
        "is a key that ends within two weeks",
        arguments: [
            (1_209_601, nil), (1_209_600, "in 14 days"), (172_799, "in 1 day,"), (86_400, "in 1 day,"),
            (86_399, "in less than a day,"), (1, "in less than a day,"),
        ] as [(Int, String?)])
    func endingKey(left: Int, words: String?) throws {
        let file = """
            keys: [{name: new, sha256: \(Self.digest), scopes: [emit], expires: 2027-01-31T00:00:00Z}]
            """
        let found = try warnings(file, now: 1_801_353_600 - left)
        #expect(found.count == (words == nil ? 0 : 1))
        if let words {
            #expect(found.first?.hasPrefix("the key 'new' expires \(words)") == true, "\(found)")
            #expect(found.first?.hasSuffix("at 2027-01-31T00:00:00Z") == true)
        }
    }

    @Test("is this machine's programs without a key")
    func thisMachine() throws {
        let warning = try warnings("", ["GATEWAY_ALLOW_ANONYMOUS": "on"]).first ?? ""
        #expect(warning.hasPrefix("every program on this machine may do everything"))
    }

    @Test("is several namespaces of socket.io-amqp0")
    func namespaces() throws {
        let variables = ["GATEWAY_AMQP0_NAMESPACES": "/,/chat", "GATEWAY_AMQP0_EXCHANGE": "x{namespace}"]
        #expect(try warnings("", variables).first?.contains("queuePrefix") == true)
    }

    @Test("is an address that everybody reaches, without a key")
    func everybody() throws {
        let warning = try warnings("", ["GATEWAY_ALLOW_ANONYMOUS": "on"], isLoopback: false).first ?? ""
        #expect(warning.contains("whoever reaches 127.0.0.1:8080 may do everything"))
    }

    @Test("is a hook that takes anything from anybody")
    func openHook() throws {
        let warning = try warnings("hooks: [{name: h, scheme: none, event: e, rooms: [r]}]").first ?? ""
        #expect(warning.contains("'h' takes anything from anybody"))
    }
}

@Suite("A secret from the environment")
struct TrimmedSecretTests {
    @Test("has no line break around it", arguments: ["k\n", "k\r\n", "\nk", " k\t", "k"])
    func trimmed(text: String) throws {
        let source = SettingSource(environment: Environment(variables: ["GATEWAY_API_KEY": text]))
        #expect(try source.secret(\.apiKey)?.text == "k")
    }

    @Test("nor has any other setting")
    func others() throws {
        let variables = ["GATEWAY_AMQP_URL": "amqp://u:p@rabbit:1/v\n", "GATEWAY_HTTP_ADDRESS": " 127.0.0.1:9 \r\n"]
        let configuration = try Configuration(
            ServeOptions.parseOrExit([]), environment: Environment(variables: variables))
        #expect(configuration.broker.endpoint.description == "rabbit:1, virtual host v")
        #expect(configuration.listenAddress == ListenAddress(host: "127.0.0.1", port: 9))
    }
}
