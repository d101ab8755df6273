internal import AMQPBridge
internal import ArgumentParser
internal import EventLoop
internal import Routes

/// `socketio-gateway config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check or print the configuration that serve would have, or what it can be.",
        subcommands: [Check.self, Print.self, Reference.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether serve would start with these flags, this environment and this file.",
            discussion: """
                The exit status is 0 if so; otherwise what is wrong is on standard error, a line each. There are the warnings, too, \
                of what is valid and dangerous.

                With --connect RabbitMQ is asked, too, and the status is 1 if emits or questions would not work with this user. \
                Nothing is delivered, and nothing stays there.
                """)

        @OptionGroup var options: ServeOptions

        @Flag(help: "Try out connection, exchanges and permissions on RabbitMQ, too.")
        var connect = false

        func run() throws {
            let configuration = try Configuration.loaded(options)
            let isLoopback = try configuration.listenAddresses.map(Self.isLoopback).allSatisfy { $0 }
            let warnings = configuration.warnings(isLoopback: isLoopback, now: Int(UnixTime.now()))
            for warning in warnings { StandardError.write("socketio-gateway: warning: \(warning)\n") }
            print("valid; keys: \(configuration.keys.count), hooks: \(configuration.hooks.count)")
            if configuration.keys.isEmpty, !configuration.allowsAnonymous {
                print("without a key, serve makes one at each start and prints it")
            }
            if connect { try tryBroker(configuration) }
        }

        private static func isLoopback(_ address: ListenAddress) throws(ExitCode) -> Bool {
            if address.path != nil { return true }
            do throws(SocketAddress.Unresolvable) {
                return try SocketAddress.resolve(address.host, port: address.port).isLoopback
            } catch {
                StandardError.write("socketio-gateway: cannot listen on \(address): \(error)\n")
                throw ExitCode.failure
            }
        }

        /// The most characters of a finding.
        private static let longestFinding = 1_000

        private func tryBroker(_ configuration: Configuration) throws(ExitCode) {
            let check = BrokerCheck(
                configuration.broker, wireFormat: configuration.wireFormat,
                clusterExchange: configuration.asksServers ? configuration.cluster.exchange : nil)
            for finding in check.findings {
                // Some of it is the broker's own words.
                switch finding {
                case .works(let text): print(text.printable(atMost: Self.longestFinding))
                case .note(let text): print("note: \(text.printable(atMost: Self.longestFinding))")
                case .fails(let text), .unreachable(let text):
                    StandardError.write("socketio-gateway: \(text.printable(atMost: Self.longestFinding))\n")
                }
            }
            if let cure = check.cure {
                let text = "what would help, on RabbitMQ's machine (docs/operating/permissions.md): \(cure)"
                if check.works { print(text) } else { StandardError.write("socketio-gateway: \(text)\n") }
            }
            guard check.works else { throw ExitCode.failure }
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every setting, and where it comes from, as a configuration file without secrets.")

        @OptionGroup var options: ServeOptions

        func run() throws {
            print(ConfigurationText(try Configuration.loaded(options)).text, terminator: "")
        }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what settings there are, with their defaults and ranges: docs/configuration.md.")

        @Flag(help: "Print them as a configuration file to begin with, in which none is set.")
        var yaml = false

        func run() {
            print(yaml ? ConfigurationTemplate.text : SettingReference.markdown, terminator: "")
        }
    }
}

extension Configuration {
    /// The configuration for a command. Faults are told on standard error, a line each.
    static func loaded(_ options: ServeOptions) throws(ExitCode) -> Configuration {
        do throws(ConfigurationError) {
            return try Configuration(options, environment: .process)
        } catch {
            for line in error.description.split(separator: "\n") {
                StandardError.write("socketio-gateway: \(line)\n")
            }
            throw ExitCode.validationFailure
        }
    }
}
