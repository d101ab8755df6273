internal import AMQP
internal import AMQPBridge
internal import ArgumentParser
internal import SettingTypes

/// `socketio-gateway healthcheck`: for a container's HEALTHCHECK, which has no curl.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running gateway for /livez; the exit code is 0 if it answers 200, and 1 otherwise.")

    @Option(\.httpAddress, help: "Where the gateway listens.") var httpAddress: String?

    @Option(
        help: ArgumentHelp("The gateway's configuration file. (GATEWAY_CONFIG)", valueName: "file"), completion: .file()
    )
    var config: String?

    @Option(\.httpsAddress, help: "Where it listens with TLS.") var httpsAddress: String?

    @Flag(help: "Ask where it listens with TLS, whoever its certificate is for.")
    var https = false

    @Flag(help: "Ask for /readyz instead.")
    var ready = false

    @Option(
        help: ArgumentHelp("How long to wait for the answer; a number alone is seconds.", valueName: "duration"),
        transform: {
            let type = SettingType.duration(from: .seconds(1), to: .seconds(600))
            guard let duration = type.parse($0) else { throw ValidationError("it must be \(type.kind.expected)") }
            return duration
        })
    var timeout = Duration.seconds(2)

    func run() throws {
        let address = try Self.address(
            options: settingTexts, config: config, environment: .process, isEncrypted: https)
        let status: Int
        do throws(HealthProbe.NoAnswer) {
            status = try HealthProbe(address.reachable, isEncrypted: https, timeout: timeout).status(
                of: ready ? "/readyz" : "/livez")
        } catch {
            StandardError.write("socketio-gateway: no answer from \(address.reachable): \(error)\n")
            throw ExitCode.failure
        }
        guard status == 200 else {
            StandardError.write("socketio-gateway: \(address.reachable) answered \(status)\n")
            throw ExitCode.failure
        }
    }

    /// The address at which the gateway listens. Nothing else in a file matters: the running gateway goes on with what
    /// it has when the file has become invalid, and is not ill.
    static func address(
        options: [Setting: String], config: String?, environment: Environment, isEncrypted: Bool = false
    ) throws(ConfigurationError) -> ListenAddress {
        let file = (config ?? environment[Environment.configurationFile]).flatMap { ConfigurationFile(salvaging: $0) }
        let source = SettingSource(environment: environment, options: options, file: file)
        guard isEncrypted else { return try source.read(\.httpAddress) }
        guard let address = try source.read(\.httpsAddress) else {
            throw ConfigurationError(description: "--https needs https.address (GATEWAY_HTTPS_ADDRESS)")
        }
        return address
    }
}

extension ListenAddress {
    /// An address of this machine under which the gateway can be reached: a wildcard is none.
    fileprivate var reachable: ListenAddress {
        if path != nil { return self }
        return switch host {
        case "", "0.0.0.0": ListenAddress(host: "127.0.0.1", port: port)
        case "::": ListenAddress(host: "::1", port: port)
        default: self
        }
    }
}
