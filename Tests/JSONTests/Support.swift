import JSON

/// The same numbers for the same seed (SplitMix64), so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONDocument {
    try JSONDocument(parsing: bytes)
}

func parse(_ text: String) throws(JSONError) -> JSONDocument {
    try parse(Array(text.utf8))
}

/// The first element of the array that `text` is.
func firstElement(of text: String) throws -> JSONValue {
    try parse(text).root.elements()[0]
}

extension JSONValue {
    var members: [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = []
        forEachMember { members.append((key: $0, value: $1)) }
        return members
    }
}

extension JSONText {
    var string: String { String(decoding: bytes, as: UTF8.self) }
}

func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
}

/// Whether two values say the same, with the same parts in the same order.
func isSame(_ one: JSONValue, _ other: JSONValue) -> Bool {
    guard one.kind == other.kind, one.count == other.count, one.text.string == other.text.string,
        one.integer == other.integer,
        one.integerLiteral == other.integerLiteral, one.boolean == other.boolean,
        one.string.map({ Array($0.utf8) }) == other.string.map({ Array($0.utf8) })
    else { return false }
    guard one.count > 0 else { return true }
    let (members, others) = (one.members, other.members)
    return zip(members, others).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && isSame($0.value, $1.value) }
        && zip(one.elements(), other.elements()).allSatisfy(isSame)
}
