internal import CHTTPS
internal import CMicrohttpd

/// libmicrohttpd itself: epoll on the outside, no thread and no listening socket of its own.
final class Microhttpd {
    /// Readable when a socket has something to say.
    let descriptor: Int32
    private let daemon: OpaquePointer
    private let context: Context

    /// - Parameter isEncrypted: whether its connections speak TLS, with the certificate that ``HTTPSCertificate``
    ///   serves.
    init?(_ limits: HTTPDaemon.Limits, isEncrypted: Bool) {
        context = Context()
        guard let daemon = context.start(limits, isEncrypted: isEncrypted) else { return nil }
        self.daemon = daemon
        descriptor = gateway_mhd_epoll_descriptor(daemon)
    }

    /// Names the owner of the callbacks. To be called before the first run; the owner must outlive the last one.
    func attach(_ owner: HTTPDaemon) { context.owner.pointee = .passUnretained(owner) }

    func run() { MHD_run(daemon) }

    /// Whether it has something to do that its descriptor does not tell of.
    var isBusy: Bool {
        var milliseconds: UInt64 = 0
        return MHD_get_timeout(daemon, &milliseconds) == .YES && milliseconds == 0
    }

    /// Takes a connection. The descriptor is its own from here on, and closed if it fails.
    func add(_ descriptor: Int32, _ address: SocketAddress) {
        _ = address.withPointer { MHD_add_connection(daemon, descriptor, $0, $1) }
    }

    /// Lets a connection alone until ``resume(_:)``. Between two runs only.
    func suspend(_ handle: OpaquePointer) { MHD_suspend_connection(handle) }

    func resume(_ handle: OpaquePointer) { MHD_resume_connection(handle) }

    /// Ends all connections. No connection may be suspended: it would abort the process.
    func stop() { MHD_stop_daemon(daemon) }
}

extension Microhttpd {
    /// The context that the callbacks get: a daemon cannot be its own before it exists. Callbacks come inside of
    /// ``Microhttpd/run()`` and its like only, so nothing in it is counted.
    fileprivate final class Context {
        let owner = UnsafeMutablePointer<Unmanaged<HTTPDaemon>?>.allocate(capacity: 1)
        private let log = UnsafeMutablePointer<gateway_mhd_log>.allocate(capacity: 1)

        init() {
            owner.initialize(to: nil)
            log.initialize(to: gateway_mhd_log(write: logCallback, context: owner))
        }

        /// Freed with the daemon, which writes no line any more then.
        deinit {
            owner.deallocate()
            log.deallocate()
        }

        func start(_ limits: HTTPDaemon.Limits, isEncrypted: Bool) -> OpaquePointer? {
            var options = gateway_mhd_options(
                certificate: isEncrypted ? gateway_https_retrieval() : nil,
                inactivity_seconds: UInt32(limits.idleTime.components.seconds),
                memory_per_connection: limits.memoryPerConnection, log: log)
            return gateway_mhd_start(
                &options, accessCallback, completedCallback, connectionCallback, targetCallback, owner)
        }
    }
}
