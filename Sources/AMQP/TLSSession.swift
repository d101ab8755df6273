internal import CTLS
internal import Glibc

/// TLS on a connected socket that does not block, with OpenSSL.
///
/// A read may want to write and a write to read (a key update), so each direction has events of its own to wait for.
final class TLSSession {
    /// The outcome of a read or a write.
    enum Progress: Equatable {
        case moved(Int)
        /// Nothing was moved, until the socket can be read.
        case wantsRead
        /// Nothing was moved, until the socket can be written to.
        case wantsWrite
        /// The other end has ended the stream.
        case ended
    }

    // Owned; freed with this object, with the BIO in it.
    private let session: OpaquePointer

    /// Reads the files of certificates anew, so that after a rotation the next connection uses the new ones.
    ///
    /// - Parameters:
    ///   - host: the name or address that the certificate must be for, unless `settings` names another.
    ///   - descriptor: stays the caller's, and must outlive this object.
    init(_ settings: BrokerTLS, host: String, descriptor: Int32) throws(BrokerError) {
        let context = try TLSContext(settings)
        // It holds the context by itself.
        guard let session = SSL_new(context.pointer) else { throw TLSContext.noMemory }
        self.session = session
        guard let socket = gateway_tls_socket(descriptor) else { throw TLSContext.noMemory }
        // One reference for both directions.
        SSL_set_bio(session, socket, socket)
        gateway_tls_write_in_parts(session)
        try expect(settings.serverName ?? host)
    }

    deinit { SSL_free(session) }

    /// Sets the name or address that the other end's certificate must be for. Addresses are not asked for by name (RFC
    /// 6066, section 3).
    private func expect(_ name: String) throws(BrokerError) {
        if name.isIPAddress {
            guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1 else { throw TLSContext.noMemory }
            return
        }
        // In a certificate stands no dot at the end.
        let name = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard SSL_set1_host(session, name) == 1, gateway_tls_ask_for(session, name) == 1 else {
            throw BrokerError("'\(name)' is no name for TLS")
        }
    }

    // MARK: The stream

    /// Takes the next step of the handshake; ``Progress/moved(_:)`` when it is done.
    func shakeHands() throws(BrokerError) -> Progress {
        do throws(BrokerError) {
            return try progress { SSL_connect(session) }
        } catch {
            let isCut = error.description == TLSFailure.cut || error.description.hasPrefix("the connection broke")
            throw isCut ? BrokerError(TLSFailure.cutHandshake) : error
        }
    }

    /// Must be called until it wants something: that the socket has nothing left does not say that OpenSSL has not.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(BrokerError) -> Progress {
        try progress { SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count)) }
    }

    /// Takes at most a record's worth, 16 KiB. Bytes that were not taken must be offered again, perhaps with more
    /// behind it.
    func write(_ bytes: UnsafeRawBufferPointer) throws(BrokerError) -> Progress {
        guard !bytes.isEmpty else { return .moved(0) }
        return try progress { SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)) }
    }

    /// Says that nothing more comes, and waits for nothing.
    func sayGoodbye() {
        ERR_clear_error()
        _ = SSL_shutdown(session)
    }

    private func progress(_ call: () -> Int32) throws(BrokerError) -> Progress {
        // What is left there of an earlier failure would be taken for this one's (SSL_get_error(3)).
        ERR_clear_error()
        gateway_tls_begin_call(session)
        let result = call()
        if result > 0 { return .moved(Int(result)) }
        let code = errno
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .ended
        case SSL_ERROR_SYSCALL where code != 0 && result < 0:
            throw BrokerError("the connection broke: \(String(cString: strerror(code)))")
        default: throw BrokerError(TLSFailure(session).description)
        }
    }
}

/// A failure that OpenSSL reports, in words that help.
struct TLSFailure: Equatable, CustomStringConvertible {
    /// The end of the stream without a farewell of TLS: a broker that was killed.
    static let cut = "the broker closed the connection without a word of TLS"
    static let cutHandshake =
        "the connection was closed in the middle of TLS's handshake: is this RabbitMQ's port for amqps?"

    let description: String

    init(_ session: OpaquePointer) {
        let reason = Self.takeReasons().last ?? "no reason given"
        // The verdict stays for as long as the session does, and is only of interest where it counts.
        let counts =
            SSL_get_verify_mode(session) & SSL_VERIFY_PEER != 0 && reason.hasSuffix("certificate verify failed")
        let verdict = counts ? SSL_get_verify_result(session) : Int(X509_V_OK)
        self.init(
            reason: reason,
            verdict: verdict == X509_V_OK ? nil : String(cString: X509_verify_cert_error_string(Int(verdict))))
    }

    /// - Parameters:
    ///   - reason: OpenSSL's, such as `wrong version number`.
    ///   - verdict: the reason why the certificate is not believed.
    init(reason: String, verdict: String?) {
        if let verdict {
            description = "the broker's certificate is not believed: \(verdict)"
        } else if reason.hasSuffix("wrong version number") || reason.hasSuffix("packet length too long") {
            description = "the port does not speak TLS (\(reason)): is it one for amqp://?"
        } else if reason.hasSuffix("unexpected eof while reading") {
            description = Self.cut
        } else if reason.contains("certificate required") {
            description = "the broker wants a client certificate (\(reason))"
        } else if reason.contains("alert") {
            description = "the broker refuses our TLS (\(reason)): does it want a client certificate, or another one?"
        } else {
            description = "TLS failed: \(reason)"
        }
    }

    /// The reasons why OpenSSL's last call has failed, the first cause first.
    static func takeReasons() -> [String] {
        var reasons: [String] = []
        while case let code = ERR_get_error(), code != 0 {
            reasons.append(ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)")
        }
        return reasons
    }
}

/// The certificates and rules of a connection.
private final class TLSContext {
    static let noMemory = BrokerError("no memory for TLS")

    // Owned; freed with this object.
    let pointer: OpaquePointer

    init(_ settings: BrokerTLS) throws(BrokerError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_client_method()) else { throw Self.noMemory }
        self.pointer = pointer
        gateway_tls_ask_for_no_passphrase(pointer)
        SSL_CTX_set_security_level(pointer, 2)
        guard gateway_tls_demand_version(pointer) == 1 else { throw Self.noMemory }
        SSL_CTX_set_verify(pointer, settings.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        // Of the system's there may be none.
        _ = SSL_CTX_set_default_verify_paths(pointer)
        if let file = settings.caFile, SSL_CTX_load_verify_file(pointer, file) != 1 {
            throw Self.unusable("the file of certificate authorities", file)
        }
        try loadCertificate(settings)
    }

    deinit { SSL_CTX_free(pointer) }

    private func loadCertificate(_ settings: BrokerTLS) throws(BrokerError) {
        guard let file = settings.certificateFile else {
            if settings.keyFile != nil { throw BrokerError("there is a key for TLS, and no certificate") }
            return
        }
        guard SSL_CTX_use_certificate_chain_file(pointer, file) == 1 else {
            throw Self.unusable("the client certificate", file)
        }
        let key = settings.keyFile ?? file
        guard SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
            throw Self.unusable("the key", key, of: file)
        }
        guard SSL_CTX_check_private_key(pointer) == 1 else { throw Self.mismatch(key, file) }
    }

    private static func mismatch(_ key: String, _ certificate: String) -> BrokerError {
        BrokerError("the key in '\(key)' does not belong to the certificate in '\(certificate)'")
    }

    /// - Parameter certificate: that a key ought to belong to.
    private static func unusable(_ what: String, _ file: String, of certificate: String? = nil) -> BrokerError {
        let reasons = TLSFailure.takeReasons()
        func isSaid(_ words: String...) -> Bool {
            reasons.contains { reason in words.contains { reason.contains($0) } }
        }
        if let certificate, isSaid("mismatch") { return mismatch(file, certificate) }
        let isReadable = access(file, R_OK) == 0
        let code = errno
        let words =
            if !isReadable {
                String(cString: strerror(code)).lowercased()
            } else if isSaid("bad password read", "interrupted or cancelled", "bad decrypt") {
                "it has a passphrase, and must have none"
            } else if isSaid("no start line", "unsupported", "no certificate") {
                "there is none in PEM form in it"
            } else {
                reasons.last ?? "no reason given"
            }
        return BrokerError("\(what), '\(file)', cannot be used: \(words)")
    }
}

extension String {
    /// Whether it is an address, of version 4 or 6, and no name.
    fileprivate var isIPAddress: Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, self, &address) == 1 || inet_pton(AF_INET6, self, &address) == 1
    }
}
