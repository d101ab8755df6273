/// A pattern for names, in which each `*` stands for any bytes, or none. Nothing else is special.
package struct Glob: Sendable, Hashable {
    package let pattern: String
    private let bytes: [UInt8]

    package init(_ pattern: String) {
        self.pattern = pattern
        bytes = Array(pattern.utf8)
    }

    /// Whether it matches every name there is.
    var matchesEverything: Bool { !bytes.isEmpty && bytes.allSatisfy { $0 == Self.star } }

    /// Compares bytes, as Socket.IO's servers do. Takes at most the product of both lengths.
    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { name in
            var (index, place) = (0, 0)
            // Behind the last star, and what it has taken so far: on a mismatch it takes one more.
            var (restart, taken) = (-1, 0)
            while place < name.count {
                if index < bytes.count, bytes[index] == Self.star {
                    index += 1
                    (restart, taken) = (index, place)
                } else if index < bytes.count, bytes[index] == name[place] {
                    index += 1
                    place += 1
                } else if restart >= 0 {
                    taken += 1
                    (index, place) = (restart, taken)
                } else {
                    return false
                }
            }
            return bytes[index...].allSatisfy { $0 == Self.star }
        }
    }

    /// Whether it matches every name that begins so.
    func matchesAll(beginningWith prefix: String) -> Bool {
        // What the last star takes may as well go on.
        bytes.last == Self.star && matches(prefix)
    }

    private static let star = UInt8(ascii: "*")
}
