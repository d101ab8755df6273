import AMQPBridge
import ArgumentParser
import SettingTypes
import Testing

@testable import Gateway

@Suite("emit")
struct EmitCommandTests {
    private static let help = EmitCommand.helpMessage(columns: 1_000)

    @Test("takes an event and its arguments")
    func arguments() throws {
        let command = try parse(["order.paid", "{\"id\":42}", "-", "null", "--", "-1"])
        #expect(command.event == "order.paid")
        #expect(command.arguments == ["{\"id\":42}", "-", "null", "-1"])
        #expect(command.namespace == "/" && !command.binary)
    }

    @Test("takes any number of rooms and exceptions, before and behind the event")
    func names() throws {
        let flags = ["--room", "a", "--except=-x", "--except-socket", "s", "--namespace", "/chat", "--binary"]
        for words in [
            flags + ["e", "1", "--room", "b"], ["--room", "a", "e", "--room", "b", "1"] + flags.dropFirst(2),
        ] {
            let command = try parse(words)
            #expect(command.rooms == ["a", "b"])
            #expect(command.except == ["-x"] && command.exceptSockets == ["s"])
            #expect(command.namespace == "/chat" && command.binary)
            #expect(command.arguments == ["1"])
        }
    }

    @Test(
        "is not for what it does not know",
        arguments: [[], ["--rooms", "a", "e"], ["--room"], ["--http-address", ":80", "e"], ["e", "-1"]])
    func unknown(words: [String]) {
        let error = #expect(throws: (any Error).self) { try parse(words) }
        #expect(error.map { GatewayCommand.exitCode(for: $0) } == .validationFailure)
    }

    @Test(
        "has the settings of serve that are about the broker and the servers",
        arguments: [
            "amqp.url", "wireFormat", "amqp0.exchange", "amqp0.namespaces", "pythonSocketio.exchange",
            "pythonSocketio.expiration", "amqp.confirmTimeout", "amqp.heartbeat", "limits.maxNames",
        ])
    func settings(setting: Setting) {
        #expect(Self.help.contains("; \(setting.variable); default: \(setting.defaultText))"))
    }

    @Test("documents its exit status", arguments: EmitReport.Status.allCases)
    func status(status: EmitReport.Status) {
        #expect(Self.help.contains("\n  \(status.rawValue) "))
    }

    @Test(
        "says what is wrong before it looks for a broker, in one line",
        arguments: [
            (["e", "hello"], "argument 1: is not JSON", true),
            (["e", "1", "{'a':1}"], "argument 2: is not JSON", false),
            (["e", "True"], "argument 1: is not JSON", true),
            (["e", ""], "argument 1: is not JSON", true),
            (["e", "-", "-"], "standard input can be only one of them", false),
            (["--binary", "e", "{\"$binary\":1}"], "argument 1: /$binary: must be a string of base64", false),
            (["connect"], "EVENT: 'connect' is reserved", false),
            (["--room", "a", "--room", "", "e"], "--room (2): an empty name", false),
            (["--except", "", "e"], "--except (1): an empty name", false),
            (["--except-socket", "", "e"], "--except-socket (1): an empty name", false),
            (["--namespace", "chat", "e"], "--namespace: a namespace begins with '/'", false),
            (["--wire-format", "amqp0", "--binary", "e"], "--binary: ", false),
            (["--wire-format", "amqp0", "--room", "broadcast", "e"], "--room (1): a room named 'broadcast'", false),
            (["--except", "a", "e"], "--except: python-socketio servers can leave out sockets", false),
            (["--max-names", "1", "--room", "a", "--room", "b", "e"], "at most 1 are allowed", false),
            (["--confirm-timeout", "never", "e"], "--confirm-timeout is 'never'", false),
            (["--amqp-url", "amqp://u:secret@h:x", "e"], "--amqp-url is not an AMQP URI", false),
        ] as [([String], String, Bool)])
    func invalid(words: [String], text: String, hasHint: Bool) throws {
        let report = try report(words)
        #expect(report.status == .invalid && !report.isReceipt)
        #expect(report.text.contains(text), "\(report.text)")
        #expect(report.text.contains("'\"text\"'") == hasHint)
        #expect(!report.text.contains("\n") && !report.text.contains("secret"))
    }

    @Test("reads standard input for -, and only then")
    func standardInput() throws {
        #expect(try report(["e", "1", "-"], standardInput: "{\"a\":").text.contains("argument 2: is not JSON"))
        #expect(try report(["e", "-"], standardInput: " [1]\n").status == .notPublished)
        #expect(try report(["e", "1"], standardInput: nil).status == .notPublished)
    }

    @Test("says where it did not find the broker, and no password")
    func noBroker() throws {
        let report = try report(["--amqp-url", "amqp://u:secret@127.0.0.1:1/v", "e"])
        #expect(report.status == .notPublished && !report.isReceipt)
        #expect(report.text.hasPrefix("no connection to RabbitMQ at 127.0.0.1:1, virtual host v: "))
        #expect(!report.text.contains("secret") && !report.text.contains("\n"))
    }

    @Test("takes the environment for what the command line does not say")
    func environment() throws {
        let command = try parse(["e"])
        let variables = ["GATEWAY_AMQP_URL": "amqp://127.0.0.1:1/of-the-environment"]
        let report = command.report(environment: Environment(variables: variables)) { [] }
        #expect(report.text.contains("of-the-environment"))
    }

    private func parse(_ words: [String]) throws -> EmitCommand {
        try #require(try GatewayCommand.parseAsRoot(["emit"] + words) as? EmitCommand)
    }

    private func report(_ words: [String], standardInput: String? = nil) throws -> EmitReport {
        let variables = ["GATEWAY_AMQP_URL": "amqp://127.0.0.1:1", "GATEWAY_WIRE_FORMAT": "python-socketio"]
        return try parse(words).report(environment: Environment(variables: variables)) {
            if standardInput == nil { Issue.record("standard input was read") }
            return Array((standardInput ?? "").utf8)
        }
    }
}

@Suite("The report of emit")
struct EmitReportTests {
    @Test(
        "of an emit that was confirmed is the JSON that HTTP answers",
        arguments: [(true, "true", .confirmed), (nil, "null", .confirmed), (false, "false", .unrouted)]
            as [(Bool?, String, EmitReport.Status)])
    func receipts(routed: Bool?, text: String, status: EmitReport.Status) {
        let report = EmitReport(Receipt(id: "01J", routed: routed), Self.destination)
        #expect(report.text == "{\"id\":\"01J\",\"status\":\"confirmed\",\"routed\":\(text)}")
        #expect(report.status == status && report.isReceipt && report.note == nil)
    }

    private static let destination = EmitReport.Destination(exchange: "x", virtualHost: "/v", wireFormat: "amqp0")

    @Test("says why nobody was there, and where, beside the receipt", arguments: UnroutedReason.allCases)
    func unrouted(reason: UnroutedReason) throws {
        let report = EmitReport(Receipt(id: "01J", routed: false, reason: reason), Self.destination)
        #expect(report.status == .unrouted)
        #expect(report.text.hasSuffix("\"routed\":false,\"reason\":\"\(reason.rawValue)\"}"))
        let note = try #require(report.note)
        #expect(note.hasPrefix("\(reason.rawValue): "))
        for part in ["'x'", "'/v'", "amqp0"] { #expect(note.contains(part)) }
    }

    @Test(
        "of a failure says in one line whether nothing was published",
        arguments: [
            (.brokerUnavailable, .notPublished), (.brokerBlocked(reason: "low on memory"), .notPublished),
            (.brokerRefused(exchange: "x", reason: "because"), .notPublished), (.brokerSilent, .notPublished),
            (.overloaded, .notPublished), (.tooLarge(bytes: 2, limit: 1), .notPublished),
            (.brokerNack, .unknown), (.unknown(.confirmTimedOut), .unknown), (.unknown(.connectionLost), .unknown),
            (.unknown(.channelClosed), .unknown), (.unknown(.partial), .unknown),
        ] as [(PublishError, EmitReport.Status)])
    func failures(error: PublishError, status: EmitReport.Status) {
        let report = EmitReport(.notPublished(error), arguments: [])
        #expect(report.status == status && !report.isReceipt)
        #expect(report.text == error.description)
        #expect(report.text.contains("nothing was published") == (status == .notPublished))
        #expect(!report.text.contains("\n"))
    }

    @Test("has the documented exit status")
    func exitStatus() {
        let codes = EmitReport.Status.allCases.map(\.rawValue)
        #expect(codes == [0, 1, 3, 4, ExitCode.validationFailure.rawValue])
    }
}
