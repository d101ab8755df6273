internal import AMQPBridge

/// How to reach the servers, read and checked.
struct BrokerConfiguration: Sendable {
    var link: BrokerLink.Configuration
    var wireFormatName: String
    var wireFormat: any WireFormat
    var clusterExchange: String
    var limits: CommandLimits
}

extension BrokerConfiguration {
    init(_ source: SettingSource) throws(ConfigurationError) {
        let uri = try source.secret(\.amqpURL)
        do throws(BrokerEndpoint.ParseError) {
            link = BrokerLink.Configuration(endpoint: try BrokerEndpoint(uri: uri?.text ?? ""))
        } catch {
            throw ConfigurationError(description: "\(source.name(of: Setting.amqpURL)) \(error)")
        }
        link.confirmTimeout = try source.read(\.confirmTimeout)
        link.heartbeat = try source.read(\.amqpHeartbeat)

        let formats = try WireFormatOptions(source)
        wireFormatName = try source.read(\.wireFormat)
        wireFormat = WireFormats.all[wireFormatName]!(formats)
        clusterExchange = formats.clusterExchange
        limits = CommandLimits(names: try source.read(\.maxNames))
    }
}

extension WireFormatOptions {
    fileprivate init(_ source: SettingSource) throws(ConfigurationError) {
        self.init()
        amqp0Exchange = try source.read(\.amqp0Exchange)
        amqp0Namespaces = try source.read(\.amqp0Namespaces)
        pythonSocketIOExchange = try source.read(\.pythonSocketIOExchange)
        clusterExchange = try source.read(\.clusterExchange)
        let expiration = try source.read(\.pythonSocketIOExpiration)
        pythonSocketIOExpiration = expiration == .zero ? nil : Int(expiration.nanoseconds / 1_000_000)
        if amqp0Namespaces.count > 1, !amqp0Exchange.contains(AMQP0.placeholder) {
            throw ConfigurationError(
                description: "\(source.name(of: Setting.amqp0Namespaces)) has several namespaces, so "
                    + "\(source.name(of: Setting.amqp0Exchange)) must contain {namespace}: on one exchange an emit reaches any of them"
            )
        }
    }
}
