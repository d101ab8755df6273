internal import JSON

/// A change to every selected socket.
package struct ChangeSockets: Sendable, Equatable {
    package enum Change: Sendable, Equatable {
        case join([RoomName])
        case leave([RoomName])
        /// - Parameter close: whether the whole connection is closed, or only this namespace left.
        case disconnect(close: Bool)
    }

    package var selection: SocketSelection
    package var change: Change
    /// Goes with the messages to the broker; `nil`: no trace.
    package var trace: TraceContext?

    package init(_ selection: SocketSelection, _ change: Change) {
        self.selection = selection
        self.change = change
    }

    /// Whether it names rooms that are numbers.
    var namesNumbers: Bool {
        switch change {
        case .join(let rooms), .leave(let rooms): selection.namesNumbers || rooms.nameNumbers
        case .disconnect: selection.namesNumbers
        }
    }
}

/// The outcome of a change to sockets.
package struct ChangedSockets: Sendable, Equatable {
    /// The number of sockets that were changed; `nil` if a server did not say.
    package internal(set) var matched: Int?
    /// Whether a server has refused it for some sockets: one of the rooms to join is the id of another socket.
    package internal(set) var isRefused: Bool
}

extension ChangeSockets: ClusterCommand {
    package func question(timeout: Duration) -> Question<ChangedSockets> {
        Question(
            kind, selection.namespace, isRead: false, timeout: timeout, features: namesNumbers ? [.numbers] : [],
            trace: trace, MatchGathering()
        ) { json in
            json.options(selection)
            switch change {
            case .join(let rooms), .leave(let rooms): json.member("rooms", rooms.withoutDuplicates)
            case .disconnect(let close): json.member("close", close)
            }
        }
    }

    private var kind: ClusterMessage.Kind {
        switch change {
        case .join: .socketsJoin
        case .leave: .socketsLeave
        case .disconnect: .disconnectSockets
        }
    }
}

final class MatchGathering: Gathering {
    private(set) var result = ChangedSockets(matched: 0, isRefused: false)

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .fetchSocketsResponse else { return .ignored }
        let data = answer.dataMembers
        let count = data?["matched"]?.amount
        result.matched = result.matched.flatMap { sum in count.map { sum + $0 } }
        if data?["error"]?.string == "room_is_socket" { result.isRefused = true }
        return .done
    }

    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress {
        result.matched = nil
        return .tooLarge(isLast: true)
    }
}
