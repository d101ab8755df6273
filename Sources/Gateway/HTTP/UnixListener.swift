internal import Glibc

/// A Unix socket to listen on, which is a file.
///
/// Nobody sees it before it listens: it is made under another name and renamed, which takes the place of what a gateway that was
/// killed has left.
struct UnixListener {
    let path: String
    /// Who may connect: the permissions of the file.
    private let mode: UInt32
    private let descriptor: Int32
    private let hidden: String
    private let identity: FileIdentity?

    /// - Throws: also if somebody listens there already, or the file is no socket.
    init(_ path: String, mode: UInt32) throws(ListeningSockets.Failure) {
        try Self.checkIsFree(path)
        let hidden = "\(path).\(getpid())"
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure(path) }
        unlink(hidden)
        guard SocketAddress(unix: hidden).withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            defer { close(descriptor) }
            throw Self.failure(path)
        }
        (self.path, self.mode, self.descriptor, self.hidden) = (path, mode, descriptor, hidden)
        identity = FileIdentity(hidden)
    }

    /// Listens, once.
    ///
    /// - Returns: so many descriptors of the one socket: whoever is first takes a connection.
    func listen(count: Int) throws(ListeningSockets.Failure) -> [Int32] {
        var descriptors = [descriptor]
        do throws(ListeningSockets.Failure) {
            for _ in 1..<count {
                let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
                guard copy >= 0 else { throw Self.failure(path) }
                descriptors.append(copy)
            }
            guard chmod(hidden, mode) == 0, Glibc.listen(descriptor, SOMAXCONN) == 0 else { throw Self.failure(path) }
            try Self.checkIsFree(path)
            guard rename(hidden, path) == 0 else { throw Self.failure(path) }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            unlink(hidden)
            throw error
        }
        return descriptors
    }

    /// Takes the file away, so that nobody connects any more, unless another's has taken its place.
    func remove() {
        unlink(hidden)
        if let identity, FileIdentity(path) == identity { unlink(path) }
    }

    /// A file that nobody listens at is what somebody has left who was killed.
    private static func checkIsFree(_ path: String) throws(ListeningSockets.Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListeningSockets.Failure(description: "cannot listen on unix:\(path): there is a file, and no socket")
        }
        let caller = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(caller) }
        // EAGAIN: so many wait there already.
        if SocketAddress(unix: path).withPointer({ connect(caller, $0, $1) }) == 0 || errno == EAGAIN {
            throw ListeningSockets.Failure(description: "cannot listen on unix:\(path): somebody listens there already")
        }
    }

    private static func failure(_ path: String) -> ListeningSockets.Failure {
        ListeningSockets.Failure(description: "cannot listen on unix:\(path): \(String(cString: strerror(errno)))")
    }
}

/// Which file it is, whatever it is called.
private struct FileIdentity: Equatable {
    private let device: UInt
    private let inode: UInt

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode) = (UInt(status.st_dev), UInt(status.st_ino))
    }
}
