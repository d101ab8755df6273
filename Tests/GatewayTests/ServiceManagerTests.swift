import Glibc
import Testing

@testable import Gateway

@Suite("The service manager")
struct ServiceManagerTests {
    @Test("is told in a datagram each what the gateway does", arguments: ["/", "@"])
    func states(kind: String) throws {
        let listener = try NotifySocket(kind)
        let manager = ServiceManager(socket: listener.name)
        manager.isReady("listening on 127.0.0.1:8080")
        #expect(listener.received() == "READY=1\nSTATUS=listening on 127.0.0.1:8080")
        manager.isStopping()
        #expect(listener.received() == "STOPPING=1\nSTATUS=stopping")
        #expect(listener.received() == nil)
    }

    @Test("is told when a reload began, by its own clock")
    func reload() throws {
        let listener = try NotifySocket("/")
        let start = microseconds()
        ServiceManager(socket: listener.name).isReloading()
        let lines = try #require(listener.received()).split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == "RELOADING=1")
        let time = try #require(lines.last?.split(separator: "=").last.flatMap { Int($0) })
        #expect(lines.last?.hasPrefix("MONOTONIC_USEC=") == true && (start...microseconds()).contains(time))
    }

    @Test("may have a socket with the longest name", arguments: ["/", "@"])
    func longest(kind: String) throws {
        let listener = try NotifySocket(kind, bytes: 107)
        ServiceManager(socket: listener.name).isReady("")
        #expect(listener.received() == "READY=1\nSTATUS=")
    }

    @Test(
        "is none without a socket, or with a name that cannot be one",
        arguments: [nil, "", "run/notify", "vsock:2:1234", "/" + String(repeating: "n", count: 107)])
    func none(name: String?) {
        let manager = ServiceManager(socket: name)
        #expect(manager.address == nil)
        manager.isReady("to nobody")
    }

    @Test("that is gone is no error")
    func gone() throws {
        var listener: NotifySocket? = try NotifySocket("/")
        let manager = ServiceManager(socket: listener?.name)
        listener = nil
        manager.isReady("to nobody")
        manager.isStopping()
    }

    @Test("that does not read holds up nothing for long")
    func full() throws {
        let listener = try NotifySocket("/")
        let manager = ServiceManager(socket: listener.name)
        listener.fill()
        let start = microseconds()
        manager.isStopping()
        #expect(microseconds() - start < 10_000_000)
        while let text = listener.received() { #expect(text == "x") }
    }
}

private func microseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// What systemd listens on.
private final class NotifySocket {
    let name: String
    private let descriptor: Int32
    private var address = sockaddr_un()
    private var length: socklen_t = 0

    struct Failure: Error { let number = errno }

    /// - Parameters:
    ///   - kind: `/`, or `@` for a name in no file system.
    ///   - bytes: of the name.
    init(_ kind: String, bytes: Int = 50) throws {
        let start = (kind == "/" ? "/tmp/" : "@") + "gateway-test-\(UInt32.random(in: 0 ... .max))-"
        name = start + String(repeating: "n", count: bytes - start.utf8.count)
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { [name] in
            $0.copyBytes(from: name.utf8)
            if kind == "@" { $0[0] = 0 }
        }
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes)
        guard pointed({ bind(descriptor, $0, length) }) == 0 else { throw Failure() }
    }

    deinit {
        close(descriptor)
        unlink(name)
    }

    /// The datagram that came first, if one has come.
    func received() -> String? {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Sends to it until no more has room.
    func fill() {
        let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(sender) }
        while pointed({ sendto(sender, "x", 1, Int32(MSG_DONTWAIT), $0, length) }) == 1 {}
    }

    private func pointed<Value>(_ body: (UnsafePointer<sockaddr>) -> Value) -> Value {
        withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
    }
}
