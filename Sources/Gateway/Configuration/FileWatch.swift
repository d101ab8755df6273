internal import Glibc

/// Notices when files have changed, and have come to rest: a file that is being written is not read.
struct FileWatch {
    /// The state of a file, to be told from another one.
    private struct State: Equatable {
        var device: UInt = 0
        var inode: UInt = 0
        var size: Int = 0
        /// Nanoseconds since 1970.
        var modified: Int = 0
        var changed: Int = 0

        /// The state of no file.
        init() {}

        /// The state of the file that the path leads to, through links; all zero if there is none.
        init(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
            modified = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
            changed = status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec
        }
    }

    private(set) var paths: [String]
    private var known: [State]
    private var last: [State]

    init(_ paths: [String]) {
        self.paths = paths
        known = paths.map { State($0) }
        last = known
    }

    /// Watches one more file, which was not there, or not fit to be read.
    mutating func add(missing path: String) {
        guard !paths.contains(path) else { return }
        paths.append(path)
        known.append(State())
        last.append(State())
    }

    /// Takes the files as they are for known: they are about to be read.
    mutating func accept() {
        known = paths.map { State($0) }
    }

    /// Whether any file is another than it was, and the same as when it was asked for last. Says so until ``accept()``.
    mutating func hasChanged() -> Bool {
        let now = paths.map { State($0) }
        defer { last = now }
        return now != known && now == last
    }
}
