/// A path's routes.
struct Path {
    /// With the counters.
    let number: Int
    let routes: [Route]
}

/// A path with one segment that may be anything: `/v1/sockets/{id}/join`.
struct PathTemplate {
    let path: Path
    private let prefix: String
    private let suffix: String

    init?(_ text: String, _ path: Path) {
        guard let start = text.firstIndex(of: "{"), let end = text.firstIndex(of: "}") else { return nil }
        prefix = String(text[..<start])
        suffix = String(text[text.index(after: end)...])
        self.path = path
    }

    /// The text in place of the segment; `nil` for another path.
    func match(_ text: String) -> String? {
        let utf8 = text.utf8
        guard utf8.count > prefix.utf8.count + suffix.utf8.count, utf8.starts(with: prefix.utf8),
            utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
        else { return nil }
        let segment = utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)
        return segment.contains(UInt8(ascii: "/")) ? nil : String(segment)
    }
}
