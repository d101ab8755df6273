/// The end of a list of all servers when some of them broke off their own early, because of its size
/// (docs/cluster-protocol.md, `more`): behind the last entry of any of those nothing is complete.
struct ListEnd {
    /// The last entry that all servers have told of, if it is not the end. A socket stands under its id, which is a
    /// room.
    private(set) var last: RoomName?

    var isEarly: Bool { last != nil }

    /// The list that one server has told.
    struct Own {
        private(set) var count = 0
        private(set) var last: RoomName?

        mutating func add(_ entry: RoomName) {
            count += 1
            if last.map({ $0.precedes(entry) }) ?? true { last = entry }
        }
    }

    /// A server has more than it has told.
    mutating func breakOff(behind own: Own) -> GatheringProgress {
        // With nothing to go on behind, the same would be asked again and again.
        guard let entry = own.last else { return .tooLarge(isLast: true) }
        if last.map({ entry.precedes($0) }) ?? true { last = entry }
        return .done
    }

    func includes(_ entry: RoomName) -> Bool {
        last.map { !$0.precedes(entry) } ?? true
    }
}
