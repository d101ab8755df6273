internal import CLinux
internal import Glibc

/// A POSIX thread with a name.
public struct SystemThread: Sendable {
    private let identifier: pthread_t

    /// How the system gives a thread its turns on a core.
    public enum Scheduling: Sendable {
        /// As the thread that starts it.
        case usual
        /// The same share, but when there is something to do again it takes no core from a thread that runs
        /// (`SCHED_BATCH`, sched(7)). It then finds more to do at once.
        case batch
    }

    /// Starts a thread that has to be joined. Traps if the system refuses.
    public init(name: String, _ scheduling: Scheduling = .usual, _ body: @escaping @Sendable () -> Void) {
        let started = Self.create(name: name) {
            if scheduling == .batch { gateway_schedule_current_thread_as_batch() }
            body()
        }
        guard let identifier = started else { preconditionFailure("no thread \(name)") }
        self.identifier = identifier
    }

    /// Starts a thread for work that may block for longer than anyone wants to wait: it is never joined.
    ///
    /// - Returns: `false` if the system refuses another thread.
    public static func detach(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        guard let identifier = create(name: name, body) else { return false }
        pthread_detach(identifier)
        return true
    }

    public func join() {
        pthread_join(identifier, nil)
    }

    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private static func create(name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t? {
        var identifier = pthread_t()
        // Retained here, released once: by the thread itself, or below if there is none.
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let code = pthread_create(
            &identifier, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                gateway_name_current_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            return nil
        }
        return identifier
    }
}
