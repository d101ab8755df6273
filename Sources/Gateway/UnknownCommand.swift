internal import ArgumentParser
internal import Routes

/// A word that stands where the name of a command should, and is none.
struct UnknownCommand: Error, Equatable, CustomStringConvertible {
    let word: String
    /// The names of the commands that may stand there.
    let names: [String]
    let usage: String

    /// `nil`: the words name a command, or it is the library that has to say what is wrong with them.
    ///
    /// - Parameter words: the words behind the program's name.
    init?(in words: some Sequence<String>) {
        var command: any ParsableCommand.Type = GatewayCommand.self
        for (index, word) in words.enumerated() {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-") else { return nil }
            // The library's own.
            if index == 0, word == "help" { continue }
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                self.word = word
                names = subcommands.map { $0._commandName }
                usage = GatewayCommand.usageString(for: command)
                return
            }
            command = next
        }
        return nil
    }

    var description: String {
        let suggestion = Suggestion.of(names, for: word)
        return "there is no command '\(word)'" + (suggestion.isEmpty ? "; there is \(names.inWords)" : suggestion)
    }
}
