/// The reason why a publish was not confirmed. Every case but ``unknown(_:)`` and ``brokerNack`` says that nothing was
/// published.
public enum PublishError: Error, Sendable, Equatable {
    /// There is no connection to the broker.
    case brokerUnavailable
    /// The broker has raised an alarm and takes no messages; with its reason.
    case brokerBlocked(reason: String)
    /// The broker does not let us publish to this exchange.
    case brokerRefused(exchange: String, reason: String)
    /// The broker did not take responsibility (`basic.nack`). Of several queues some may have the message all the same.
    case brokerNack
    /// The broker says nothing any more, so this was not published.
    case brokerSilent
    /// Too much is waiting for the broker already.
    case overloaded
    /// The request is larger than could ever be sent.
    case tooLarge(bytes: Int, limit: Int)
    /// A message is longer than the broker takes (`max_message_size`).
    case messageTooLarge(bytes: Int, limit: Int)
    /// The message may or may not have reached the servers.
    case unknown(UnknownOutcome)
}

public enum UnknownOutcome: Sendable, Equatable {
    case confirmTimedOut
    case connectionLost
    case channelClosed
    /// Some of the messages of one emit were confirmed and others were not.
    case partial
}
