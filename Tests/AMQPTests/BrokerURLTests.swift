import BrokerFixtures
import Testing

@testable import AMQP

@Suite("A broker's URL")
struct BrokerURLTests {
    private func endpoints(_ url: String, tls: BrokerTLS = BrokerTLS()) throws(BrokerURLError) -> [BrokerEndpoint] {
        try BrokerURL.endpoints(of: url, tls: tls)
    }

    private func endpoint(_ url: String, tls: BrokerTLS = BrokerTLS()) throws -> BrokerEndpoint {
        let all = try endpoints(url, tls: tls)
        #expect(all.count == 1)
        return try #require(all.first)
    }

    @Test(
        "names host, port and virtual host, with defaults",
        arguments: [
            ("amqp://", "localhost", 5672, "/"), ("amqp://host", "host", 5672, "/"),
            ("amqp://host/", "host", 5672, "/"), ("amqp://host:/", "host", 5672, "/"),
            ("amqp://:1234", "localhost", 1234, "/"),
            ("amqp://host:1234", "host", 1234, "/"), ("amqp://host:1234/", "host", 1234, "/"),
            ("amqp://host/%2F", "host", 5672, "/"), ("amqp://host/%2f", "host", 5672, "/"),
            ("amqp://host//", "host", 5672, "/"), ("amqp://host/staging", "host", 5672, "staging"),
            ("amqp://host/a%2Fb", "host", 5672, "a/b"),
            ("amqp://host/a%20b", "host", 5672, "a b"), ("amqp://host/caf%C3%A9", "host", 5672, "café"),
            ("amqp://host/café", "host", 5672, "café"), ("amqp://[::1]:1234/v", "::1", 1234, "v"),
            ("amqp://[::1]", "::1", 5672, "/"), ("amqp://[fe80::1%25eth0]", "fe80::1%eth0", 5672, "/"),
            ("amqp://127.0.0.1:5672/", "127.0.0.1", 5672, "/"), ("amqp://u:p@host:1/v", "host", 1, "v"),
            ("amqp://rabbit_1.internal", "rabbit_1.internal", 5672, "/"),
            ("AMQP://host", "host", 5672, "/"), (" amqp://host/v\n", "host", 5672, "v"),
            ("\tamqp://host\r\n", "host", 5672, "/"),
            ("amqps://host", "host", 5671, "/"), ("amqps://host:5672/v", "host", 5672, "v"),
            ("pyamqp://guest@localhost//", "localhost", 5672, "/"), ("librabbitmq://host/v", "host", 5672, "v"),
            ("pyamqps://host", "host", 5671, "/"),
        ])
    func places(url: String, host: String, port: Int, virtualHost: String) throws {
        let endpoint = try endpoint(url)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.virtualHost == virtualHost)
        #expect((endpoint.tls != nil) == url.lowercased().contains("amqps"))
    }

    @Test(
        "names user and password, with defaults and percent escapes",
        arguments: [
            ("amqp://host", "guest", "guest"), ("amqp://me@host", "me", "guest"),
            ("amqp://me:secret@host", "me", "secret"),
            ("amqp://me:@host", "me", ""), ("amqp://m%40e:p%2Fw%3A%40%25@host", "m@e", "p/w:@%"),
            ("amqp://u:pé@host", "u", "pé"), ("amqp://u:p%C3%A9@host", "u", "pé"),
            ("amqp://u:p:q@host", "u", "p:q"), ("amqp://u:p+q@host", "u", "p+q"),
            ("amqp://u:%3B%3F%23%2C@host", "u", ";?#,"),
        ])
    func credentials(url: String, user: String, password: String) throws {
        let endpoint = try endpoint(url)
        #expect(endpoint.user == user)
        #expect(endpoint.password == password)
    }

    @Test(
        "is refused if it is none, and shows nothing of it",
        arguments: [
            "", "host", "amqp:", "amqp:/host", "amqp://host:port", "amqp://host:99999", "amqp://host:0",
            "amqp://host:-1", "amqp://host:0x10", "amqp://host:+1", "amqp://host/%2", "amqp://host/%zz",
            "amqp://host/%+1",
            "amqp://[::1", "amqp://[::1]x", "amqp://::1", "amqp://ho st", "amqp://a,,b", "amqp://a,", "amqp://a;",
            // A password whose characters ought to be escaped.
            "amqp://u:SECRET@SECRET@host", "amqp://u:SECRET/SECRET@host", "amqp://u:1/SECRET@host",
            "amqp://u:SECRET?SECRET@host", "amqp://u:1?SECRET@host", "amqp://u:SECRET#SECRET@host",
            "amqp://u:1#SECRET@host", "amqp://u:SECRET;SECRET@host", "amqp://u:SECRET%@host", "amqp://u:1;SECRET@host",
            "amqp://host/v#fragment", "amqp://u:a?SECRET", "amqp://u:a?SECRET=1", "SECRET host://x",
        ])
    func malformed(url: String) {
        #expect(throws: BrokerURLError.malformed) { try endpoints(url) }
        #expect(!BrokerURLError.malformed.description.contains("SECRET"))
    }

    @Test(
        "is refused by the name of what is not understood",
        arguments: [
            ("http://host", "begins with http://, and must begin with amqp:// or, for TLS, amqps://"),
            ("redis://:SECRET@host", "begins with redis://"), ("amqp+ssl://host", "begins with amqp+ssl://"),
            ("amqp://host/a/b", "a slash inside its virtual host, which must be written %2F"),
            ("amqp://host//v", "a slash inside its virtual host"),
            ("amqp://host/v/", "a slash inside its virtual host"),
            ("amqp://host/%00", "%00"), ("amqp://u:%00@host", "%00"), ("amqp://host/%FF", "not UTF-8"),
            ("amqp://u:%E9@host", "not UTF-8"),
            ("amqp://host/" + String(repeating: "v", count: 256), "more than 255 bytes"),
            ("amqp://host/?channel_max=10", "the parameter 'channel_max', which is not known: known are cacertfile, "),
            ("amqp://host/?ssl=true", "the parameter 'ssl'"),
            ("amqp://host/?frameMax=0x1000", "the parameter 'frameMax'"),
            ("amqp://host?se%20cret=1", "has a parameter, which is not known"),
            ("amqp://host/?heartbeat=5&heartbeat=6", "the parameter 'heartbeat' twice"),
            ("amqp://host/?heartbeat", "'heartbeat' without a value"), ("amqp://host/?heartbeat=", "without a value"),
            ("amqp://host/?heartbeat=-1", "no number of seconds from 0 to 600"),
            ("amqp://host/?heartbeat=601", "seconds"),
            ("amqp://host/?heartbeat=10s", "seconds"),
            ("amqp://host/?connection_timeout=0", "milliseconds from 1 to 600000"),
            ("amqp://host/?verify=verify_none", "'verify', which is for TLS: it must begin with amqps://"),
            ("amqp://host/?cacertfile=/ca.pem", "'cacertfile', which is for TLS"),
            ("amqps://host/?verify=yes", "neither verify_peer nor verify_none"),
            ("amqps://host/?auth_mechanism=amqplain", "neither plain nor external"),
            ("amqp://host/?auth_mechanism=external", "auth_mechanism=external, which is for TLS"),
        ])
    func refusedByName(url: String, words: String) throws {
        let error = try #require(throws: BrokerURLError.self) { try endpoints(url) }
        #expect(error.description.contains(words), "\(error)")
        #expect(!error.description.contains("SECRET"))
    }

    @Test("has RabbitMQ's query parameters")
    func query() throws {
        let url =
            "amqps://u:p@host/v?cacertfile=/etc/ca%20s.pem&certfile=/c.pem&keyfile=/k.pem&verify=verify_none"
            + "&server_name_indication=rabbit.internal&auth_mechanism=external&heartbeat=30&connection_timeout=2500"
        let endpoint = try endpoint(url)
        var tls = BrokerTLS()
        tls.caFile = "/etc/ca s.pem"
        tls.certificateFile = "/c.pem"
        tls.keyFile = "/k.pem"
        tls.serverName = "rabbit.internal"
        tls.verifies = false
        #expect(endpoint.tls == tls)
        #expect(endpoint.mechanism == .external)
        #expect(endpoint.heartbeat == .seconds(30))
        #expect(endpoint.connectTimeout == .milliseconds(2_500))
        #expect(try self.endpoint("amqps://host?verify=verify_peer&auth_mechanism=PLAIN").tls == BrokerTLS())
    }

    @Test("speaks TLS as the settings say, unless it says more itself")
    func defaults() throws {
        var tls = BrokerTLS()
        tls.caFile = "/ca"
        tls.serverName = "name"
        var other = tls
        other.caFile = "/other"
        #expect(try endpoint("amqps://host?cacertfile=/other", tls: tls).tls == other)
        #expect(try endpoint("amqps://host", tls: tls).tls == tls)
        #expect(try endpoint("amqp://host", tls: tls).tls == nil)
        #expect(BrokerTLS().verifies)
    }

    @Test(
        "may be several, and have several hosts",
        arguments: [
            ("amqp://u:p@a:1,b,[::1]:3/v", ["a:1/v", "b:5672/v", "[::1]:3/v"]),
            ("amqps://a,b:1", ["a:5671//", "b:1//"]),
            ("amqp://a;amqp://b/v;amqps://c", ["a:5672//", "b:5672/v", "c:5671//"]),
            ("amqp://a ; amqp://b\n", ["a:5672//", "b:5672//"]), ("amqp://u:p@a, b", ["a:5672//", "b:5672//"]),
            ("amqp://a,b;amqp://c", ["a:5672//", "b:5672//", "c:5672//"]),
            ("amqp://a,amqp://b,c", ["a:5672//", "b:5672//", "c:5672//"]),
            ("amqp://a, amqps://b", ["a:5672//", "b:5671//"]),
        ])
    func several(url: String, places: [String]) throws {
        #expect(try endpoints(url).map { "\($0.place)/\($0.virtualHost)" } == places)
        #expect(Set(try endpoints("amqp://u:p@a,b").map { "\($0.user):\($0.password)" }) == ["u:p"])
    }

    @Test("is described without user and password")
    func description() throws {
        #expect(try endpoint("amqp://user:secret@host:1234/v").description == "host:1234, virtual host v")
        #expect(try endpoint("amqps://user:secret@[::1]/v").description == "[::1]:5671, virtual host v, TLS")
    }
}
