extension EmitError: CustomStringConvertible {
    /// The text for a log or a terminal: without arguments and credentials, and with all that the broker has said.
    public var description: String {
        if case .notPublished(let error) = self { error.description } else { sentence }
    }

    /// The sentence for the caller of the emit, as ``PublishError/sentence``.
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
        case .brokerSilent: PublishError.brokerSilent.cause + ", and no server has answered; nothing was done"
        case .brokerBlocked(let reason): PublishError.brokerBlocked(reason: reason).cause
        case .brokerRefused(let exchange):
            "RabbitMQ refuses what questions need: the exchange '\(exchange)' and a queue; the gateway's log says why"
        case .overloaded: "too many requests wait for servers"
        case .notSupported(let feature, let server): feature.missing(at: server)
        case .tooLarge: "the question is too large for a message"
        case .unknown: "nobody waited until a server answered, or the connection to RabbitMQ was lost"
        case .unconfirmed: "RabbitMQ has not confirmed in time, and no server has answered: it may or may not be done"
        case .brokerNack: PublishError.brokerNack.cause + "; no server has answered"
        case .abandoned: "nobody waits any more"
        }
    }
}

extension ServerFeature {
    /// A sentence: the server that lacks the feature, and the cure.
    fileprivate func missing(at server: String) -> String {
        switch self {
        case .acks:
            "the server '\(server)' cannot tell what clients acknowledge: update it to Socket.IO 4.5 or python-socketio "
                + "5.15.1, or later; nothing was emitted"
        case .numbers:
            "the server '\(server)' cannot tell rooms that are numbers from others: update its adapter or companion; "
                + "nothing was done"
        case .events: "the server '\(server)' does not report events: update its companion"
        }
    }
}

extension CommandFault: CustomStringConvertible {
    public var description: String {
        let index = field.index.map { "[\($0)]" } ?? ""
        return "\(field.name)\(index): \(detail)"
    }
}
