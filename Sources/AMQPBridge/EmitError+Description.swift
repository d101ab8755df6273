extension EmitError: CustomStringConvertible {
    /// Sentences for a log or a terminal: they carry no arguments and no credentials.
    public var description: String {
        switch self {
        case .invalid(let faults): faults.map(\.description).joined(separator: "; ")
        case .notExpressible(let fault): fault.description
        case .notPublished(let error): error.description
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
    public var description: String {
        switch self {
        case .brokerUnavailable: "there is no connection to RabbitMQ; nothing was published"
        case .brokerBlocked(let reason): "RabbitMQ has raised an alarm: \(reason); nothing was published"
        case .brokerRefused(let exchange, let reason):
            "RabbitMQ refuses messages to the exchange '\(exchange)': \(reason); nothing was published"
        case .brokerNack: "a queue did not take the message (basic.nack); others may have"
        case .brokerSilent: "RabbitMQ has stopped confirming; nothing was published"
        case .overloaded: "too much is waiting for RabbitMQ; nothing was published"
        case .tooLarge(let bytes, let limit):
            "\(bytes) bytes are too many for RabbitMQ, at most \(limit) are allowed; nothing was published"
        case .unknown(let outcome): outcome.description
        }
    }
}

extension UnknownOutcome: CustomStringConvertible {
    public var description: String {
        switch self {
        case .confirmTimedOut: "RabbitMQ has not confirmed in time: clients may or may not receive it"
        case .connectionLost: "the connection broke before RabbitMQ confirmed: clients may or may not receive it"
        case .channelClosed: "RabbitMQ closed the channel before it confirmed: clients may or may not receive it"
        case .partial: "only some of the messages were confirmed: some clients may not receive it"
        }
    }
}
