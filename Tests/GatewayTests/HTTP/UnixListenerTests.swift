import Glibc
import Testing

@testable import Gateway

@Suite("A Unix socket to listen on")
struct UnixListenerTests {
    private let path = "/tmp/socketio-gateway-test-\(UInt32.random(in: 0 ... .max))"

    private func connects() -> Bool {
        let caller = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(caller) }
        return SocketAddress(unix: path).withPointer { connect(caller, $0, $1) } == 0
    }

    private func mode() -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test("is there when it listens, with its permissions, and gone when it is removed")
    func life() throws {
        let listener = try UnixListener(path, mode: 0o640)
        #expect(mode() == nil)
        let descriptors = try listener.listen(count: 3)
        #expect(Set(descriptors).count == 3 && mode() == 0o640 && connects())
        listener.remove()
        #expect(mode() == nil)
        for descriptor in descriptors { close(descriptor) }
    }

    @Test("takes the place of what somebody has left who was killed, but not of one who listens")
    func places() throws {
        let killed = try UnixListener(path, mode: 0o600).listen(count: 1)
        let error = #expect(throws: ListeningSockets.Failure.self) { try UnixListener(path, mode: 0o600) }
        #expect(error?.description == "cannot listen on unix:\(path): somebody listens there already")
        for descriptor in killed { close(descriptor) }
        #expect(mode() != nil && !connects())
        let listener = try UnixListener(path, mode: 0o600)
        let descriptors = try listener.listen(count: 1)
        #expect(connects())
        listener.remove()
        for descriptor in descriptors { close(descriptor) }
    }

    @Test("takes no place of a socket of another kind that is in use")
    func otherKinds() throws {
        for kind in [SOCK_DGRAM, SOCK_SEQPACKET] {
            let other = socket(AF_UNIX, Int32(kind.rawValue), 0)
            defer {
                close(other)
                unlink(path)
            }
            #expect(SocketAddress(unix: path).withPointer { bind(other, $0, $1) } == 0)
            if kind == SOCK_SEQPACKET { #expect(listen(other, 1) == 0) }
            #expect(throws: ListeningSockets.Failure.self) { try UnixListener(path, mode: 0o600) }
        }
    }

    @Test("is made at the same time by several, and none of them takes away what another has made")
    func sameMoment() throws {
        let first = try UnixListener(path, mode: 0o600)
        let second = try UnixListener(path, mode: 0o600)
        let descriptors = try first.listen(count: 1)
        #expect(throws: ListeningSockets.Failure.self) { try second.listen(count: 1) }
        second.remove()
        #expect(connects())
        first.remove()
        for descriptor in descriptors { close(descriptor) }
    }

    @Test("leaves nothing before it listens, and replaces what was left by one that was killed at that moment")
    func leftovers() throws {
        let hidden = "\(path).new"
        let killed = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #expect(SocketAddress(unix: hidden).withPointer { bind(killed, $0, $1) } == 0)
        close(killed)
        let listener = try UnixListener(path, mode: 0o600)
        #expect(access(hidden, F_OK) != 0)
        for descriptor in try listener.listen(count: 1) { close(descriptor) }
        #expect(access(hidden, F_OK) != 0 && access(path, F_OK) == 0)
        listener.remove()
    }

    @Test("is not removed by another, and takes the place of nothing else")
    func files() throws {
        let first = try UnixListener(path, mode: 0o600)
        for descriptor in try first.listen(count: 1) { close(descriptor) }
        let second = try UnixListener(path, mode: 0o600)
        let descriptors = try second.listen(count: 1)
        first.remove()
        #expect(connects())
        second.remove()
        for descriptor in descriptors { close(descriptor) }
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        defer { unlink(path) }
        let error = #expect(throws: ListeningSockets.Failure.self) { try UnixListener(path, mode: 0o600) }
        #expect(error?.description == "cannot listen on unix:\(path): there is a file, and no socket")
    }
}
