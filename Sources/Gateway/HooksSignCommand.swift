internal import AMQPBridge
internal import ArgumentParser
internal import EventLoop
internal import Routes

extension HooksCommand {
    /// `socketio-gateway hooks sign`
    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign a delivery to a hook, as its sender would.",
            discussion: """
                The headers are printed, each on a line, as curl takes them from a file (-H @file). A token is printed as it is. Nothing \
                is sent.

                  socketio-gateway hooks sign github --body push.json |
                    curl -H @- -H 'Content-Type: application/json' --data-binary @push.json URL

                Exit status:
                  0   they are printed; none with the scheme none
                  64  there is no such hook, or the configuration is not valid
                """)

        @ArgumentParser.Argument(help: "The hook's name.")
        var name: String

        @Option(
            help: ArgumentHelp("The delivery's body; - is standard input. (default: none at all)", valueName: "file"),
            completion: .file())
        var body: String?

        @Option(
            help: ArgumentHelp("When it is signed, in seconds since 1970. (default: now)", valueName: "seconds"))
        var at: Int64?

        @OptionGroup var broker: BrokerOptions

        func run() throws {
            let source: SettingSource
            do throws(ConfigurationError) {
                source = try SettingSource(
                    environment: .process, options: broker.settingTexts, configOption: broker.config)
            } catch {
                for line in error.lines { StandardError.write("socketio-gateway: \(line)\n") }
                throw ExitCode(64)
            }
            let hook = try source.hook(named: name)
            for header in hook.sign(try DeliveryBody.read(body), now: at ?? UnixTime.now()) {
                print("\(header.name): \(header.value)")
            }
        }
    }
}
