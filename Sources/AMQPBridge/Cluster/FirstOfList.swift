/// The first values of a list of which several servers tell parts: whatever they send, no more is kept than a page
/// takes.
struct FirstOfList<Value> {
    /// The most bytes of a page; it has one value in any case.
    private let mostBytes: Int
    private let limit: Int
    private var values: [RoomName: (value: Value, bytes: Int)] = [:]
    /// The size of the values, in bytes.
    private(set) var bytes = 0
    /// Nothing behind this name is kept.
    private var last: RoomName?
    /// Whether something was left out: it is behind everything that is kept.
    private(set) var isCut = false

    init(limit: Int, mostBytes: Int = 8 << 20) {
        self.limit = limit
        self.mostBytes = mostBytes
    }

    /// Whether a value of this name would be kept. If not, the list is cut.
    mutating func wants(_ name: RoomName) -> Bool {
        guard let last, last.precedes(name) else { return true }
        isCut = true
        return false
    }

    subscript(_ name: RoomName) -> Value? { values[name]?.value }

    /// Keeps a value, in place of one of the same name.
    ///
    /// - Parameter size: the bytes that it takes.
    mutating func put(_ value: Value, at name: RoomName, size: Int) {
        guard wants(name) else { return }
        bytes += size - (values[name]?.bytes ?? 0)
        values[name] = (value, size)
        // Not each time: that would cost the square of what comes.
        if values.count > 2 * limit + 256 || bytes > mostBytes + mostBytes / 4 { trim() }
    }

    /// Forgets what is behind the page.
    mutating func trim() {
        guard values.count > limit || bytes > mostBytes else { return }
        var left = mostBytes
        let names = values.keys.sorted { $0.precedes($1) }
        let kept = names.prefix(limit).prefix { name in
            left -= values[name]!.bytes
            return left >= 0
        }
        let count = max(kept.count, 1)
        last = names[count - 1]
        for name in names[count...] { bytes -= values.removeValue(forKey: name)!.bytes }
        isCut = isCut || count < names.count
    }

    /// The values that are kept, in order. A socket stands under its id, which is a room.
    var ordered: [(name: RoomName, value: Value)] {
        values.map { ($0.key, $0.value.value) }.sorted { $0.name.precedes($1.name) }
    }
}
