/// Through which of the gateway's addresses a request has come, as far as it matters to what is there.
package enum Door: Sendable {
    /// There is one for all.
    case only
    /// There is another for operators.
    case callers
    /// For operators: whether the gateway lives, whether it is ready, and its metrics.
    case administration

    /// Whether a path is there. Whether it lives and is ready is to be seen at both: a balancer asks where it sends its requests.
    func shows(_ path: String) -> Bool {
        switch self {
        case .only: true
        case .callers: path != "/metrics"
        case .administration: path == "/livez" || path == "/readyz" || path == "/metrics"
        }
    }

    /// The hint of the 404 for a path that is not there.
    var hint: String {
        self == .administration
            ? "only /livez, /readyz and /metrics are here (http.adminAddress)"
            : "this is at the gateway's address for operators (http.adminAddress)"
    }
}
