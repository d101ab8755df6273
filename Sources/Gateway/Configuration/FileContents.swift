internal import Glibc

/// The bytes of a small file.
enum FileContents {
    struct Unreadable: Error {
        let reason: String
    }

    /// - Parameter limit: the most bytes; a longer file is not read.
    /// - Throws: also for a pipe or a device: opening one, or reading it, could wait for ever, and a signal with it.
    static func read(_ path: String, atMost limit: Int) throws(Unreadable) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(reason: String(cString: strerror(errno))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let file = fdopen(descriptor, "r")
        else {
            close(descriptor)
            throw Unreadable(reason: "it is not a regular file")
        }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        if ferror(file) != 0 { throw Unreadable(reason: "it cannot be read") }
        if bytes.count > limit { throw Unreadable(reason: "it is longer than \(limit) bytes") }
        return bytes
    }

    /// The first line that is not empty, without the white space around it; `nil` if there is none.
    static func firstLine(of path: String) -> String? {
        guard let bytes = try? read(path, atMost: 65_536) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self)?[...].withoutSpaceAround else { return nil }
        let line = Substring(text.utf8.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
        return line.isEmpty ? nil : String(line.withoutSpaceAround)
    }
}
