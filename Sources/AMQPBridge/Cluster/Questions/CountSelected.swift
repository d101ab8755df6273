internal import JSON

/// The number of selected sockets, each counted once.
struct CountSelected: ClusterCommand {
    let selection: SocketSelection

    init(_ selection: SocketSelection) {
        self.selection = selection
    }

    func question(timeout: Duration) -> Question<Int> {
        Question(
            .fetchSockets, selection.namespace, isRead: true, timeout: timeout,
            features: selection.namesNumbers ? [.numbers] : [], SelectionGathering()
        ) { json in
            json.options(selection)
            json.list("fields") { _ in }
            json.member("count", true)
            json.member("numbers", true)
        }
    }
}

/// A socket is on one server, so it counts once.
final class SelectionGathering: Gathering {
    private(set) var result = 0

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let counts = RoomCounts(answer) else { return .ignored }
        result += counts.sockets
        return counts.hasMore ? .tooLarge(isLast: true) : .done
    }
}
