package import JSON

/// Sockets in the order of their ids (by code point), a page at a time.
package struct FetchSockets: Sendable, Hashable {
    package var selection: SocketSelection
    package var fields: [SocketField]
    /// The id behind which the list begins; `nil`: it begins with the first socket.
    package var after: String?
    package var limit: Int
    /// Whether servers that have fallen silent are to answer, too: one that was stopped for a while may yet do what
    /// others have taken it for gone for.
    var includesLost = false

    package init(
        _ selection: SocketSelection, fields: [SocketField] = [.rooms, .data], after: String? = nil, limit: Int = 100
    ) {
        self.selection = selection
        self.fields = fields
        self.after = after
        self.limit = limit
    }
}

/// A part of a socket's description that can stand beside its id.
package enum SocketField: String, Sendable, CaseIterable {
    case rooms, data, handshake
}

package struct ClusterSocket: Sendable, Equatable {
    package let id: String
    /// An array of strings and integers, as JSON; `nil` when it was not asked for or not told, and so for the others.
    package let rooms: JSONText?
    package let data: JSONText?
    /// Without credentials: no `auth`, no `cookie`, no `authorization`.
    package let handshake: JSONText?
    /// The uid of the socket's server.
    package let server: String
}

package struct SocketPage: Sendable, Equatable {
    package let sockets: [ClusterSocket]
    package let hasMore: Bool
}

extension FetchSockets: ClusterCommand {
    package func question(timeout: Duration) -> Question<SocketPage> {
        Question(
            .fetchSockets, selection.namespace, isRead: true, includesLost: includesLost, timeout: timeout,
            features: selection.namesNumbers ? [.numbers] : [], SocketGathering(self)
        ) { json in
            json.options(selection)
            json.member("fields", fields.map(\.rawValue))
            json.member("after", ifPresent: after)
            // One more says whether there is another page.
            json.member("limit", limit + 1)
            json.member("numbers", true)
        }
    }
}

/// Sockets of all servers, each once, in order, as many as were asked for.
final class SocketGathering: Gathering {
    private let command: FetchSockets
    private var sockets: FirstOfList<ClusterSocket>
    private var end = ListEnd()

    init(_ command: FetchSockets) {
        self.command = command
        sockets = FirstOfList(limit: command.limit)
    }

    var heldBytes: Int { sockets.bytes }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse, let data = answer.dataMembers, let list = data["sockets"],
            list.kind == .array
        else { return .ignored }
        var own = ListEnd.Own()
        list.forEachElement { _, value in
            let members = value.members
            guard let id = members["id"]?.string, isWanted(id) else { return }
            own.add(.name(id))
            guard sockets.wants(.name(id)) else { return }
            let socket = socket(id, members, of: answer.uid)
            sockets.put(socket, at: .name(socket.id), size: socket.heldBytes)
        }
        sockets.trim()
        return data["more"]?.boolean == true ? end.breakOff(behind: own) : .done
    }

    var result: SocketPage {
        let told = sockets.ordered.filter { end.includes($0.name) }
        return SocketPage(sockets: told.map(\.value), hasMore: sockets.isCut || end.isEarly)
    }

    /// Unmodified members know neither `id` nor `after`. A socket whose id is longer could not be asked for.
    private func isWanted(_ id: String) -> Bool {
        id.utf8.count <= Publication.maximumNameBytes && command.selection.id?.hasBytes(of: id) ?? true
            && command.after.map { $0.precedes(id) } ?? true
    }

    /// Nor do they know which fields are wanted.
    private func socket(_ id: String, _ members: CheckedJSON.Members, of server: String) -> ClusterSocket {
        ClusterSocket(
            id: id, rooms: command.fields.contains(.rooms) ? members["rooms"]?.roomsWithNames : nil,
            data: command.fields.contains(.data) ? members["data"]?.text : nil,
            handshake: command.fields.contains(.handshake) ? members["handshake"]?.withoutCredentials : nil,
            server: server)
    }
}

extension ClusterSocket {
    /// The memory that it takes, in bytes, about.
    fileprivate var heldBytes: Int {
        512 + 2 * id.utf8.count + [rooms, data, handshake].reduce(0) { $0 + ($1?.bytes.count ?? 0) }
    }
}

extension CheckedJSON {
    /// A handshake without what its client has shown to get in.
    fileprivate var withoutCredentials: JSONText {
        filtered { key, value in
            switch key {
            case "auth": nil
            case "headers":
                value.filtered { name, value in
                    Self.credentialHeaders.contains(name.lowercased()) ? nil : value.text
                }
            default: value.text
            }
        }
    }

    private static let credentialHeaders: Set<String> = ["cookie", "authorization", "proxy-authorization"]

    /// An object whose members are as `keep` says; anything else as it is.
    private func filtered(_ keep: (_ key: String, _ value: CheckedJSON) -> JSONText?) -> JSONText {
        guard kind == .object else { return text }
        return JSONText { json in
            json.object { object in
                forEachMember { key, value in
                    if let text = keep(key, value) { object.member(named: key, text) }
                }
            }
        }
    }
}
