internal import AMQPBridge
internal import SettingTypes

/// The settings of the broker and the servers behind it, read and checked.
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
        let tls = try BrokerTLS(source)
        do throws(BrokerURLError) {
            link = try BrokerLink.Configuration(url: uri?.text ?? "", tls: tls)
        } catch {
            throw ConfigurationError(description: "\(source.name(of: Setting(\.amqpURL))) \(error)")
        }
        guard tls == BrokerTLS() || link.endpoints.contains(where: { $0.tls != nil }) else {
            throw ConfigurationError(
                description: "\(source.name(of: Setting(\.amqpURL))) asks for no TLS, and there are settings for it: "
                    + "it must begin with amqps://")
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

extension BrokerTLS {
    fileprivate init(_ source: SettingSource) throws(ConfigurationError) {
        self.init()
        caFile = try source.read(\.amqpCAFile).nonEmpty
        certificateFile = try source.read(\.amqpCertificateFile).nonEmpty
        keyFile = try source.read(\.amqpKeyFile).nonEmpty
        serverName = try source.read(\.amqpServerName).nonEmpty
        verifies = try source.read(\.amqpVerify)
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
