internal import ArgumentParser

/// `socketio-gateway`
struct GatewayCommand: ParsableCommand {
    static let version = "0.2.0"

    static let configuration = CommandConfiguration(
        commandName: "socketio-gateway",
        abstract: "Lets any program be a Socket.IO emitter, over HTTP or from a shell.",
        version: version,
        subcommands: [
            ServeCommand.self, EmitCommand.self, ConfigCommand.self, KeysCommand.self, HooksCommand.self,
            HealthcheckCommand.self,
        ])
}
