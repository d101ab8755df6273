/// What the configuration says about wire formats; each takes what concerns it.
public struct WireFormatOptions: Sendable, Equatable {
    public var amqp0Exchange = "socket.io"
    public var amqp0Namespaces = ["/"]
    public var pythonSocketIOExchange = "socketio"
    /// Milliseconds; `nil`: for ever.
    public var pythonSocketIOExpiration: Int? = 60_000
    public var clusterExchange = "socket.io.cluster"

    public init() {}
}

/// The wire formats there are. A new one is a file beside this one, and a line here.
public enum WireFormats {
    public static let all: [String: @Sendable (WireFormatOptions) -> any WireFormat] = [
        AMQP0.name: { AMQP0(exchange: $0.amqp0Exchange, namespaces: $0.amqp0Namespaces) },
        ClusterFormat.name: { ClusterFormat(exchange: $0.clusterExchange) },
        PythonSocketIO.name: {
            PythonSocketIO(exchange: $0.pythonSocketIOExchange, expiration: $0.pythonSocketIOExpiration)
        },
    ]
}

extension String {
    /// The text with every `placeholder` replaced. (Foundation has this; this module does without Foundation.)
    func replacingPlaceholder(_ placeholder: String, with replacement: String) -> String {
        split(separator: placeholder, omittingEmptySubsequences: false).joined(separator: replacement)
    }
}
