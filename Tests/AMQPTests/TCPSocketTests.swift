import BrokerFixtures
import Glibc
import Testing

@testable import AMQP

@Suite("A connection that cannot be made")
struct TCPSocketTests {
    @Test("says why", arguments: [("127.0.0.1", 1, "connection refused"), ("no..such", 80, "no such host")])
    func failures(host: String, port: Int, reason: String) {
        let error = #expect(throws: TCPSocket.Failure.self) {
            close(try TCPSocket.connect(to: host, port: port, within: .seconds(5)))
        }
        #expect(error?.description == reason)
    }

    @Test("is not waited for beyond its time")
    func time() throws {
        // Nobody accepts, and the queue of those who wait is full: further ones get no answer.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            precondition(bind(listener, pointer, size) == 0 && listen(listener, 0) == 0)
            getsockname(listener, pointer, &size)
            return Int(UInt16(bigEndian: bytes.load(as: sockaddr_in.self).sin_port))
        }
        var descriptors = [listener]
        defer { for descriptor in descriptors { close(descriptor) } }
        var failure: TCPSocket.Failure?
        while failure == nil, descriptors.count < 8 {
            do throws(TCPSocket.Failure) {
                descriptors.append(try TCPSocket.connect(to: "127.0.0.1", port: port, within: .milliseconds(200)))
            } catch {
                failure = error
            }
        }
        #expect(failure?.description == "timed out")
    }

    @Test("does not block once it is made")
    func nonBlocking() throws {
        let broker = LoopbackBroker()
        defer { broker.stop() }
        let descriptor = try TCPSocket.connect(to: "localhost", port: Int(broker.port), within: .seconds(5))
        defer { close(descriptor) }
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
}

@Suite("A refused login")
struct RefusedLoginTests {
    @Test(
        "is said in plain words",
        arguments: [
            (
                "u@127.0.0.1",
                "403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker "
                    + "logfile.", "login refused: wrong user or password (ACCESS_REFUSED)", .credentials
            ),
            (
                "guest@rabbit", "403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.",
                "login refused: wrong user or password, or RabbitMQ lets 'guest' in from its own machine only "
                    + "(ACCESS_REFUSED)", .credentials
            ),
            (
                "u@h/nowhere", "530 NOT_ALLOWED - vhost nowhere not found",
                "there is no virtual host 'nowhere' (NOT_ALLOWED)", .noVirtualHost
            ),
            (
                "u@h", "530 NOT_ALLOWED - access to vhost '/' refused for user 'u'",
                "the user 'u' has no permission for the virtual host '/' (NOT_ALLOWED)", .noPermission
            ),
            (
                "u@h", "530 NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (0) is reached",
                "login refused: 530 NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (0) is reached",
                .refused
            ),
        ] as [(String, String, String, BrokerError.Cause)])
    func words(address: String, text: String, words: String, cause: BrokerError.Cause) throws {
        let close = ConnectionClose(code: try #require(Int(text.prefix(3))), text: String(text.dropFirst(4)))
        let error = BrokerError(
            loginRefused: close, try BrokerURL.endpoints(of: "amqp://\(address)", tls: BrokerTLS())[0])
        #expect(error.description == words)
        #expect(error.cause == cause)
    }
}
