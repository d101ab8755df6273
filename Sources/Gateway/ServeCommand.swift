internal import ArgumentParser

/// `socketio-gateway serve`
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve HTTP and publish to RabbitMQ, until SIGTERM or SIGINT.",
        discussion: """
            Every option can be given as an environment variable or in a configuration file, too; an option wins \
            over a variable, and a variable over the file. For secrets, NAME_FILE names a file that holds the value of \
            NAME. Keys for callers are in the file, made by 'socketio-gateway keys create'; GATEWAY_API_KEY (or \
            GATEWAY_API_KEY_FILE) is one that may do everything. Without any, one is made at the start and printed, unless \
            --allow-anonymous. On SIGHUP, and when the file has changed, it is read again.
            """)

    @OptionGroup var options: ServeOptions

    func run() throws {
        SystemMemory.returnLargeBlocks()
        let configuration = try Configuration.loaded(options)
        defer { LogWriter.standardError.flush(atMost: .seconds(1)) }
        do {
            try GatewayProcess(configuration) { () throws(ConfigurationError) in
                try Configuration(options, environment: .process)
            }.run()
        } catch {
            LogWriter.standardError.flush(atMost: .seconds(1))
            StandardError.write("socketio-gateway: \(error)\n")
            throw ExitCode.failure
        }
    }
}
