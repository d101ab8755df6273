/// Through which of the gateway's addresses a request has come, as far as it matters to what is there.
package enum Door: Sendable {
    /// There is one for all.
    case only
    /// There is another for operators.
    case callers
    /// For operators: whether the gateway lives, whether it is ready, its metrics, and the console with what it asks for.
    case administration

    /// Whether a path is there. Whether it lives and is ready is to be seen at both: a balancer asks where it sends its requests.
    ///
    /// - Parameter withConsole: whether the console is turned on.
    func shows(_ path: String, withConsole: Bool) -> Bool {
        switch self {
        case .only: true
        case .callers: path != "/metrics" && !Self.isOfConsole(path)
        case .administration:
            path == "/livez" || path == "/readyz" || path == "/metrics"
                || withConsole && (Self.isOfConsole(path) || Self.isForConsole(path))
        }
    }

    /// The hint of the 404 for a path that is not there.
    func hint(withConsole: Bool) -> String {
        guard self == .administration else {
            return "this is at the gateway's address for operators (http.adminAddress)"
        }
        let console = withConsole ? ", /console/ and what it asks for" : ""
        return "only /livez, /readyz and /metrics\(console) are here (http.adminAddress)"
    }

    /// What the console asks for: all but what others deliver.
    private static func isForConsole(_ path: String) -> Bool {
        path == "/problems"
            || path.hasPrefix("/v1/") && !path.hasPrefix("/v1/hooks/") && path != WebhookPaths.cloudEvents
    }

    private static func isOfConsole(_ path: String) -> Bool {
        path.hasPrefix(ConsoleRoutes.path + "/") || path == ConsoleRoutes.path
    }
}
