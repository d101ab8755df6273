import Testing

@testable import Gateway

@Suite("A misspelt command")
struct UnknownCommandTests {
    @Test(
        "is told from the one that was meant, where it stands",
        arguments: [
            (["srve"], "there is no command 'srve'; did you mean 'serve'?", "socketio-gateway <subcommand>"),
            (["Serve", "--loops", "2"], "there is no command 'Serve'; did you mean 'serve'?", "socketio-gateway <"),
            (["help", "emmit"], "there is no command 'emmit'; did you mean 'emit'?", "socketio-gateway <"),
            (["config", "chek"], "there is no command 'chek'; did you mean 'check'?", "socketio-gateway config <"),
            (["keys", "make"], "there is no command 'make'; there is create or hash", "socketio-gateway keys <"),
            (["hooks", "x"], "there is no command 'x'; there is sign or test", "socketio-gateway hooks <"),
        ])
    func unknown(words: [String], description: String, usage: String) throws {
        let unknown = try #require(UnknownCommand(in: words))
        #expect("\(unknown)" == description)
        #expect(unknown.usage.hasPrefix(usage))
    }

    @Test(
        "is none where there is no command, or a right one",
        arguments: [
            [], ["--version"], ["--generate-completion-script", "bash"], ["---completion", "x"], ["serve", "x"],
            ["emit", "srve"], ["config"], ["config", "--help"], ["config", "reference"], ["help"], ["help", "serve"],
            ["help", "keys", "create"],
        ])
    func known(words: [String]) {
        #expect(UnknownCommand(in: words) == nil)
    }
}
