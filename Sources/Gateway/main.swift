internal import ArgumentParser

do {
    var command = try GatewayCommand.parseAsRoot()
    do {
        try command.run()
    } catch let error as ValidationError {
        // The library does not know any more which command it was, and would show the usage of the whole program.
        let usage = GatewayCommand.usageString(for: type(of: command))
        StandardError.write("Error: \(error.message)\nUsage: \(usage)\n")
        throw ExitCode.validationFailure
    }
} catch {
    GatewayCommand.exit(withError: error)
}
