import Testing

@testable import AMQPBridge

@Suite("A broker's URI")
struct BrokerEndpointTests {
    @Test(
        "names host, port and virtual host, with defaults",
        arguments: [
            ("amqp://", "localhost", 5672, "/"), ("amqp://host", "host", 5672, "/"),
            ("amqp://host/", "host", 5672, "/"),
            ("amqp://host:1234", "host", 1234, "/"), ("amqp://host:1234/", "host", 1234, "/"),
            ("amqp://host/%2F", "host", 5672, "/"),
            ("amqp://host/%2f", "host", 5672, "/"), ("amqp://host/staging", "host", 5672, "staging"),
            ("amqp://host/a%20b", "host", 5672, "a b"), ("amqp://[::1]:1234/v", "::1", 1234, "v"),
            ("amqp://[::1]", "::1", 5672, "/"),
            ("amqp://127.0.0.1:5672/", "127.0.0.1", 5672, "/"), ("amqp://u:p@host:1/v", "host", 1, "v"),
        ])
    func places(uri: String, host: String, port: Int, virtualHost: String) throws {
        let endpoint = try BrokerEndpoint(uri: uri)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.virtualHost == virtualHost)
    }

    @Test(
        "names user and password, with defaults and percent escapes",
        arguments: [
            ("amqp://host", "guest", "guest"), ("amqp://me@host", "me", "guest"),
            ("amqp://me:secret@host", "me", "secret"),
            ("amqp://me:@host", "me", ""), ("amqp://m%40e:p%2Fw%3A%40%25@host", "m@e", "p/w:@%"),
            ("amqp://u:pé@host", "u", "pé"),
        ])
    func credentials(uri: String, user: String, password: String) throws {
        let endpoint = try BrokerEndpoint(uri: uri)
        #expect(endpoint.user == user)
        #expect(endpoint.password == password)
    }

    @Test(
        "is refused if it is none",
        arguments: [
            "", "host", "http://host", "amqp:", "amqp:/host", "amqp://host:port", "amqp://host:99999", "amqp://host:-1",
            "amqp://host:0x10", "amqp://u:p:q@host", "amqp://host/a/b", "amqp://host/%2", "amqp://host/%zz",
            "amqp://[::1",
        ])
    func malformed(uri: String) {
        #expect(throws: BrokerEndpoint.ParseError.malformed) { try BrokerEndpoint(uri: uri) }
    }

    @Test("is refused if it asks for TLS")
    func tls() {
        for uri in ["amqps://", "amqps://u:p@host:5671/v"] {
            #expect(throws: BrokerEndpoint.ParseError.tlsUnsupported) { try BrokerEndpoint(uri: uri) }
        }
    }

    @Test("is described without user and password")
    func description() throws {
        let endpoint = try BrokerEndpoint(uri: "amqp://user:secret@host:1234/v")
        #expect(endpoint.description == "host:1234, virtual host v")
        #expect("\(endpoint)" == endpoint.description)
        for error in [BrokerEndpoint.ParseError.malformed, .tlsUnsupported] {
            #expect(!error.description.contains("secret"))
        }
    }
}
