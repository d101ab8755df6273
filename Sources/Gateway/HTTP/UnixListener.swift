internal import Glibc

/// A Unix socket to listen on, which is a file.
///
/// Clients do not see it before it listens: it is made under another name and renamed, which replaces the file that a
/// killed gateway has left. It has the other name for an instant only, and always the same one: what a gateway leaves
/// that is killed just then, the next one replaces.
final class UnixListener {
    let path: String
    /// The permissions of the file, which say who may connect.
    private let mode: UInt32
    private let hidden: String
    /// The file, once there is one.
    private var identity: FileIdentity?

    /// - Throws: also if another process listens there already, or the file is no socket.
    init(_ path: String, mode: UInt32) throws(ListeningSockets.Failure) {
        (self.path, self.mode, hidden) = (path, mode, "\(path).new")
        try Self.checkIsFree(path)
        // Whether there can be a file is to be said at once, not when it is time to listen.
        close(try bound())
        unlink(hidden)
    }

    /// Listens, once.
    ///
    /// - Returns: so many descriptors of the one socket: the first loop to ask takes a connection.
    func listen(count: Int) throws(ListeningSockets.Failure) -> [Int32] {
        let descriptor = try bound()
        let made = FileIdentity(hidden)
        var descriptors = [descriptor]
        do throws(ListeningSockets.Failure) {
            for _ in 1..<count {
                let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
                guard copy >= 0 else { throw Self.failure(path) }
                descriptors.append(copy)
            }
            guard chmod(hidden, mode) == 0, Glibc.listen(descriptor, SOMAXCONN) == 0 else { throw Self.failure(path) }
            try Self.checkIsFree(path)
            let isRenamed = rename(hidden, path) == 0
            // Another gateway that starts at this moment may have taken the name, or renamed ours.
            guard let made, FileIdentity(path) == made else {
                throw isRenamed ? Self.taken(path) : Self.failure(path)
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            if let made, FileIdentity(hidden) == made { unlink(hidden) }
            throw error
        }
        identity = made
        return descriptors
    }

    /// Takes the file away, so that no client connects any more, unless another's has taken its place.
    func remove() {
        if let identity, FileIdentity(path) == identity { unlink(path) }
    }

    /// A socket with the hidden name, in place of the one that somebody has left who was killed.
    private func bound() throws(ListeningSockets.Failure) -> Int32 {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var status = stat()
        if lstat(hidden, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(hidden) }
        guard SocketAddress(unix: hidden).withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            defer { close(descriptor) }
            throw Self.failure(path)
        }
        return descriptor
    }

    /// Checks that no process listens at the path. A file without a listener is what a killed process has left.
    private static func checkIsFree(_ path: String) throws(ListeningSockets.Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListeningSockets.Failure(description: "cannot listen on unix:\(path): there is a file, and no socket")
        }
        let caller = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(caller) }
        let isHeard = SocketAddress(unix: path).withPointer({ connect(caller, $0, $1) }) == 0
        // Any other failure is that of a socket in use: of another kind or another user, or with too many who wait.
        if isHeard || (errno != ECONNREFUSED && errno != ENOENT) {
            throw taken(path)
        }
    }

    private static func taken(_ path: String) -> ListeningSockets.Failure {
        ListeningSockets.Failure(description: "cannot listen on unix:\(path): somebody listens there already")
    }

    private static func failure(_ path: String) -> ListeningSockets.Failure {
        ListeningSockets.Failure(description: "cannot listen on unix:\(path): \(String(cString: strerror(errno)))")
    }
}

/// The identity of a file, whatever its name.
private struct FileIdentity: Equatable {
    private let device: UInt
    private let inode: UInt

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode) = (UInt(status.st_dev), UInt(status.st_ino))
    }
}
