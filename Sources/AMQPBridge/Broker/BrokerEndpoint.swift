internal import CRabbitMQ
internal import Glibc

/// Where the broker is and who we are there, from an AMQP URI. Its description carries no password.
public struct BrokerEndpoint: Sendable, Equatable, CustomStringConvertible {
    public let host: String
    public let port: Int
    public let virtualHost: String
    public let user: String
    let password: String

    public enum ParseError: Error, Equatable, CustomStringConvertible {
        case malformed
        case tlsUnsupported

        public var description: String {
            switch self {
            case .malformed:
                "is not an AMQP URI of the form amqp://user:password@host:port/vhost (in a user or password, @ is %40 and / is %2F)"
            case .tlsUnsupported: "asks for TLS (amqps://), which this version does not speak"
            }
        }
    }

    /// Parses `amqp://user:password@host:port/vhost` (RabbitMQ's URI specification). Parts left out have the usual
    /// defaults: guest, guest, localhost, 5672, and the virtual host `/` also for an empty path.
    public init(uri: String) throws(ParseError) {
        // amqp_parse_url writes into the text and its result points there.
        guard let text = strdup(uri) else { throw .malformed }
        defer { free(text) }
        var info = amqp_connection_info()
        guard amqp_parse_url(text, &info) == AMQPStatus.ok else { throw .malformed }
        guard info.ssl == 0 else { throw .tlsUnsupported }
        host = String(cString: info.host)
        port = Int(info.port)
        user = String(cString: info.user)
        password = String(cString: info.password)
        // A trailing slash gives '', which the broker refuses; everybody who writes it means '/'.
        let path = String(cString: info.vhost)
        virtualHost = path.isEmpty ? "/" : path
    }

    public var description: String { "\(host):\(port), virtual host \(virtualHost)" }
}

/// The C enumeration of statuses has negative members, so Swift imports its constants as a type of their own.
enum AMQPStatus {
    static let ok: Int32 = 0
}
