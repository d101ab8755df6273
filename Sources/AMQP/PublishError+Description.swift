extension PublishError: CustomStringConvertible {
    /// The text for the operator's log or terminal, with the broker's own words, which name its user.
    public var description: String {
        if case .brokerRefused(_, let reason) = self { "\(sentence) (RabbitMQ says: \(reason))" } else { sentence }
    }

    /// The sentence for the caller: the cause, and whether nothing was published.
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
    /// A sentence: the broker could not be reached, and the reason.
    package func isNotConnected(_ error: BrokerError) -> String { "no connection to RabbitMQ at \(self): \(error)" }
}

extension BrokerLink.Configuration {
    /// A sentence: none of the brokers has let us in, and the reason.
    package func isNotConnected(_ error: BrokerError) -> String { "no connection to RabbitMQ at \(place): \(error)" }
}
