internal import ArgumentParser

/// The flags about the broker and the servers behind it, which all commands that emit have in common.
struct BrokerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A configuration file, YAML. (GATEWAY_CONFIG; default: none)", valueName: "file"))
    var config: String?

    @Option(help: .setting("RabbitMQ; an empty path means the virtual host '/'.", .amqpURL, "amqp-uri"))
    var amqpURL: String?

    @Option(help: .setting("The servers' wire format: amqp0, cluster or python-socketio.", .wireFormat, "name"))
    var wireFormat: String?

    @Option(help: .setting("amqp0: the adapter's exchangeName; may contain {namespace}.", .amqp0Exchange, "name"))
    var amqp0Exchange: String?

    @Option(help: .setting("amqp0: the namespaces served, separated by commas.", .amqp0Namespaces, "list"))
    var amqp0Namespaces: String?

    @Option(help: .setting("python-socketio: the manager's channel.", .pythonSocketIOExchange, "name"))
    var pythonSocketioExchange: String?

    @Option(
        help: .setting(
            "python-socketio: how long a message may wait for a server; 0: for ever.", .pythonSocketIOExpiration,
            "duration"))
    var pythonSocketioExpiration: String?

    @Option(help: .setting("The exchange of the cluster protocol, for emits and questions.", .clusterExchange, "name"))
    var clusterExchange: String?

    @Option(help: .setting("How long to wait for a publisher confirm.", .confirmTimeout, "duration"))
    var confirmTimeout: String?

    @Option(help: .setting("AMQP heartbeat interval, whole seconds; 0: none.", .amqpHeartbeat, "duration"))
    var amqpHeartbeat: String?

    @Option(help: .setting("The most rooms and exceptions of one emit.", .maxNames, "count"))
    var maxNames: String?
}

extension ArgumentHelp {
    /// Help that names the environment variable and the default of a setting.
    static func setting(_ abstract: String, _ setting: Setting, _ valueName: String? = nil) -> ArgumentHelp {
        ArgumentHelp("\(abstract) (\(setting.rawValue); default: \(setting.defaultText))", valueName: valueName)
    }
}
