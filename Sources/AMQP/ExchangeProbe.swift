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
        switch close.code {
        case 403: self = .notPermitted
        case 406 where close.text.contains("invalid type"): self = .absent
        case 406:
            guard let property = close.text.between("inequivalent arg '", "'") else {
                self = .other(close.text)
                return
            }
            let value = close.text.between("but current is '", "'") ?? "another"
            self = property == "alternate-exchange" ? .same : .different(property: property, value: value)
        default: self = .other("\(close.code) \(close.text)")
        }
    }
}

extension String {
    /// The text between the first `start` and the next `end`.
    fileprivate func between(_ start: String, _ end: Character) -> String? {
        let parts = split(separator: start, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let index = parts[1].firstIndex(of: end) else { return nil }
        return String(parts[1][..<index])
    }
}
