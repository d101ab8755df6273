/// The broker has closed a channel. Of what it is about, the broker's text says more than its code.
package struct ChannelClose: Equatable, CustomStringConvertible {
    package let channel: UInt16
    /// AMQP's reply code, such as 404.
    package let code: Int
    /// The broker's words; they may name our user.
    package let text: String

    package init(channel: UInt16, code: Int, text: String) {
        (self.channel, self.code, self.text) = (channel, code, text)
    }

    /// `404 NOT_FOUND - no exchange 'x' in vhost '/'`
    package var description: String { "\(code) \(text)" }

    /// There is no such exchange or queue.
    package var isNotFound: Bool { code == 404 }
    /// Our user may not do that.
    package var isAccessRefused: Bool { code == 403 }
    package var isPreconditionFailed: Bool { code == 406 }
}

// The texts are RabbitMQ's, observed with 3.10.8.
extension ChannelClose {
    /// The exchange, of these, to which we cannot publish: `NOT_FOUND - no exchange 'x' in vhost '/'`, or
    /// `ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'u'`.
    ///
    /// - Parameter exchanges: those that it may be about. Quotes in a name are not marked in the text, so that a name
    ///   alone cannot be told from what stands around it.
    func exchange(among exchanges: some Sequence<String>) -> String? {
        guard isNotFound || isAccessRefused else { return nil }
        return exchanges.first { text.contains("exchange '\($0)'") }
    }

    /// The answer that this is to whoever wants to publish to the exchange that it is about.
    var finding: ExchangeAnswer.Finding { isNotFound ? .absent : .refused(reason: text) }

    /// Whether our user may not publish to the default exchange: `ACCESS_REFUSED - access to exchange
    /// 'amq.default' in vhost '/' refused for user 'u'`.
    package var isOverDefaultExchange: Bool { text.contains("'amq.default'") }

    /// Whether our user may not do something to a queue, rather than to an exchange: `ACCESS_REFUSED - access to
    /// queue 'q' in vhost '/' refused for user 'u'`.
    package var isOverQueue: Bool { text.contains("access to queue") }

    /// The sizes of the message that was longer than the broker takes; `nil`: it is not about that.
    package var oversize: Oversize? { isPreconditionFailed ? Oversize(text) : nil }

    /// A message longer than RabbitMQ's `max_message_size`: `PRECONDITION_FAILED - message size 70000 is larger than
    /// configured max size 65536`. Sizes are those of the body, in bytes. (Above 512 MiB it says `max message size`,
    /// which no message here can reach.)
    package struct Oversize: Equatable {
        package let size: Int
        package let limit: Int

        fileprivate init?(_ text: String) {
            let words = text.split(separator: " ")
            guard text.contains("message size"), text.contains("larger than"),
                let first = words.firstIndex(of: "size").map(words.index(after:)), first < words.endIndex,
                let size = Int(words[first]), let limit = words.last.flatMap({ Int($0) }), 0 <= limit, limit < size
            else { return nil }
            (self.size, self.limit) = (size, limit)
        }
    }

    /// Whether an argument of a declaration is of a wrong type: `PRECONDITION_FAILED - invalid type 'bool' for arg
    /// 'alternate-exchange' in exchange 'e' in vhost '/'`.
    var isOverInvalidType: Bool { isPreconditionFailed && text.contains("invalid type") }

    /// The property in which what was declared differs from what there is, and how it is there, if that is told:
    /// `PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': received 'direct' but current is
    /// 'fanout'`.
    var difference: (property: String, value: String?)? {
        guard isPreconditionFailed, let property = text.between("inequivalent arg '", "'") else { return nil }
        return (property, text.between("but current is '", "'"))
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
