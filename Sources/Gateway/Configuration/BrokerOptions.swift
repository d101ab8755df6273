internal import ArgumentParser

/// The options about the broker and the servers behind it, which all commands that emit have in common.
struct BrokerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A configuration file, YAML. (GATEWAY_CONFIG; default: none)", valueName: "file"),
        completion: .file())
    var config: String?

    @Option(\.amqpURL) var amqpURL: String?
    @Option(\.amqpCAFile) var amqpCAFile: String?
    @Option(\.amqpCertificateFile) var amqpCertificateFile: String?
    @Option(\.amqpKeyFile) var amqpKeyFile: String?
    @Option(\.amqpServerName) var amqpServerName: String?
    @Option(\.amqpVerify) var amqpVerify: String?
    @Option(\.wireFormat) var wireFormat: String?
    @OptionGroup var wireFormats: WireFormatOptions
    @Option(\.confirmTimeout) var confirmTimeout: String?
    @Option(\.amqpHeartbeat) var amqpHeartbeat: String?
    @Option(\.maxNames) var maxNames: String?
}
