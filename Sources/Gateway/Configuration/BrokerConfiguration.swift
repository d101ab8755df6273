internal import AMQPBridge
internal import SettingTypes

/// How to reach the servers, read and checked.
struct BrokerConfiguration: Sendable {
    var link: BrokerLink.Configuration
    var wireFormat: any ConfiguredFormat
    var clusterExchange: String
    var limits: CommandLimits

    var wireFormatName: String { type(of: wireFormat).name }
}

extension BrokerConfiguration {
    init(_ source: SettingSource) throws(ConfigurationError) {
        let uri = try source.secret(\.amqpURL)
        do throws(BrokerEndpoint.ParseError) {
            link = BrokerLink.Configuration(endpoint: try BrokerEndpoint(uri: uri?.text ?? ""))
        } catch {
            throw ConfigurationError(description: "\(source.name(of: Setting(\.amqpURL))) \(error)")
        }
        link.confirmTimeout = try source.read(\.confirmTimeout)
        link.heartbeat = try source.read(\.amqpHeartbeat)

        let name = try source.read(\.wireFormat)
        // What is wrong with the settings of another format is said, too.
        var formats: [any ConfiguredFormat] = []
        for format in WireFormats.all { formats.append(try format.init(source)) }
        wireFormat = formats.first { type(of: $0).name == name }!
        clusterExchange = try source.read(ClusterFormat.exchangeSetting)
        limits = CommandLimits(names: try source.read(\.maxNames))
    }
}
