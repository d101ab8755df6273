internal import AMQPBridge
internal import ArgumentParser

/// `socketio-gateway emit`
struct EmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Emit one event, straight to RabbitMQ.",
        discussion: """
            Each ARGUMENT is JSON, so text needs quotes of its own: '"text"'. A - stands for JSON on standard input; \
            an ARGUMENT that begins with another - goes behind --. What became of the event is printed as one line of \
            JSON, what went wrong on standard error.

            Exit status:
              0   RabbitMQ has confirmed the event
              1   nothing was published
              3   confirmed, but nobody was there for it ("routed": false); why is said on standard error, too
              4   nobody knows whether clients receive it
              64  the emit is not valid

            Options that name a variable of the environment can be given there, too, as for serve; an option on the \
            command line wins.
            """)

    @Option(
        name: .customLong("room"), parsing: .unconditionalSingleValue,  // the ids of sockets may begin with a dash
        help: ArgumentHelp("A room, or a socket's id; may be repeated. Without any, everyone receives it."))
    var rooms: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A room or socket id that does not receive it; may be repeated.", valueName: "name"))
    var except: [String] = []

    @Option(
        name: .customLong("except-socket"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A socket id that does not receive it; may be repeated.", valueName: "id"))
    var exceptSockets: [String] = []

    @Option(help: "The namespace.")
    var namespace = "/"

    @Flag(help: "Let {\"$binary\": \"<base64>\"} anywhere in the arguments stand for bytes.")
    var binary = false

    @OptionGroup var broker: BrokerOptions

    @ArgumentParser.Argument(help: "The event's name.")
    var event: String

    @ArgumentParser.Argument(
        help: ArgumentHelp("The event's arguments, each JSON; - is standard input.", valueName: "argument"))
    var arguments: [String] = []

    func run() throws {
        let report = report(environment: .process, standardInput: StandardInput.readAll)
        if report.isReceipt { print(report.text) } else { StandardError.write("socketio-gateway: \(report.text)\n") }
        if let note = report.note { StandardError.write("socketio-gateway: \(note)\n") }
        guard report.status == .confirmed else { throw ExitCode(report.status.rawValue) }
    }

    /// Carries it out. Nothing that is wrong with the emit waits for the broker to be said.
    func report(environment: Environment, standardInput: () -> [UInt8]) -> EmitReport {
        let configuration: BrokerConfiguration
        do throws(ConfigurationError) {
            let source = try SettingSource(
                environment: environment, options: broker.settingTexts, configOption: broker.config)
            configuration = try BrokerConfiguration(source)
        } catch {
            return .invalid(error.description)
        }
        do throws(EmitError) {
            let emit = try emit(standardInput: standardInput)
            try emit.check(configuration)
            return waiting { await Self.report(of: emit, configuration) }
        } catch {
            return EmitReport(error, arguments: arguments)
        }
    }

    private func emit(standardInput: () -> [UInt8]) throws(EmitError) -> Emit {
        var emit = Emit(
            namespace: namespace, event: event, rooms: rooms.map { .name($0) }, except: except.map { .name($0) },
            exceptSockets: exceptSockets)
        if arguments.count(where: { $0 == Self.standardInput }) > 1 {
            throw .invalid([CommandFault(CommandField("arguments"), "standard input can be only one of them")])
        }
        try emit.setArguments(
            arguments.map { argument in
                argument == Self.standardInput
                    ? .json(standardInput(), binary: binary) : .json(argument, binary: binary)
            })
        // As over HTTP: where the servers cannot do it, the wish alone is refused.
        emit.isBinary = binary
        return emit
    }

    private static func report(of emit: Emit, _ configuration: BrokerConfiguration) async -> EmitReport {
        let emitter: Emitter
        do throws(BrokerError) {
            emitter = try await Emitter.connect(
                to: configuration.link, wireFormat: configuration.wireFormat, limits: configuration.limits)
        } catch {
            return .notPublished(configuration.link.isNotConnected(error))
        }
        let report: EmitReport
        do throws(EmitError) {
            let receipt = try await emitter.emit(emit)
            report = EmitReport(receipt, .init(emit, configuration))
        } catch {
            report = EmitReport(error, arguments: [])
        }
        await emitter.close()
        return report
    }

    static let standardInput = "-"
}

extension EmitReport.Destination {
    fileprivate init(_ emit: Emit, _ configuration: BrokerConfiguration) {
        let publications = try? configuration.wireFormat.publications(for: emit)
        self.init(
            exchange: publications?.first?.exchange ?? "",
            virtualHost: configuration.link.endpoint.virtualHost, wireFormat: configuration.wireFormatName)
    }
}

extension Emit {
    /// - Throws: the faults that it has for these servers.
    func check(_ configuration: BrokerConfiguration) throws(EmitError) {
        let faults = faults(limits: configuration.limits)
        guard faults.isEmpty else { throw .invalid(faults) }
        do throws(NotExpressible) {
            _ = try configuration.wireFormat.publications(for: self)
        } catch {
            throw .notExpressible(error.fault)
        }
    }
}
