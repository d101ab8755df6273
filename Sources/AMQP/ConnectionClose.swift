/// The broker has closed the connection.
package struct ConnectionClose: Equatable, CustomStringConvertible {
    /// AMQP's reply code, such as 320.
    package let code: Int
    /// The broker's words.
    package let text: String

    package init(code: Int, text: String) {
        (self.code, self.text) = (code, text)
    }

    /// `320 CONNECTION_FORCED - broker forced connection closure`
    package var description: String { "\(code) \(text)" }
}

// The texts of a log-in that is refused are RabbitMQ's, observed with 3.10.8.
extension ConnectionClose {
    /// `ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. …`
    var isAccessRefused: Bool { code == 403 }

    /// `NOT_ALLOWED - vhost nowhere not found`
    var isOverMissingVirtualHost: Bool { text.contains("vhost") && text.hasSuffix("not found") }

    /// `NOT_ALLOWED - access to vhost '/' refused for user 'u'`. With a reason behind it, such as too many connections,
    /// it is not about permissions.
    func isOverPermission(of user: String) -> Bool {
        text.contains("access to vhost") && text.hasSuffix("refused for user '\(user)'")
    }
}
