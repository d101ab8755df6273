/// The permissions that a user needs on its virtual host, as regular expressions of names
/// (docs/operating/permissions.md).
package struct BrokerPermissions: Sendable, Equatable {
    private(set) var configure: [String] = []
    private(set) var write: [String] = []
    private(set) var read: [String] = []

    /// The queues that RabbitMQ names.
    private static let queues = "amq\\.gen-.*"
    private static let defaultExchange = "amq\\.default"

    /// - Parameter clusterExchange: where servers are asked; `nil`: they are asked nothing.
    package init(_ wireFormat: any WireFormat, clusterExchange: String?) {
        write = wireFormat.exchanges.map(\.name.escaped)
        if let clusterExchange {
            let needed = [clusterExchange.escaped, Self.queues]
            (configure, write, read) = (needed, write + needed, needed)
            if let callbacks = wireFormat.asManager?.callbackAddress.exchange { read.append(callbacks.escaped) }
        }
        write = (write + [Self.defaultExchange]).withoutDuplicates
        read = read.withoutDuplicates
    }

    /// The line for a shell that gives them, in place of all that the user may do there.
    package func command(for endpoint: BrokerEndpoint) -> String {
        let patterns = [configure, write, read].map { $0.isEmpty ? "^$" : "^(\($0.joined(separator: "|")))$" }
        // Which user a certificate is, RabbitMQ alone knows.
        let user = endpoint.mechanism == .external ? "USER" : endpoint.user
        let words = [endpoint.virtualHost, user].map { $0.isPlainWord ? $0 : $0.quotedForShell }
        return "rabbitmqctl set_permissions -p \(words.joined(separator: " ")) "
            + patterns.map(\.quotedForShell).joined(separator: " ")
    }
}

extension String {
    /// A regular expression of this text alone.
    fileprivate var escaped: String {
        reduce(into: "") { text, character in
            if "\\^$.|?*+()[]{}".contains(character) { text += "\\" }
            text.append(character)
        }
    }

    fileprivate var isPlainWord: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                (48...57).contains(byte) || (97...122).contains(byte | 0x20) || [45, 46, 47, 95].contains(byte)
            }
    }

    var quotedForShell: String {
        "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
