internal import ArgumentParser

/// `socketio-gateway keys`
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make keys for callers.",
        subcommands: [KeysCreateCommand.self, KeysHashCommand.self])
}
