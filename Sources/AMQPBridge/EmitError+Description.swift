extension EmitError: CustomStringConvertible {
    /// For a log or a terminal: no arguments and no credentials are in it, and all that the broker has said.
    public var description: String {
        if case .notPublished(let error) = self { error.description } else { sentence }
    }

    /// For whoever wanted the emit: as ``PublishError/sentence``.
    public var sentence: String {
        switch self {
        case .invalid(let faults): faults.map(\.description).joined(separator: "; ")
        case .notExpressible(let fault): fault.description
        case .notPublished(let error): error.sentence
        case .notAsked(let error): error.description
        case .exceptionsUnknown(let servers):
            "\(servers.expected - servers.responded) of \(servers.expected) servers have not said whom to leave out; nothing was published"
        }
    }
}

extension ClusterError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noServers(let exchange):
            "no server answers on the exchange '\(exchange)': use the Node adapter, or add attachGateway (Node) or "
                + "GatewayResponder (Python) to your servers"
        case .turnedOff:
            "questions to servers are turned off: cluster.enabled (GATEWAY_CLUSTER_ENABLED) is false; nothing was done"
        case .brokerUnavailable: "there is no connection to RabbitMQ for questions; nothing was asked"
        case .brokerBlocked(let reason): PublishError.brokerBlocked(reason: reason).cause
        case .brokerRefused(let exchange):
            "RabbitMQ refuses what questions need: the exchange '\(exchange)' and a queue; the gateway's log says why"
        case .overloaded: "too many requests wait for servers"
        case .notSupported(let feature, let server): feature.missing(at: server)
        case .tooLarge: "the question is too large for a message"
        case .unknown: "nobody waited until a server answered, or the connection to RabbitMQ was lost"
        case .abandoned: "nobody waits any more"
        }
    }
}

extension ServerFeature {
    /// Which server lacks it, and the cure.
    fileprivate func missing(at server: String) -> String {
        switch self {
        case .acks:
            "the server '\(server)' cannot tell what clients acknowledge: update it to Socket.IO 4.5 or python-socketio "
                + "5.15.1, or later; nothing was emitted"
        case .numbers:
            "the server '\(server)' cannot tell rooms that are numbers from others: update its adapter or companion; "
                + "nothing was done"
        }
    }
}

extension CommandFault: CustomStringConvertible {
    public var description: String {
        let index = field.index.map { "[\($0)]" } ?? ""
        return "\(field.name)\(index): \(detail)"
    }
}

extension PublishError: CustomStringConvertible {
    /// For a log or a terminal of whoever operates the gateway: with the broker's own words, which name its user.
    public var description: String {
        if case .brokerRefused(_, let reason) = self { "\(sentence) (RabbitMQ says: \(reason))" } else { sentence }
    }

    /// For whoever wanted something published: what is wrong, and whether nothing was published.
    public var sentence: String {
        switch self {
        case .brokerNack, .unknown: cause
        default: "\(cause); nothing was published"
        }
    }

    /// The same without a word of what was to be published.
    public var cause: String {
        switch self {
        case .brokerUnavailable: "there is no connection to RabbitMQ"
        case .brokerBlocked(let reason): "RabbitMQ has raised an alarm: \(reason)"
        case .brokerRefused(let exchange, _): "RabbitMQ refuses messages to the exchange '\(exchange)'"
        case .brokerNack: "a queue did not take the message (basic.nack); others may have"
        case .brokerSilent: "RabbitMQ has stopped answering"
        case .overloaded: "too much is waiting for RabbitMQ"
        case .tooLarge(let bytes, let limit):
            "for RabbitMQ this would be \(bytes) bytes, with a message for each room where servers need that; at most \(limit) are allowed"
        case .messageTooLarge(let bytes, let limit):
            "the message would be \(bytes) bytes; RabbitMQ takes at most \(limit) (max_message_size)"
        case .unknown(let outcome): outcome.description
        }
    }
}

extension UnknownOutcome: CustomStringConvertible {
    public var description: String {
        switch self {
        case .confirmTimedOut: "RabbitMQ has not confirmed in time: clients may or may not receive it"
        case .connectionLost:
            "the connection to RabbitMQ was lost before it confirmed: clients may or may not receive it"
        case .channelClosed: "RabbitMQ closed the channel before it confirmed: clients may or may not receive it"
        case .partial: "only some of the messages of this emit were confirmed: some clients may not receive it"
        }
    }
}

extension BrokerEndpoint {
    /// That it could not be reached, and why.
    func isNotConnected(_ error: BrokerError) -> String { "no connection to RabbitMQ at \(self): \(error)" }
}

extension BrokerLink.Configuration {
    /// That none of the brokers has let us in.
    public func isNotConnected(_ error: BrokerError) -> String { "no connection to RabbitMQ at \(place): \(error)" }
}
