import JSON

/// Writes random JSON documents in every spelling there is, and knows what each part of them is.
struct RandomDocument {
    struct Node {
        var kind: JSONValue.Kind
        var text: String
        var string: String?
        var elementsText: String?
        var elements: [Node] = []
        var members: [Member] = []
    }

    struct Member {
        var key: String
        var node: Node
    }

    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func document() -> Node {
        chance(of: 2) ? object(depth: 0) : array(depth: 0)
    }

    /// An object whose only member is a list.
    mutating func list(member: String) -> String {
        let name = "\"" + member.unicodeScalars.map { spelling(of: $0) }.joined() + "\""
        let parts = [whiteSpace(), "{", whiteSpace(), name, whiteSpace(), ":", whiteSpace(), array(depth: 1).text]
        return parts.joined() + whiteSpace() + "}" + whiteSpace()
    }

    mutating func whiteSpace() -> String {
        guard chance(of: 3) else { return "" }
        return (0..<number(1...3)).map { _ in pick([" ", "\t", "\n", "\r"]) }.joined()
    }

    /// Replaces, removes, inserts and swaps bytes, most of them such that mean something in JSON.
    mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0..<number(1...4) where !bytes.isEmpty {
            let index = number(0...bytes.count - 1)
            let byte = chance(of: 2) ? pick(Array("{}[]\",:\\ \n0e-u".utf8)) : UInt8(number(0...255))
            switch number(0...3) {
            case 0: bytes[index] = byte
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(byte, at: index)
            default: bytes.swapAt(index, number(0...bytes.count - 1))
            }
        }
    }

    private mutating func value(depth: Int) -> Node {
        switch number(0...(depth < 5 ? 9 : 6)) {
        case 0: Node(kind: .null, text: "null")
        case 1: Node(kind: .boolean, text: pick(["true", "false"]))
        case 2, 3: Node(kind: .number, text: number())
        case 4...6: string()
        case 7: object(depth: depth + 1)
        default: array(depth: depth + 1)
        }
    }

    private mutating func object(depth: Int) -> Node {
        var node = Node(kind: .object, text: "{" + whiteSpace())
        var keys: Set<[UInt8]> = []
        for _ in 0..<number(0...4) {
            let key = string(withNUL: false)
            guard let decoded = key.string, keys.insert(Array(decoded.utf8)).inserted else { continue }
            if !node.members.isEmpty { node.text += "," + whiteSpace() }
            let child = value(depth: depth)
            node.text += key.text + whiteSpace() + ":" + whiteSpace() + child.text + whiteSpace()
            node.members.append(Member(key: decoded, node: child))
        }
        node.text += "}"
        return node
    }

    private mutating func array(depth: Int) -> Node {
        var node = Node(kind: .array, text: "")
        var inside = whiteSpace()
        for index in 0..<number(0...4) {
            if index > 0 { inside += "," + whiteSpace() }
            let child = value(depth: depth)
            inside += child.text + whiteSpace()
            node.elements.append(child)
        }
        node.text = "[" + inside + "]"
        node.elementsText = node.elements.isEmpty ? "" : inside
        return node
    }

    private mutating func string(withNUL: Bool = true) -> Node {
        var (text, string) = ("\"", String.UnicodeScalarView())
        for _ in 0..<number(0...6) {
            let scalar = scalar()
            guard withNUL || scalar != "\0" else { continue }
            string.append(scalar)
            text += spelling(of: scalar)
        }
        return Node(kind: .string, text: text + "\"", string: String(string))
    }

    private mutating func scalar() -> Unicode.Scalar {
        switch number(0...5) {
        case 0: pick(Array("\"\\/[]{},:\n\r\t\u{8}\u{C}\0 ".unicodeScalars))
        case 1: Unicode.Scalar(UInt8(number(0...255)))
        case 2: pick(Array("é日\u{2028}\u{FFFF}\u{301}😀𝄞\u{10FFFF}".unicodeScalars))
        default: Unicode.Scalar(UInt8(number(97...122)))
        }
    }

    private mutating func spelling(of scalar: Unicode.Scalar) -> String {
        let short: [Unicode.Scalar: String] = [
            "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t",
            "\u{8}": "\\b", "\u{C}": "\\f",
        ]
        let needsEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
        guard needsEscape || chance(of: 4) else { return String(scalar) }
        if let short = short[scalar], chance(of: 2) { return short }
        return scalar.utf16.map { unit in
            let digits = String(unit, radix: 16, uppercase: chance(of: 2))
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    private mutating func number() -> String {
        let sign = chance(of: 3) ? "-" : ""
        let whole = pick(["0", "7", "42", "9007199254740993", "123456789012345678901234567890"])
        let fraction = chance(of: 3) ? pick([".0", ".10", ".000001"]) : ""
        let exponent = chance(of: 4) ? pick(["e5", "E+20", "e-7", "e00"]) : ""
        return sign + whole + fraction + exponent
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }
    private mutating func chance(of count: Int) -> Bool { number(1...count) == 1 }
    private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }
}
