internal import CHTTPS
internal import Routes

/// The certificate that the gateway shows to clients with TLS, with those between it and its authority, and its key.
///
/// `@unchecked Sendable`: it never changes.
final class HTTPSCertificate: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// The file that is to blame.
        let file: String
    }

    /// The times from which and until which it is valid, in seconds since 1970.
    let begins: Int
    let ends: Int
    private let pair: OpaquePointer
    private let content: [[UInt8]]

    private static let mostBytes = 1 << 20

    /// - Parameter keyFile: may be the same.
    init(certificateFile: String, keyFile: String) throws(Failure) {
        let certificate = try Self.read(certificateFile)
        let key = try Self.read(keyFile)
        content = [certificate, key]
        var reason = [CChar](repeating: 0, count: 1_024)
        let pair = gateway_https_pair_read(
            certificate, certificate.count, certificateFile, key, key.count, keyFile, &reason, reason.count)
        guard let pair else {
            throw Failure(
                description: reason.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }, file: certificateFile)
        }
        self.pair = pair
        (begins, ends) = (gateway_https_pair_begins(pair), gateway_https_pair_ends(pair))
    }

    deinit { gateway_https_pair_free(pair) }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        do throws(FileContents.Unreadable) {
            return try FileContents.read(path, atMost: mostBytes)
        } catch {
            throw Failure(description: "\(path): \(error.reason)", file: path)
        }
    }

    /// Whether the files had the same in them.
    func isSame(as other: HTTPSCertificate?) -> Bool { content == other?.content }

    /// Shows it to clients that connect from now on.
    func serve() {
        // For ever: handshakes may still go on with it when the next one is served.
        _ = Unmanaged.passRetained(self)
        gateway_https_pair_serve(pair)
    }

    /// The reason for which clients do not believe it at this time, to stand behind its name; `nil`: there is none.
    ///
    /// - Parameter now: seconds since 1970.
    func fault(now: Int) -> String? {
        if ends <= now { return "has expired, at \(UTCTime(seconds: ends))" }
        return begins > now ? "is not valid before \(UTCTime(seconds: begins))" : nil
    }

    /// The weakness of the certificate, to stand behind its name; `nil`: none.
    ///
    /// - Parameter now: seconds since 1970.
    func weakness(now: Int, soon: Int, _ inDays: (Int) -> String) -> String? {
        if let fault = fault(now: now) { return fault }
        return ends - now <= soon ? "expires in \(inDays(ends - now)), at \(UTCTime(seconds: ends))" : nil
    }
}
