internal import ArgumentParser

do {
    if let unknown = UnknownCommand(in: CommandLine.arguments.dropFirst()) {
        StandardError.write("Error: \(unknown)\nUsage: \(unknown.usage)\n")
        throw ExitCode.validationFailure
    }
    var command = try GatewayCommand.parseAsRoot()
    do {
        try command.run()
    } catch let error as ValidationError {
        // The library does not know any more which command it was, and would show the usage of the whole program.
        let usage = GatewayCommand.usageString(for: type(of: command))
        StandardError.write("Error: \(error.message)\nUsage: \(usage)\n")
        throw ExitCode.validationFailure
    } catch let error as ConfigurationError {
        StandardError.write("socketio-gateway: \(error)\n")
        throw ExitCode.failure
    }
} catch {
    GatewayCommand.exit(withError: error)
}
