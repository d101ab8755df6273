import EventLoop
import Hashing
import JSON
import SettingTypes
import Testing

@testable import Gateway
@testable import Routes

@Suite("What is told of the configuration")
struct ConfigurationDocumentTests {
    private static let hashes = ["one", "two", "three"].map { SHA256.Digest(of: $0).hexadecimal }
    private static let secret = "hunter2-and-more"
    private static let file = """
        wireFormat: cluster
        amqp: {url: 'amqp://user:\(secret)@host/v'}
        http: {corsOrigins: ['https://a.example', 'https://b.example']}
        keys:
        - {name: old, sha256: \(hashes[0]), scopes: [emit, 'rooms:read'], rooms: ['a"*'], expires: 2027-01-31, rate: 600/m, burst: 5}
        - {name: new, sha256: [\(hashes[1]), \(hashes[2])], scopes: '*'}
        hooks:
        - {name: h, scheme: bearer, secrets: [\(secret)], event: e, rooms: [r], maxBodyBytes: 10}
        cloudEvents: {event: c}
        """

    private func configuration(
        _ file: String = file, variables: [String: String] = [:], flags: [String] = []
    ) throws -> Configuration {
        let source = SettingSource(
            environment: Environment(variables: variables), options: try ServeOptions.parse(flags).settingTexts,
            file: try ConfigurationFile(path: "/etc/gateway.yaml", Array(file.utf8)))
        return try Configuration(source)
    }

    private func live(_ configuration: Configuration, previous: LiveConfiguration? = nil) -> LiveConfiguration {
        LiveConfiguration(
            configuration, keys: KeyRing(configuration.keys, previous: previous?.keys),
            hooks: HookRing(configuration.hooks, configuration.cloudEvents), previous: previous)
    }

    private func document(_ live: LiveConfiguration) -> String {
        String(decoding: ConfigurationDocument(live, now: UTCTime(seconds: 0)).json, as: UTF8.self)
    }

    @Test("has every setting, and where it comes from")
    func settings() throws {
        let variables = ["GATEWAY_MAX_NAMES": "7", "GATEWAY_API_KEY": Self.secret]
        let text = document(live(try configuration(variables: variables, flags: ["--log-level", "debug"])))
        let root = try JSONDocument(parsing: Array(text.utf8)).root
        #expect(root.member("file")?.string == "/etc/gateway.yaml")
        #expect(root.member("started")?.string == "1970-01-01T00:00:00Z")
        var names: [String] = []
        root.member("settings")?.forEachMember { name, _ in names.append(name) }
        #expect(names == Setting.all.map(\.path))
        for entry in [
            #""wireFormat":{"value":"cluster","from":"file","line":1}"#,
            #""limits.maxNames":{"value":"7","from":"environment"}"#,
            #""log.level":{"value":"debug","from":"flag"}"#,
            #""loops":{"value":"\#(Setting(\.loops).defaultText)","from":"default"}"#,
            #""amqp.url":{"value":"amqp://user:***@host/v","from":"file","line":2}"#,
            #""apiKey":{"value":"(redacted)","from":"environment"}"#,
            #""http.corsOrigins":{"value":["https://a.example","https://b.example"],"from":"file","line":3}"#,
        ] {
            #expect(text.contains(entry), "\(entry) in \(text)")
        }
    }

    @Test("has keys and hooks, and none of their secrets")
    func secrets() throws {
        let text = document(live(try configuration(variables: ["GATEWAY_API_KEY": Self.secret])))
        #expect(
            text.contains(
                #"{"name":"old","scopes":["emit","rooms:read"],"namespaces":["*"],"rooms":["a\"*"],"sockets":["a\"*"],"#
                    + #""events":["*"],"expires":"2027-02-01T00:00:00Z","rate":"600/m","burst":5,"lastUse":null,"lastUseByHash":[null]}"#
            ))
        #expect(
            text.contains(
                #""hooks":[{"name":"h","scheme":"bearer","event":"e","rooms":["r"],"maxBodyBytes":10,"secrets":["(redacted)"]}]"#
            ))
        #expect(text.contains(#""cloudEvents":{"event":"c"}}"#))
        for secret in Self.hashes + [Self.secret, SHA256.Digest(of: Self.secret).hexadecimal] {
            #expect(!text.contains(secret))
        }
    }

    @Test("says when each key was last used, and each of its hashes")
    func uses() throws {
        let live = live(try configuration())
        live.keys.keys[0].lastUse.note(1)
        live.keys.keys[1].lastUse.note(2)
        live.keys.keys[2].lastUse.note(3)
        let text = document(live)
        #expect(text.contains(#""lastUse":"1970-01-01T00:00:01Z","lastUseByHash":["1970-01-01T00:00:01Z"]}"#))
        #expect(
            text.contains(
                #""lastUse":"1970-01-01T00:00:03Z","lastUseByHash":["1970-01-01T00:00:02Z","1970-01-01T00:00:03Z"]}"#))
    }

    @Test("has the key that was made at the start")
    func ownKey() throws {
        let configuration = try configuration("wireFormat: cluster\n")
        let live = LiveConfiguration(
            configuration, keys: KeyRing([KeyEntry(madeForThisRun: "k")]), hooks: HookRing([], nil))
        #expect(document(live).contains(#""keys":[{"name":"made-at-start","#))
    }

    @Test("is what holds after a reload: what waits for a restart is what it was, and named")
    func reload() throws {
        let first = live(try configuration("wireFormat: cluster\nlog: {level: info}\n"))
        var document = ConfigurationDocument(first, now: UTCTime(seconds: 0))
        document.update(
            live(try configuration("limits: {maxNames: 7}\nlog: {level: debug}\n"), previous: first),
            now: UTCTime(seconds: 1))
        let text = String(decoding: document.json, as: UTF8.self)
        #expect(text.contains(#""started":"1970-01-01T00:00:00Z","loaded":"1970-01-01T00:00:01Z""#))
        #expect(text.contains(#""waitingForRestart":["wireFormat","limits.maxNames"]"#))
        #expect(text.contains(#""wireFormat":{"value":"cluster","from":"file","line":1}"#))
        #expect(text.contains(#""limits.maxNames":{"value":"100","from":"default"}"#))
        #expect(text.contains(#""log.level":{"value":"debug","from":"file","line":2}"#))
    }
}
