import Testing

@testable import AMQP
@testable import AMQPBridge

@Suite("The permissions that a gateway needs")
struct BrokerPermissionsTests {
    @Test(
        "are those of emits, and of questions if servers are asked",
        arguments: [
            (AMQP0(), nil, "'^$' '^(socket\\.io|amq\\.default)$' '^$'"),
            (
                AMQP0(), "socket.io.cluster",
                "'^(socket\\.io\\.cluster|amq\\.gen-.*)$' "
                    + "'^(socket\\.io|socket\\.io\\.cluster|amq\\.gen-.*|amq\\.default)$' "
                    + "'^(socket\\.io\\.cluster|amq\\.gen-.*)$'"
            ),
            (
                PythonSocketIO(), "c",
                "'^(c|amq\\.gen-.*)$' '^(socketio|c|amq\\.gen-.*|amq\\.default)$' '^(c|amq\\.gen-.*|socketio)$'"
            ),
            (ClusterFormat(exchange: "c"), nil, "'^$' '^(c|amq\\.default)$' '^$'"),
            (
                ClusterFormat(exchange: "c"), "c",
                "'^(c|amq\\.gen-.*)$' '^(c|amq\\.gen-.*|amq\\.default)$' '^(c|amq\\.gen-.*)$'"
            ),
        ] as [(any WireFormat, String?, String)])
    func needed(format: any WireFormat, clusterExchange: String?, patterns: String) throws {
        let permissions = BrokerPermissions(format, clusterExchange: clusterExchange)
        let endpoint = try BrokerURL.endpoints(of: "amqp://gateway:secret@h/", tls: BrokerTLS())[0]
        #expect(permissions.command(for: endpoint) == "rabbitmqctl set_permissions -p / gateway \(patterns)")
    }

    @Test("are a line that a shell takes as it is meant")
    func quoting() throws {
        let permissions = BrokerPermissions(ClusterFormat(exchange: "it's (1+1)"), clusterExchange: nil)
        let endpoint = try BrokerURL.endpoints(of: "amqp://a%20b:secret@h/%27v", tls: BrokerTLS())[0]
        #expect(
            permissions.command(for: endpoint)
                == "rabbitmqctl set_permissions -p ''\\''v' 'a b' '^$' '^(it'\\''s \\(1\\+1\\)|amq\\.default)$' '^$'")
    }
}
