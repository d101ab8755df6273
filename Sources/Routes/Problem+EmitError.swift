public import AMQPBridge

extension Problem {
    /// What an emit's caller learns of its failure: the one place where the bridge's errors become HTTP.
    public init(_ error: EmitError) {
        switch error {
        case .invalid(let faults):
            self.init(.invalidRequest, at: faults.map(Place.init))
        case .notExpressible(let fault): self.init(.notExpressible, at: [Place(fault)])
        case .notPublished(let error): self.init(error)
        case .notAsked(let error): self.init(error)
        case .exceptionsUnknown: self.init(.incomplete, error.description)
        }
    }

    /// What the caller of a question learns of its failure.
    init(_ error: ClusterError) {
        let code: Code =
            switch error {
            case .noServers: .noServers
            case .turnedOff: .turnedOff
            case .brokerUnavailable: .brokerUnavailable
            case .brokerBlocked: .brokerBlocked
            case .brokerRefused: .brokerRefused
            case .overloaded: .overloaded
            case .notSupported: .notSupported
            case .tooLarge: .payloadTooLarge
            case .unknown: .confirmTimeout
            // Its connection is gone, or the process is about to be.
            case .abandoned: .shuttingDown
            }
        self.init(code, error.description)
    }

    private init(_ error: PublishError) {
        switch error {
        case .brokerUnavailable:
            self.init(.brokerUnavailable, "there is no connection to RabbitMQ; nothing was published")
        case .brokerBlocked(let reason): self.init(.brokerBlocked, "RabbitMQ has raised an alarm: \(reason)")
        case .brokerRefused(let exchange, _):
            self.init(
                .brokerRefused, "RabbitMQ refuses messages to the exchange '\(exchange)'; the gateway's log says why")
        case .brokerNack: self.init(.brokerNack, "a queue did not take the message (basic.nack); others may have")
        case .brokerSilent:
            self.init(.brokerUnavailable, "RabbitMQ has stopped answering; nothing of this was published")
        case .overloaded: self.init(.overloaded, "too much is waiting for RabbitMQ; nothing was published")
        case .tooLarge(let bytes, let limit):
            self.init(
                .payloadTooLarge,
                "with one message for each room this would be \(bytes) bytes for RabbitMQ; at most \(limit) are allowed"
            )
        case .messageTooLarge(let bytes, let limit):
            self.init(
                .payloadTooLarge,
                "the message for RabbitMQ would be \(bytes) bytes; its max_message_size allows at most \(limit)")
        case .unknown(let outcome): self.init(.confirmTimeout, outcome.detail)
        }
    }
}

extension UnknownOutcome {
    fileprivate var detail: String {
        switch self {
        case .confirmTimedOut: "RabbitMQ has not confirmed in time"
        case .connectionLost: "the connection to RabbitMQ was lost before it confirmed"
        case .channelClosed: "RabbitMQ closed the channel before it confirmed"
        case .partial: "only some of the messages of this emit were confirmed"
        }
    }
}

extension Problem.Place {
    init(_ fault: CommandFault) {
        let index = fault.field.index.map { "/\($0)" } ?? ""
        self.init("/\(fault.field.name)\(index)", fault.detail)
    }
}
