internal import ArgumentParser
internal import Glibc

/// `socketio-gateway healthcheck`: for a container's HEALTHCHECK, which has no curl.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running gateway for /livez; the exit code is 0 if it answers 200, and 1 otherwise.")

    @Option(help: "Where the gateway listens. (GATEWAY_HTTP_ADDRESS; default: 127.0.0.1:8080)")
    var httpAddress: String?

    @Option(help: ArgumentHelp("The gateway's configuration file. (GATEWAY_CONFIG)", valueName: "file"))
    var config: String?

    @Flag(help: "Ask for /readyz instead.")
    var ready = false

    @Option(help: "How long to wait for the answer, in seconds.")
    var timeout = 2

    func validate() throws {
        guard (1...600).contains(timeout) else { throw ValidationError("--timeout must be from 1 to 600 seconds") }
    }

    func run() throws {
        let address = try Self.address(flag: httpAddress, config: config, environment: .process)
        guard
            let status = HealthProbe(address.reachable, timeoutSeconds: timeout).status(
                of: ready ? "/readyz" : "/livez")
        else {
            StandardError.write("socketio-gateway: no answer from \(address.reachable)\n")
            throw ExitCode.failure
        }
        guard status == 200 else {
            StandardError.write("socketio-gateway: \(address.reachable) answered \(status)\n")
            throw ExitCode.failure
        }
    }

    /// Where the gateway listens. Of a file nothing else matters: the running gateway goes on with what it has when the file
    /// has become invalid, and is not ill.
    static func address(
        flag: String?, config: String?, environment: Environment
    ) throws(ConfigurationError) -> ListenAddress {
        let file = (config ?? environment[Environment.configurationFile]).flatMap { ConfigurationFile(salvaging: $0) }
        let source = SettingSource(environment: environment, file: file)
        return try source.read(.httpAddress, flag: flag, expected: "host:port") { ListenAddress($0) }
    }
}

extension ListenAddress {
    /// An address of this machine under which the gateway can be reached: a wildcard is none.
    fileprivate var reachable: ListenAddress {
        switch host {
        case "", "0.0.0.0": ListenAddress(host: "127.0.0.1", port: port)
        case "::": ListenAddress(host: "::1", port: port)
        default: self
        }
    }
}

/// One GET on a connection of its own.
private struct HealthProbe {
    private let address: ListenAddress
    private let timeoutSeconds: Int

    init(_ address: ListenAddress, timeoutSeconds: Int) {
        self.address = address
        self.timeoutSeconds = timeoutSeconds
    }

    /// The status of the answer; `nil` if there was none.
    func status(of path: String) -> Int? {
        guard let descriptor = connect() else { return nil }
        defer { close(descriptor) }
        // The gateway serves loopback names to those without a key.
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        guard request.withCString({ send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }) == request.utf8.count
        else {
            return nil
        }
        var answer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &answer, answer.count, Int32(MSG_WAITALL))
        // "HTTP/1.1 200 "
        guard count >= 12 else { return nil }
        return Int(String(decoding: answer[9..<12], as: UTF8.self))
    }

    private func connect() -> Int32? {
        guard let target = try? SocketAddress.resolve(address.host, port: address.port) else { return nil }
        let descriptor = socket(target.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        // Both directions, connecting included (socket(7)).
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard target.withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
