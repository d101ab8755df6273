/// The state of an exchange, and whether we might declare it, as RabbitMQ tells it when a declaration names an
/// alternate exchange that is not a name.
///
/// Such a declaration never makes an exchange. Of one that is not there the broker says that the argument is of a wrong
/// type; of one that is there, the first of type, durability, deletion and the argument itself that is another
/// (observed, RabbitMQ 3.10.8: "inequivalent arg 'type' for exchange 'e' in vhost '/': received 'direct' but current is
/// 'fanout'").
package enum ExchangeProbe: Equatable {
    case absent
    /// The exchange is as it was declared here, in all that RabbitMQ compares.
    case same
    /// The exchange is there, and differs: `property` is `type`, `durable`, `auto_delete` or `internal`.
    case different(property: String, value: String)
    /// We may not declare it, and are told nothing.
    case notPermitted
    case other(String)

    package init(_ close: ChannelClose) {
        if close.isAccessRefused {
            self = .notPermitted
        } else if close.isOverInvalidType {
            self = .absent
        } else if let (property, value) = close.difference {
            self =
                property == "alternate-exchange"
                ? .same : .different(property: property, value: value ?? "another")
        } else {
            self = .other(close.isPreconditionFailed ? close.text : "\(close)")
        }
    }
}
