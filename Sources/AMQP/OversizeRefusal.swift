/// The reason that RabbitMQ gives when it closes a channel over a message longer than its `max_message_size`.
///
/// `PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536` (observed, RabbitMQ 3.10.8): the
/// size of the body, in bytes. (Above 512 MiB it says `max message size`, which no message here can reach.)
package struct OversizeRefusal: Equatable {
    package let size: Int
    package let limit: Int

    /// The refusal that a close tells of; `nil`: it has another reason.
    package init?(code: Int, text: String) {
        guard code == 406 else { return nil }
        let words = text.split(separator: " ")
        guard text.contains("message size"), text.contains("larger than"),
            let first = words.firstIndex(of: "size").map(words.index(after:)), first < words.endIndex,
            let size = Int(words[first]), let limit = words.last.flatMap({ Int($0) }), 0 <= limit, limit < size
        else { return nil }
        (self.size, self.limit) = (size, limit)
    }
}
