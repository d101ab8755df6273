import AMQPBridge
import ArgumentParser
import Routes
import SettingTypes
import Testing

@testable import Gateway

@Suite("The configuration")
struct ConfigurationTests {
    /// A setting, the text that sets it, and how what was read shows it.
    struct Sample: Sendable, CustomTestStringConvertible {
        let setting: Setting
        let text: String
        let shown: String
        var testDescription: String { setting.variable }

        init(_ setting: Setting, _ text: String, _ shown: String) {
            (self.setting, self.text, self.shown) = (setting, text, shown)
        }

        /// The name of the option: GATEWAY_HTTP_ADDRESS is --http-address.
        var option: String {
            "--" + setting.variable.dropFirst("GATEWAY_".count).lowercased().replacing("_", with: "-")
        }
    }

    static let samples = [
        Sample("http.address", "[::1]:9000", "[::1]:9000"),
        Sample("amqp.url", "amqp://u:secret@rabbit:5673/v", "rabbit:5673, virtual host v"),
        Sample("amqp.caFile", "/ca.pem", "/ca.pem"),
        Sample("amqp.certificateFile", "/c.pem", "/c.pem"),
        Sample("amqp.keyFile", "/k.pem", "/k.pem"),
        Sample("amqp.serverName", "rabbit", "rabbit"),
        Sample("amqp.verify", "no", "false"),
        Sample("wireFormat", "python-socketio", "python-socketio"),
        Sample("loops", "3", "3"),
        Sample("amqp0.exchange", "x", "x"),
        Sample("amqp0.namespaces", "/chat", "/chat"),
        Sample("pythonSocketio.exchange", "x", "x"),
        Sample("pythonSocketio.expiration", "0", "none"),
        Sample("cluster.enabled", "no", "false"),
        Sample("cluster.exchange", "x", "x"),
        Sample("cluster.requestsTimeout", "60s", "60.0 seconds"),
        Sample("cluster.maxWaiting", "14", "14"),
        Sample("amqp.confirmTimeout", "250ms", "0.25 seconds"),
        Sample("amqp.heartbeat", "0", "0.0 seconds"),
        Sample("limits.maxBodyBytes", "2048", "2048"),
        Sample("limits.maxBatchBytes", "268435456", "268435456"),
        Sample("limits.maxBatchItems", "9", "9"),
        Sample("limits.maxNames", "7", "7"),
        Sample("http.maxConnections", "11", "11"),
        Sample("http.maxConnectionsPerAddress", "12", "12"),
        Sample("http.trustedProxies", "10.0.0.0/8,::1", "10.0.0.0/8,::1"),
        Sample("http.maxInFlight", "13", "13"),
        Sample("replicas", "3", "3"),
        Sample("http.adminAddress", "unix:/run/admin", "unix:/run/admin"),
        Sample("http.socketMode", "0600", "600"),
        Sample("http.maxStreams", "15", "15"),
        Sample("events.grace", "0s", "0.0 seconds"),
        Sample("events.exchange", "happenings", "happenings"),
        Sample("http.maxBufferedBytes", "2000000", "2000000"),
        Sample("idempotency.lifetime", "90s", "90.0 seconds"),
        Sample("idempotency.bytes", "65536", "65536"),
        Sample("http.headTimeout", "250ms", "0.25 seconds"),
        Sample("http.headBytes", "16384", "16384"),
        Sample("http.bodyTimeout", "7", "7.0 seconds"),
        Sample("http.idleTimeout", "600s", "600.0 seconds"),
        Sample("shutdown.delay", "3s", "3.0 seconds"),
        Sample("shutdown.timeout", "1.5s", "1.5 seconds"),
        Sample("http.corsOrigins", "https://b,HTTP://a:1", "http://a:1,https://b"),
        Sample("log.format", "json", "json"),
        Sample("log.level", "debug", "debug"),
    ]

    /// What may be nearly anything.
    private static let names: Set<Setting> = [
        "amqp0.exchange", "pythonSocketio.exchange", "cluster.exchange", "amqp.caFile", "amqp.certificateFile",
        "amqp.keyFile", "events.exchange",
    ]

    /// Parsed once: that takes its time.
    private static let noFlags = ServeOptions.parseOrExit([])

    @Test("has the documented defaults")
    func defaults() throws {
        let shown = show(try configuration())
        let expected: [Setting: String] = [
            "http.address": "127.0.0.1:8080", "amqp.url": "127.0.0.1:5672, virtual host /", "wireFormat": "amqp0",
            "apiKey": "none", "amqp0.exchange": "socket.io", "amqp0.namespaces": "/",
            "amqp.caFile": "", "amqp.certificateFile": "", "amqp.keyFile": "", "amqp.serverName": "",
            "amqp.verify": "true", "amqp.confirmTimeout": "5.0 seconds", "amqp.heartbeat": "10.0 seconds",
            "limits.maxBodyBytes": "1114112",
            "limits.maxNames": "100",
            "shutdown.timeout": "6.0 seconds", "log.format": "text", "log.level": "info", "allowAnonymous": "false",
            "http.corsOrigins": "none", "http.reusePort": "false", "protectMetrics": "false", "console": "false",
            "loops": Setting(\.loops).defaultText,
            "http.maxConnections": "10000",
            "http.maxConnectionsPerAddress": "0", "http.trustedProxies": "", "http.maxInFlight": "10000",
            "replicas": "1", "http.adminAddress": "", "http.socketMode": "660",
            "http.maxStreams": "100", "events.grace": "3.0 seconds", "events.exchange": "",
            "http.maxBufferedBytes": "268435456",
            "limits.maxBatchBytes": "16777216", "limits.maxBatchItems": "10000",
            "idempotency.lifetime": "600.0 seconds",
            "cluster.enabled": "true", "cluster.exchange": "socket.io.cluster",
            "cluster.requestsTimeout": "5.0 seconds",
            "cluster.maxWaiting": "10000",
            "idempotency.bytes": "67108864", "http.headTimeout": "10.0 seconds",
            "http.bodyTimeout": "30.0 seconds", "http.idleTimeout": "130.0 seconds", "http.headBytes": "12288",
            "shutdown.delay": "3.0 seconds",
        ]
        #expect(shown == expected)
        #expect(try #require(Int(Setting(\.loops).defaultText)) >= 1)
        let python = show(try configuration(["wireFormat": "python-socketio"]))
        #expect(python["pythonSocketio.exchange"] == "socketio")
        #expect(python["pythonSocketio.expiration"] == "60000")
        #expect(try configuration().requestLimits == Router.Limits())
        #expect(try configuration().commandLimits == CommandLimits())
        #expect(try configuration().httpLimits == HTTPDaemon.Limits())
        #expect(try configuration().loadLimits == HTTPLoad.Limits())
        #expect(try configuration().mostStreams == StreamPlaces().most)
        #expect(try configuration().cluster.exchange == ClusterClient.Configuration().exchange)
        #expect(try configuration().cluster.waiting == ClusterClient.Configuration().waiting)
        #expect(try configuration().cluster.eventGrace == ClusterClient.Configuration().eventGrace)
        #expect(try configuration().idempotencyLimits == IdempotencyStore.Limits())
    }

    @Test("has a sample of every setting here")
    func coversAllSettings() {
        let flags: Set<Setting> = ["apiKey", "allowAnonymous", "protectMetrics", "http.reusePort", "console"]
        // Only together do they mean something.
        let https: Set<Setting> = ["https.address", "https.certificateFile", "https.keyFile"]
        #expect(Set(Self.samples.map(\.setting)).union(flags).union(https) == Set(Setting.all))
    }

    @Test(
        "says what HTTPS lacks, and which addresses are the same",
        arguments: [
            (
                ["http.address": "127.0.0.1:81", "http.adminAddress": "127.0.0.1:81"],
                "http.address and http.adminAddress are the same address, 127.0.0.1:81"
            ),
            (["http.address": "unix:/a", "http.adminAddress": "unix:/a"], "are the same address, unix:/a"),
            (
                ["http.address": ":81", "http.adminAddress": "127.0.0.1:81"],
                "http.address, :81, and http.adminAddress, 127.0.0.1:81, have the same port"
            ),
            (["http.address": "[::1]:81", "http.adminAddress": "[::]:81"], "they need a port each"),
            (["https.address": ":8443"], "needs https.certificateFile"),
            (["https.certificateFile": "/c.pem"], "but no https.address"),
            (["https.keyFile": "/k.pem"], "but no https.address"),
            (["https.address": ":8443", "https.certificateFile": "/no/such.pem"], "/no/such.pem"),
        ] as [([Setting: String], String)])
    func https(settings: [Setting: String], complaint: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(settings) }
        #expect(error?.description.contains(complaint) == true, "\(String(describing: error))")
    }

    @Test("takes every setting from the environment, and changes nothing else", arguments: samples)
    func environment(sample: Sample) throws {
        let others = others(for: sample)
        var expected = show(try configuration(others))
        if sample.setting != "wireFormat" { expected[sample.setting] = sample.shown }
        var shown = show(try configuration(others.merging([sample.setting: sample.text]) { $1 }))
        if sample.setting == "wireFormat" {
            #expect(shown["wireFormat"] == sample.shown)
            // The options of the other format are not to be seen any more.
            for setting in Setting.all where shown[setting] != expected[setting] {
                shown[setting] = nil
                expected[setting] = nil
            }
        }
        #expect(shown == expected)
    }

    @Test("prefers the command line to the environment", arguments: samples)
    func flags(sample: Sample) throws {
        let environment = others(for: sample).merging([sample.setting: "not valid"]) { $1 }
        #expect(show(try configuration(environment, [sample.option, sample.text]))[sample.setting] == sample.shown)
    }

    @Test("takes every setting from the file, and changes nothing else", arguments: samples)
    func file(sample: Sample) throws {
        let expected = show(try configuration(others(for: sample).merging([sample.setting: sample.text]) { $1 }))
        #expect(
            show(try configuration(file: others(for: sample).merging([sample.setting: sample.text]) { $1 })) == expected
        )
        #expect(expected[sample.setting] == sample.shown)
    }

    @Test("takes switches from the file")
    func fileSwitches() throws {
        let on = try configuration(file: ["allowAnonymous": "true", "http.reusePort": "yes", "protectMetrics": "on"])
        #expect(on.allowsAnonymous && on.sharesPort && on.protectsMetrics)
        #expect(try !configuration(["http.reusePort": "off"], file: ["http.reusePort": "on"]).sharesPort)
        #expect(try configuration([:], ["--reuse-port"], file: ["http.reusePort": "off"]).sharesPort)
    }

    @Test("prefers the command line to the environment, and that to the file", arguments: samples)
    func order(sample: Sample) throws {
        let others = others(for: sample)
        let (bad, good) = ([sample.setting: "not valid"], [sample.setting: sample.text])
        let flag = [sample.option, sample.text]
        #expect(show(try configuration(others, flag, file: bad))[sample.setting] == sample.shown)
        #expect(show(try configuration(others.merging(good) { $1 }, file: bad))[sample.setting] == sample.shown)
        // What nobody looks at may be anything.
        if !Self.names.contains(sample.setting) {
            #expect(throws: ConfigurationError.self) { try configuration(others.merging(bad) { $1 }, file: good).files }
        }
        let origins = try configuration(others, file: good).origins
        #expect(origins[sample.setting]?.origin == .file(line: sample.setting.path.split(separator: ".").count))
    }

    @Test("names the line of the file with what it cannot read", arguments: samples.filter { $0.setting != "amqp.url" })
    func badFileValues(sample: Sample) throws {
        let bad = Self.names.contains(sample.setting) ? String(repeating: "x", count: 4_096) : "not valid"
        let error = #expect(throws: ConfigurationError.self) {
            try configuration(file: others(for: sample).merging([sample.setting: bad]) { $1 })
        }
        let message = error?.description ?? ""
        #expect(message.contains(": \(sample.setting.path) is '\(bad)', but must be "), "\(message)")
        #expect(message.contains(#/\.yaml:\d+: /#), "\(message)")
    }

    @Test("takes a key from the file, too, and those of the list")
    func fileKeys() throws {
        #expect(try configuration(file: ["apiKey": "k"]).keys == [KeyEntry(apiKey: "k")])
        #expect(try configuration(["apiKey": "v"], file: ["apiKey": "k"]).keys == [KeyEntry(apiKey: "v")])
        let entry = "keys: [{name: a, sha256: \(String(repeating: "0", count: 64)), scopes: [emit]}]\n"
        try withFile(entry) { path throws in
            let environment = Environment(variables: ["GATEWAY_API_KEY": "v"])
            let options = try ServeOptions.parse(["--config", path])
            #expect(try Configuration(options, environment: environment).keys.map(\.name) == ["api-key", "a"])
        }
    }

    @Test("prefers the file that the command line names to that of the environment")
    func whichFile() throws {
        try withFile("loops: 7") { path throws in
            let environment = Environment(variables: ["GATEWAY_CONFIG": path])
            #expect(try Configuration(Self.noFlags, environment: environment).loops == 7)
            let missing = Environment(variables: ["GATEWAY_CONFIG": "/nonexistent"])
            #expect(try Configuration(try ServeOptions.parse(["--config", path]), environment: missing).loops == 7)
            #expect(throws: ConfigurationError.self) { try Configuration(Self.noFlags, environment: missing) }
        }
    }

    @Test(
        "takes an empty variable for one that is not set, unless that would mean a default", arguments: Setting.all)
    func emptyVariables(setting: Setting) throws {
        guard setting.defaultText.isEmpty else {
            #expect(throws: ConfigurationError.self) { try configuration([setting: ""]) }
            return
        }
        #expect(show(try configuration([setting: ""])) == show(try configuration()))
    }

    @Test(
        "reads switches in the usual words",
        arguments: [
            ("true", true), ("TRUE", true), ("1", true), ("yes", true), ("on", true), ("false", false), ("0", false),
            ("No", false), ("off", false),
        ])
    func switches(text: String, isOn: Bool) throws {
        let configuration = try configuration(["allowAnonymous": text, "http.reusePort": text, "protectMetrics": text])
        #expect(configuration.protectsMetrics == isOn)
        #expect(configuration.allowsAnonymous == isOn)
        #expect(configuration.sharesPort == isOn)
    }

    @Test("has switches on the command line")
    func switchFlags() throws {
        #expect(try configuration([:], ["--allow-anonymous"]).allowsAnonymous)
        #expect(try !configuration([:], ["--allow-anonymous"]).sharesPort)
        #expect(try configuration([:], ["--protect-metrics"]).protectsMetrics)
        #expect(try configuration(["http.reusePort": "false"], ["--reuse-port"]).sharesPort)
    }

    @Test(
        "names the setting that it cannot read, and what was expected",
        arguments: [
            (
                "http.address", ["8080", "host", "host:", "host:65536", "::1:80", "a:b:1", "unix:x"],
                "host:port or unix:/path"
            ),
            ("https.address", ["8080", "unix:/x"], "host:port"),
            ("http.socketMode", ["8", "0880", "rw", "1777"], "permissions in octal, such as 0660 or 0600"),
            ("wireFormat", ["amqp", "AMQP0", "Cluster"], "amqp0, cluster or python-socketio"),
            ("loops", ["0", "257", "-1", "x", "1.5"], "1 to 256"),
            ("amqp0.exchange", [String(repeating: "x", count: 256)], "1 to 255 bytes"),
            ("amqp0.namespaces", [",", "chat", "/,chat", "/#", "/, /chat"], "/,/chat"),
            ("pythonSocketio.exchange", [String(repeating: "é", count: 128)], "1 to 255 bytes"),
            ("pythonSocketio.expiration", ["-1s", "x", "50d"], "0, or a duration of at most 4294967295ms"),
            ("cluster.enabled", ["maybe", "2"], "true or false"),
            ("cluster.exchange", [String(repeating: "x", count: 256)], "1 to 255 bytes"),
            ("cluster.requestsTimeout", ["0", "0.5ms", "60.001s", "61s", "2m", "-1s"], "1ms to 60s"),
            ("cluster.maxWaiting", ["0", "1000001", "-1"], "1 to 1000000"),
            (
                "amqp.confirmTimeout", ["0", "0.1ms", "-5s", "5M", "nan", "inf"],
                "at least 1ms, such as 500ms, 5s, 5m or 1h"
            ),
            ("amqp.heartbeat", ["0.5s", "500ms", "601s", "11m", "-1"], "0, or whole seconds up to 600s"),
            (
                "limits.maxBodyBytes", ["1023", "16777217", "1M", "17MiB", "-1KiB"],
                "1024 to 16777216 bytes, such as 65536, 64KiB"
            ),
            ("limits.maxBatchBytes", ["1023", "268435457", "16M"], "1024 to 268435456"),
            ("limits.maxBatchItems", ["0", "1000001", "-1"], "1 to 1000000"),
            ("limits.maxNames", ["0", "10001"], "1 to 10000"),
            ("http.maxConnections", ["0", "1000001"], "1 to 1000000"),
            ("http.maxConnectionsPerAddress", ["-1", "1000001"], "0 (no limit)"),
            ("http.trustedProxies", ["host", "10.0.0.1/8", "10.0.0.0/8,", "::/129"], "10.0.0.0/8,2001:db8::1"),
            ("http.maxInFlight", ["0", "1000001"], "1 to 1000000"),
            ("replicas", ["0", "1001"], "1 to 1000"),
            ("http.maxStreams", ["0", "100001", "-1"], "1 to 100000"),
            ("events.grace", ["-1s", "61s"], "at most 60s"),
            ("events.exchange", [String(repeating: "x", count: 251)], "at most 250 bytes"),
            ("http.maxBufferedBytes", ["0", "1048575", "1MB", "99999999999TiB"], "1048576"),
            ("idempotency.lifetime", ["0", "10 m", "-1s"], "at least 1ms"),
            ("idempotency.bytes", ["65535", "1099511627777", "64M"], "65536 to 1099511627776"),
            ("http.headTimeout", ["0", "-1s"], "at least 1ms"),
            ("http.headBytes", ["8191", "65537", "12kib"], "8192 to 65536"),
            ("http.bodyTimeout", ["0.5ms", "x"], "at least 1ms"),
            ("http.idleTimeout", ["0", "0.5s", "601s", "1h"], "1s to 600s"),
            ("shutdown.delay", ["-1s", "later"], "duration"),
            ("shutdown.timeout", ["x", "-1s", "1e20"], "duration"),
            (
                "http.corsOrigins",
                ["*", "null", "https://a/", "https://a/b", "https://a,*", "https://a ,https://b", "a"],
                "such as https://app.example.com, without a path"
            ),
            ("log.format", ["JSON", "xml"], "text or json"),
            (
                "log.level", ["verbose", "INFO", "Warn"],
                "trace, debug, info, notice, warning (or warn), error or critical"
            ),
            ("allowAnonymous", ["maybe", "2"], "true or false"),
            ("http.reusePort", ["x"], "true or false"), ("protectMetrics", ["x"], "true or false"),
            ("console", ["x"], "true or false"),
        ] as [(Setting, [String], String)])
    func badValues(setting: Setting, texts: [String], expected: String) throws {
        for text in texts {
            let message = try #require(errorMessage([setting: text]), "\(text)")
            #expect(message.contains(setting.variable))
            #expect(message.contains("'\(text)'"))
            #expect(message.contains(expected))
        }
        guard let sample = Self.samples.first(where: { $0.setting == setting }) else { return }
        let message = try #require(errorMessage([setting: sample.text], ["\(sample.option)=\(texts[0])"]))
        #expect(message.hasPrefix("\(sample.option) is '\(texts[0])'"))
    }

    @Test(
        "takes units, and remembers one text of all that mean the same",
        arguments: [
            ("amqp.confirmTimeout", "1m", "60.0 seconds", "60s"),
            ("amqp.confirmTimeout", "0.25", "0.25 seconds", "250ms"),
            ("amqp.heartbeat", "1.5m", "90.0 seconds", "90s"), ("amqp.heartbeat", "0", "0.0 seconds", "0s"),
            ("idempotency.lifetime", "1h", "3600.0 seconds", "3600s"), ("shutdown.delay", "0", "0.0 seconds", "0s"),
            ("limits.maxBodyBytes", "2MiB", "2097152", "2097152"), ("http.headBytes", "10KB", "10000", "10000"),
            ("http.headBytes", "8KiB", "8192", "8192"),
            ("http.maxBufferedBytes", "1TiB", "1099511627776", "1099511627776"),
            ("log.level", "warn", "warning", "warning"),
            ("cluster.enabled", "No", "false", "false"), ("loops", "3", "3", "3"),
        ] as [(Setting, String, String, String)])
    func units(setting: Setting, text: String, shown: String, remembered: String) throws {
        for configuration in [
            try configuration([setting: text]), try configuration(file: [setting: text]),
            try configuration([:], [Sample(setting, text, shown).option, text]),
        ] {
            #expect(show(configuration)[setting] == shown)
            #expect(configuration.origins[setting]?.text == remembered)
        }
    }

    @Test("needs an exchange for each of several namespaces")
    func namespaces() throws {
        let message = try #require(errorMessage(["amqp0.namespaces": "/,/chat"]))
        #expect(message.contains("GATEWAY_AMQP0_NAMESPACES") && message.contains("{namespace}"))
        let typed = try #require(errorMessage([:], ["--amqp0-namespaces", "/,/chat", "--amqp0-exchange", "x"]))
        #expect(typed.hasPrefix("--amqp0-namespaces has several namespaces, so --amqp0-exchange must contain"))
        let shown = show(try configuration(["amqp0.namespaces": "/,/chat", "amqp0.exchange": "x{namespace}"]))
        #expect(shown["amqp0.namespaces"] == "/,/chat")
    }

    // MARK: Secrets

    @Test(
        "never shows a secret in an error",
        arguments: ["http://u:secret@h", "amqp://u:secret@h:secret", "amqps://u:secret@h?verify=secret"])
    func keepsSecrets(uri: String) throws {
        for (environment, flags, name) in [
            (["amqp.url": uri], [], "GATEWAY_AMQP_URL"), ([:], ["--amqp-url", uri], "--amqp-url"),
        ] as [([Setting: String], [String], String)] {
            let message = try #require(errorMessage(environment, flags))
            #expect(message.hasPrefix("\(name) "))
            #expect(!message.contains("secret"))
        }
        let error = #expect(throws: ConfigurationError.self) { try self.configuration(file: ["amqp.url": uri]) }
        #expect(error?.description.contains(".yaml:2: amqp.url ") == true)
        #expect(error?.description.contains("secret") == false)
        let configuration = try configuration(["apiKey": "secret", "amqp.url": "amqp://user:secret@host"])
        var dumped = ""
        dump(configuration.origins, to: &dumped)
        #expect(!"\(configuration.keys) \(configuration.broker.endpoint)".contains("secret"))
        #expect(!"\(configuration) \(dumped)".contains("secret"))
    }

    @Test("takes a key from the environment only")
    func apiKey() throws {
        #expect(try configuration(["apiKey": "k"]).keys == [KeyEntry(apiKey: "k")])
        #expect(throws: (any Error).self) { try ServeOptions.parse(["--api-key", "k"]) }
    }

    /// What the other settings have to be for this one to be seen.
    private func others(for sample: Sample) -> [Setting: String] {
        // They say how TLS is spoken, and without it they say nothing.
        let ofTLS: Set<Setting> = [
            "amqp.caFile", "amqp.certificateFile", "amqp.keyFile", "amqp.serverName", "amqp.verify",
        ]
        if ofTLS.contains(sample.setting) { return ["amqp.url": "amqps://rabbit"] }
        let isPython = sample.setting == "pythonSocketio.exchange" || sample.setting == "pythonSocketio.expiration"
        return isPython ? ["wireFormat": "python-socketio"] : [:]
    }

    /// - Parameter file: what the configuration file says; `nil`: there is none.
    private func configuration(
        _ variables: [Setting: String] = [:], _ flags: [String] = [], file: [Setting: String]? = nil
    ) throws -> Configuration {
        let names = Dictionary(uniqueKeysWithValues: variables.map { ($0.variable, $1) })
        let options = flags.isEmpty ? Self.noFlags : try ServeOptions.parse(flags)
        guard let file else { return try Configuration(options, environment: Environment(variables: names)) }
        return try withFile(Self.yaml(file), named: "gateway.yaml") { path throws in
            let environment = Environment(variables: names.merging(["GATEWAY_CONFIG": path]) { $1 })
            return try Configuration(options, environment: environment)
        }
    }

    /// In block style: a line for each name.
    private static func yaml(_ texts: [Setting: String]) -> String {
        let sections = Dictionary(grouping: texts) {
            $0.key.path.split(separator: ".").dropLast().joined(separator: ".")
        }
        return sections.sorted { $0.key < $1.key }.map { section, settings in
            let indent = section.isEmpty ? "" : "  "
            let lines = settings.map { "\(indent)\($0.key.path.split(separator: ".").last!): '\($0.value)'\n" }
            return (section.isEmpty ? "" : "\(section):\n") + lines.joined()
        }.joined()
    }

    private func errorMessage(_ variables: [Setting: String], _ flags: [String] = []) -> String? {
        do {
            _ = try configuration(variables, flags)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func show(_ proxies: TrustedProxies) -> String {
        let sample = "10.0.0.0/8,::1"
        return proxies == TrustedProxies() ? "" : proxies == TrustedProxies(sample) ? sample : "others"
    }

    private func show(_ configuration: Configuration) -> [Setting: String] {
        var shown: [Setting: String] = [
            "http.address": "\(configuration.listenAddress)", "amqp.url": "\(configuration.broker.endpoint)",
            "wireFormat": configuration.wireFormatName, "apiKey": configuration.keys.first?.name ?? "none",
            "loops": "\(configuration.loops)", "amqp.confirmTimeout": "\(configuration.broker.confirmTimeout)",
            "amqp.heartbeat": "\(configuration.broker.heartbeat)",
            "limits.maxBodyBytes": "\(configuration.requestLimits.bodyBytes)",
            "limits.maxNames": "\(configuration.commandLimits.names)",
            "shutdown.timeout": "\(configuration.shutdownTimeout)",
            "log.format": "\(configuration.logFormat)", "log.level": "\(configuration.logLevel)",
            "http.maxConnections": "\(configuration.loadLimits.connections)",
            "http.maxConnectionsPerAddress": "\(configuration.loadLimits.connectionsPerAddress)",
            "amqp.caFile": configuration.broker.endpoint.tls?.caFile ?? "",
            "amqp.certificateFile": configuration.broker.endpoint.tls?.certificateFile ?? "",
            "amqp.keyFile": configuration.broker.endpoint.tls?.keyFile ?? "",
            "amqp.serverName": configuration.broker.endpoint.tls?.serverName ?? "",
            "amqp.verify": "\(configuration.broker.endpoint.tls?.verifies ?? true)",
            "http.trustedProxies": show(configuration.trustedProxies),
            "http.maxInFlight": "\(configuration.loadLimits.requests)",
            "replicas": "\(configuration.replicas)",
            "http.adminAddress": configuration.adminAddress.map { "\($0)" } ?? "",
            "http.socketMode": String(configuration.socketMode, radix: 8),
            "http.maxStreams": "\(configuration.mostStreams)", "console": "\(configuration.hasConsole)",
            "events.grace": "\(configuration.cluster.eventGrace)",
            "events.exchange": configuration.cluster.eventExchange?.name ?? "",
            "http.maxBufferedBytes": "\(configuration.loadLimits.bodyBytes)",
            "cluster.enabled": "\(configuration.asksServers)", "cluster.exchange": configuration.cluster.exchange,
            "cluster.requestsTimeout": "\(configuration.requestsTimeout)",
            "cluster.maxWaiting": "\(configuration.cluster.waiting)",
            "limits.maxBatchBytes": "\(configuration.requestLimits.batchBytes)",
            "limits.maxBatchItems": "\(configuration.requestLimits.batchItems)",
            "idempotency.lifetime": "\(configuration.idempotencyLimits.lifetime)",
            "idempotency.bytes": "\(configuration.idempotencyLimits.bytes)",
            "http.headTimeout": "\(configuration.httpLimits.headTime)",
            "http.headBytes": "\(configuration.httpLimits.memoryPerConnection)",
            "http.bodyTimeout": "\(configuration.httpLimits.bodyTime)",
            "http.idleTimeout": "\(configuration.httpLimits.idleTime)",
            "shutdown.delay": "\(configuration.shutdownDelay)", "http.corsOrigins": "\(configuration.cors)",
            "allowAnonymous": "\(configuration.allowsAnonymous)", "http.reusePort": "\(configuration.sharesPort)",
            "protectMetrics": "\(configuration.protectsMetrics)",
        ]
        if let format = configuration.wireFormat as? AMQP0 {
            shown["amqp0.exchange"] = format.exchange
            shown["amqp0.namespaces"] = format.namespaces.joined(separator: ",")
        }
        if let format = configuration.wireFormat as? PythonSocketIO {
            shown["pythonSocketio.exchange"] = format.exchange
            shown["pythonSocketio.expiration"] = format.expiration.map { "\($0)" } ?? "none"
        }
        return shown
    }
}
