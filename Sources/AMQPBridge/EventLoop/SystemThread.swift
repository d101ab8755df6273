internal import CLinux
internal import Glibc

/// A POSIX thread with a name.
public struct SystemThread: Sendable {
    private let identifier: pthread_t

    /// Starts a thread that has to be joined.
    public init(name: String, _ body: @escaping @Sendable () -> Void) {
        identifier = Self.create(name: name, body)
    }

    /// Starts a thread for work that may block for longer than anyone wants to wait: it is never joined.
    public static func detach(name: String, _ body: @escaping @Sendable () -> Void) {
        pthread_detach(create(name: name, body))
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

    private static func create(name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t {
        var identifier = pthread_t()
        // Retained here, released once by the thread itself.
        let start = Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        let code = pthread_create(
            &identifier, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                gateway_name_current_thread(start.name)
                start.body()
                return nil
            }, start)
        precondition(code == 0, "the system refuses another thread (error \(code))")
        return identifier
    }
}
