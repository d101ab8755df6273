internal import ArgumentParser

/// `socketio-gateway serve`
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve HTTP and publish to RabbitMQ, until SIGTERM or SIGINT.",
        discussion: """
            Every option can be given as an environment variable, too; an option on the command line wins. \
            For secrets, NAME_FILE names a file that holds the value of NAME. \
            The API key is taken from the environment only: GATEWAY_API_KEY, or GATEWAY_API_KEY_FILE. \
            Without one, only a loopback address is served, unless --allow-anonymous.
            """)

    @OptionGroup var options: ServeOptions

    func run() throws {
        let configuration: Configuration
        do {
            configuration = try Configuration(options, environment: .process)
        } catch {
            throw ValidationError("\(error)")
        }
        do {
            try GatewayProcess(configuration).run()
        } catch {
            StandardError.write("socketio-gateway: \(error)\n")
            throw ExitCode.failure
        }
    }
}
