internal import JSON

/// A question to all servers of a namespace, and the gathering that makes one answer of theirs.
package struct Question<Answer: Sendable> {
    let namespace: String
    let kind: ClusterMessage.Kind
    /// Whether it changes nothing: then no server needs to carry it out when its time is over, and one that is under
    /// way already answers the same question of another caller.
    let isRead: Bool
    /// Whether servers that have fallen silent are to answer as well.
    let includesLost: Bool
    /// Whether something else is made of the answers than of those to a read with the same message.
    let isApart: Bool
    /// The uid of the one server that is asked; `nil`: all servers of the namespace.
    let server: String?
    /// Of a read that no other one may join.
    let number: Int
    let timeout: Duration
    /// The features that a server must have, lest it do something else.
    let features: [ServerFeature]
    /// The caller's place in a trace. Never with a read, whose answer may be for several callers.
    let trace: TraceContext?
    let gathering: any Gathering<Answer>
    /// The members of `data`, but for the request id.
    let data: JSONText

    init(
        _ kind: ClusterMessage.Kind, _ namespace: String, isRead: Bool, includesLost: Bool = false,
        isApart: Bool = false, server: String? = nil, number: Int = 0, timeout: Duration,
        features: [ServerFeature] = [],
        trace: TraceContext? = nil,
        _ gathering: any Gathering<Answer>, _ write: (inout JSONObjectWriter) -> Void
    ) {
        self.kind = kind
        self.namespace = namespace
        self.isRead = isRead
        self.includesLost = includesLost
        self.isApart = isApart
        self.server = server
        self.number = number
        self.timeout = timeout
        self.features = features
        self.trace = trace
        self.gathering = gathering
        data = JSONText.members(write)
    }

    /// Whether no server needs to take it up when its time is over.
    var expires: Bool { isRead || kind == .broadcast }

    func body(id: String) -> [UInt8] {
        ClusterMessage.write(kind, namespace: namespace) { json in
            json.member("requestId", id)
            json.members(verbatim: data)
        }
    }

    var key: ReadKey? {
        guard isRead else { return nil }
        return ReadKey(
            includesLost: includesLost, isApart: isApart, server: server, number: number,
            namespace: Array(namespace.utf8),
            timeout: timeout,
            data: data.bytes)
    }
}

/// The key of a read: two reads with the same key are the same.
struct ReadKey: Hashable {
    let includesLost: Bool
    let isApart: Bool
    let server: String?
    let number: Int
    /// The namespace as bytes: strings that Unicode calls equal are different namespaces.
    let namespace: [UInt8]
    let timeout: Duration
    let data: ArraySlice<UInt8>
}
