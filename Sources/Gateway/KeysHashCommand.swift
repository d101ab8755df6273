internal import ArgumentParser
internal import Glibc
internal import Hashing

/// `socketio-gateway keys hash`
struct KeysHashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Print the hash of a key that exists, for 'sha256' in the configuration file.",
        discussion: """
            The key is read from standard input, or from a file: on the command line everybody on the machine could see it. \
            The line break at its end is not part of it.
            """)

    @Option(help: "The file that holds the key, and nothing else. (default: standard input)", completion: .file())
    var file: String?

    func run() throws {
        let key = try Self.key(in: try contents())
        if let weakness = KeyEntry.weakness(key.count) {
            StandardError.write("socketio-gateway: warning: the key \(weakness)\n")
        }
        print(SHA256.Digest(of: key).hexadecimal)
    }

    /// - Throws: where it is none that a request could bring in its headers.
    static func key(in bytes: [UInt8]) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("the key is not UTF-8")
        }
        let key = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !key.isEmpty else {
            throw ValidationError("there is no key: nothing but a line break, or nothing at all")
        }
        guard !key.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw ValidationError("the key has line breaks or control characters in it: no header can bring it")
        }
        guard key[...].withoutSpaceAround.count == key.count else {
            throw ValidationError("the key begins or ends with a space: no header can bring it")
        }
        return key
    }

    private func contents() throws -> [UInt8] {
        guard let file else {
            guard isatty(STDIN_FILENO) == 1 else { return StandardInput.readAll() }
            // Asked for without an echo.
            return getpass("key: ").map { Array(String(cString: $0).utf8) } ?? []
        }
        do throws(FileContents.Unreadable) {
            return try FileContents.read(file, atMost: 65_536)
        } catch {
            throw ValidationError("\(file): \(error.reason)")
        }
    }
}
