/// The address of a broker, and the credentials for it. Its description carries no password.
public struct BrokerEndpoint: Sendable, Equatable, CustomStringConvertible {
    /// The way to log in (SASL).
    public enum Mechanism: Sendable, Equatable {
        /// User and password.
        case plain
        /// The client certificate; RabbitMQ's plugin `rabbitmq_auth_mechanism_ssl` makes a user of it.
        case external
    }

    /// A name, or an address; one of version 6 without brackets.
    public let host: String
    public let port: Int
    public let virtualHost: String
    public let user: String
    let password: String
    public let mechanism: Mechanism
    /// The settings of TLS; `nil`: plain text.
    public var tls: BrokerTLS?
    /// The interval of heartbeats that the URL asks for; `nil`: the usual one.
    var heartbeat: Duration?
    let connectTimeout: Duration?

    /// `host:port`
    public var place: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    public var description: String { "\(place), virtual host \(virtualHost)\(tls == nil ? "" : ", TLS")" }
}

/// The settings of TLS to a broker, 1.2 or later.
public struct BrokerTLS: Sendable, Equatable {
    /// Certificates (PEM) of authorities that are believed beside the system's.
    public var caFile: String?
    /// Our certificate, with those between it and its authority (PEM).
    public var certificateFile: String?
    /// The key that belongs to it (PEM); `nil`: it is in the same file.
    public var keyFile: String?
    /// The name that the broker's certificate must have, and that is asked for (SNI); `nil`: the host.
    public var serverName: String?
    /// Whether the broker's certificate must come from an authority that is believed, and have its name.
    public var verifies = true

    public init() {}
}
