internal import AMQPBridge
internal import ArgumentParser
internal import EventLoop
internal import JSON
internal import Routes

/// `socketio-gateway hooks`
struct HooksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Try out what webhooks become.", subcommands: [Sign.self, Test.self])

    /// `socketio-gateway hooks test`
    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a delivery to a hook would emit, or why it would not.",
            discussion: """
                Nothing is published. The emit is printed as JSON, as POST /v1/emit would take it; a delivery that would be \
                refused is one line on standard error for each reason.

                Exit status:
                  0   it would be emitted, or answered (Slack's or Meta's challenge)
                  1   it would be refused
                  3   it would be ignored: a condition is not met, which is shown with the value it was compared with
                  64  there is no such hook, or the configuration is not valid
                """)

        @ArgumentParser.Argument(help: "The hook's name.")
        var name: String

        @Option(
            help: ArgumentHelp("The delivery's body; - is standard input. (default: none at all)", valueName: "file"),
            completion: .file())
        var body: String?

        @Option(
            name: .customLong("header"),
            help: ArgumentHelp(
                "A header of it, 'Name: value'; may be repeated. (Content-Type of a body, if it is not given: application/json)",
                valueName: "header"))
        var headers: [String] = []

        @Option(
            help: ArgumentHelp(
                "In place of a delivery: the query with which a sender asks by GET whether the address is yours. Meta does.",
                valueName: "query"))
        var query: String?

        @Flag(help: "Do not ask for a signature.")
        var unsigned = false

        @Option(
            help: ArgumentHelp(
                "When it came, in seconds since 1970, for a delivery that was recorded. (default: now)",
                valueName: "seconds"))
        var at: Int64?

        @OptionGroup var broker: BrokerOptions

        func run() throws {
            let trial = try trial()
            switch trial {
            case .success(let text): print(text)
            case .failure(let refusal):
                for line in refusal.lines { StandardError.write("socketio-gateway: \(line)\n") }
                throw ExitCode(refusal.status)
            }
        }

        private struct Refusal: Error {
            let status: Int32
            let lines: [String]

            init(_ status: Int32, _ lines: [String]) {
                self.status = status
                self.lines = lines
            }

            init(_ problem: Problem) {
                status = 1
                lines =
                    problem.places.isEmpty ? [problem.detail] : [problem.code.title] + problem.places.map(\.description)
            }
        }

        private func trial() throws -> Result<String, Refusal> {
            let source: SettingSource
            let configuration: BrokerConfiguration
            do throws(ConfigurationError) {
                source = try SettingSource(
                    environment: .process, options: broker.settingTexts, configOption: broker.config)
                configuration = try BrokerConfiguration(source)
            } catch {
                return .failure(Refusal(64, error.lines))
            }
            let hook = try source.hook(named: name)
            if let query { return Self.answer(of: hook, to: query) }
            let (fields, bytes) = (try fields(), try DeliveryBody.read(body))
            if let problem = hook.problem(fields, bodyBytes: bytes.count) { return .failure(Refusal(problem)) }
            if !unsigned {
                do throws(SignatureFault) {
                    try hook.verify(fields, body: bytes, now: at ?? UnixTime.now())
                } catch {
                    return .failure(Refusal(1, ["401: \(error) (see --at and --unsigned)"]))
                }
            }
            do throws(Problem) {
                switch try hook.outcome(fields, body: bytes) {
                case .ignored(let unmet): return .failure(Refusal(3, ["ignored: \(unmet.description)"]))
                case .challenge(let text): return .success(text.jsonLiteral)
                case .emit(let emit, let id): return try Self.checked(emit, id, configuration)
                }
            } catch {
                return .failure(Refusal(error))
            }
        }

        /// The answer to a question whether the address is ours.
        private static func answer(of hook: Hook, to query: String) -> Result<String, Refusal> {
            guard hook.confirmsAddress else {
                return .failure(Refusal(1, ["405: the senders of this hook ask nothing by GET"]))
            }
            do throws(SignatureFault) {
                return .success(try hook.confirmation(of: query).jsonLiteral)
            } catch {
                return .failure(Refusal(1, ["403: \(error)"]))
            }
        }

        /// The emit as it would be published. It is refused, too, if the servers cannot do it.
        private static func checked(
            _ emit: Emit, _ id: String?, _ configuration: BrokerConfiguration
        ) throws(Problem) -> Result<String, Refusal> {
            // Servers with a responder can be asked for the sockets to leave out, and none is asked here.
            var judged = emit
            if configuration.wireFormat.asManager?.exceptsRooms == false { judged.except = [] }
            do throws(EmitError) {
                try judged.check(configuration)
            } catch {
                throw Problem(error)
            }
            return .success(emit.text(deliveryID: id))
        }

        private func fields() throws -> HeaderFields {
            var fields = HeaderFields()
            for header in headers {
                guard let colon = header.firstIndex(of: ":"), colon != header.startIndex else {
                    throw ValidationError("--header '\(header)' is not 'Name: value'")
                }
                let name = header[..<colon].lowercased()
                let value = String(header[header.index(after: colon)...].withoutSpace)
                if let known = HeaderName(rawValue: name) {
                    fields.add(known, value)
                } else {
                    fields.add(other: name, value)
                }
            }
            if body != nil, fields[.contentType] == nil { fields.add(.contentType, "application/json") }
            return fields
        }
    }
}

/// The body of a delivery that is tried.
enum DeliveryBody {
    /// - Parameter name: the name of a file; `-` is standard input. `nil`: there is no body.
    static func read(_ name: String?) throws -> [UInt8] {
        guard let name else { return [] }
        if name == "-" { return StandardInput.readAll() }
        do throws(FileContents.Unreadable) {
            return try FileContents.read(name, atMost: 16 << 20)
        } catch {
            throw ValidationError("\(name): \(error.reason)")
        }
    }
}

extension SettingSource {
    /// A hook of the configuration file.
    func hook(named name: String) throws(ValidationError) -> Hook {
        if let entry = file?.hooks.first(where: { $0.hook.name == name }) { return entry.hook }
        let known = (file?.hooks ?? []).map(\.hook.name)
        let hint = file == nil ? ": there is no configuration file (--config)" : Suggestion.of(known, for: name)
        throw ValidationError("there is no hook '\(name)'\(hint)")
    }
}

extension ConfigurationError {
    /// The faults, a line each.
    var lines: [String] { description.split(separator: "\n").map(String.init) }
}

extension Emit {
    /// The body of a `POST /v1/emit` that is the same, with the delivery's id in front.
    fileprivate func text(deliveryID: String?) -> String {
        let json = JSONWriter.bytes { json in
            json.object { json in
                json.member("deliveryId", ifPresent: deliveryID)
                json.member("namespace", namespace)
                json.member("event", event)
                json.list("args") { $0.elements(verbatim: arguments) }
                if !rooms.isEmpty { json.member("rooms", rooms) }
                if !except.isEmpty { json.member("except", except) }
            }
        }
        return String(decoding: json, as: UTF8.self)
    }
}
