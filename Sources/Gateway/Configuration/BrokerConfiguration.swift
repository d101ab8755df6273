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
        link.confirmTimeout = try source.read(
            .confirmTimeout, flag: options.confirmTimeout, expected: "a duration of at least 1ms, such as 5s or 500ms",
            Duration.positive)
        link.heartbeat = try source.read(
            .amqpHeartbeat, flag: options.amqpHeartbeat, expected: "whole seconds, at most 600, such as 10s",
            Duration.wholeSeconds)

        let formats = try WireFormatOptions(options, source)
        let names = WireFormats.all.keys.sorted().joined(separator: " or ")
        wireFormatName = try source.read(.wireFormat, flag: options.wireFormat, expected: names) {
            WireFormats.all[$0] == nil ? nil : $0
        }
        wireFormat = WireFormats.all[wireFormatName]!(formats)
        clusterExchange = formats.clusterExchange
        limits = CommandLimits(
            names: try source.read(.maxNames, flag: options.maxNames, expected: "a number from 1 to 10000") {
                Int($0, in: 1...10_000)
            })
    }
}

extension String {
    /// The name of an exchange, if it is one.
    static func amqpName(_ text: String) -> String? {
        (1...255).contains(text.utf8.count) ? text : nil
    }
}

extension WireFormatOptions {
    fileprivate init(_ options: BrokerOptions, _ source: SettingSource) throws(ConfigurationError) {
        self.init()
        let name = "a name of 1 to 255 bytes"
        amqp0Exchange = try source.read(.amqp0Exchange, flag: options.amqp0Exchange, expected: name, String.amqpName)
        amqp0Namespaces = try source.read(
            .amqp0Namespaces, flag: options.amqp0Namespaces, expected: "namespaces such as /,/chat", Self.namespaces)
        pythonSocketIOExchange = try source.read(
            .pythonSocketIOExchange, flag: options.pythonSocketioExchange, expected: name, String.amqpName)
        clusterExchange = try source.read(
            .clusterExchange, flag: options.clusterExchange, expected: name, String.amqpName)
        let expiration = try source.read(
            .pythonSocketIOExpiration, flag: options.pythonSocketioExpiration,
            expected: "0, or a duration of at most 4294967295ms"
        ) { Duration(text: $0).flatMap { $0 <= .milliseconds(UInt32.max) ? $0 : nil } }
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
