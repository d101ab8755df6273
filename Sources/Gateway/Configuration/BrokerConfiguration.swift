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
    init(_ options: BrokerOptions, _ source: SettingSource) throws(ConfigurationError) {
        let uri = try source.secret(.amqpURL, flag: options.amqpURL)
        do throws(BrokerEndpoint.ParseError) {
            link = BrokerLink.Configuration(endpoint: try BrokerEndpoint(uri: uri?.text ?? ""))
        } catch {
            let name = source.name(of: .amqpURL, uri?.origin ?? .byDefault)
            throw ConfigurationError(description: "\(name) \(error)")
        }
        link.confirmTimeout = try source.read(.confirmTimeout, flag: options.confirmTimeout, .duration())
        link.heartbeat = try source.read(.amqpHeartbeat, flag: options.amqpHeartbeat, .wholeSeconds(from: .zero))

        let formats = try WireFormatOptions(options, source)
        wireFormatName = try source.read(
            .wireFormat, flag: options.wireFormat, .oneOf(WireFormats.all.keys.sorted()))
        wireFormat = WireFormats.all[wireFormatName]!(formats)
        clusterExchange = formats.clusterExchange
        limits = CommandLimits(names: try source.read(.maxNames, flag: options.maxNames, .count(1...10_000)))
    }
}

extension WireFormatOptions {
    fileprivate init(_ options: BrokerOptions, _ source: SettingSource) throws(ConfigurationError) {
        self.init()
        amqp0Exchange = try source.read(.amqp0Exchange, flag: options.amqp0Exchange, .amqpName)
        amqp0Namespaces = try source.read(
            .amqp0Namespaces, flag: options.amqp0Namespaces,
            SettingType(expected: "namespaces such as /,/chat", parse: Self.namespaces))
        pythonSocketIOExchange = try source.read(
            .pythonSocketIOExchange, flag: options.pythonSocketioExchange, .amqpName)
        clusterExchange = try source.read(.clusterExchange, flag: options.clusterExchange, .amqpName)
        // RabbitMQ's longest expiration is a 32-bit number of milliseconds.
        let expiration = try source.read(
            .pythonSocketIOExpiration, flag: options.pythonSocketioExpiration,
            .duration(from: .zero, to: .milliseconds(UInt32.max)))
        pythonSocketIOExpiration = expiration == .zero ? nil : Int(expiration.nanoseconds / 1_000_000)
        if amqp0Namespaces.count > 1, !amqp0Exchange.contains(AMQP0.placeholder) {
            throw ConfigurationError(
                description: "\(Setting.amqp0Namespaces.rawValue) has several namespaces, so "
                    + "\(Setting.amqp0Exchange.rawValue) must contain {namespace}: on one exchange an emit reaches any of them"
            )
        }
    }

    private static func namespaces(_ text: String) -> [String]? {
        let names = text.split(separator: ",").map(String.init)
        return !names.isEmpty && Set(names).count == names.count
            && names.allSatisfy { $0.hasPrefix("/") && !$0.contains("#") } ? names : nil
    }
}
