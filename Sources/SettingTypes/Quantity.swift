/// A number with a unit behind it, such as `1.5s` or `64KiB`.
enum Quantity {
    /// The size of a unit in the smallest one. The one without a name is that of a number alone.
    typealias Unit = (name: String, factor: Int)

    /// As a whole number of the smallest unit; what is less is cut off.
    ///
    /// - Returns: `nil` for anything else, for what is too large, and for what would become zero and is not: zero has a
    ///   meaning of its own.
    static func read(_ text: String, _ units: [Unit]) -> Int? {
        let number = text.utf8.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
        let name = text.utf8[number.endIndex...]
        guard let factor = units.first(where: { $0.name.utf8.elementsEqual(name) })?.factor else { return nil }
        let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, number.contains(where: isDigit) else { return nil }
        let fraction = parts.count == 2 ? parts[1].prefix(mostDecimals) : Substring().utf8
        let scale = fraction.reduce(1) { scale, _ in scale * 10 }
        guard let whole = integer(parts[0]), let rest = integer(fraction) else { return nil }
        let (product, isTooLarge) = whole.multipliedReportingOverflow(by: factor)
        let (value, isTooMuch) = product.addingReportingOverflow(rest * factor / scale)
        guard !isTooLarge, !isTooMuch else { return nil }
        return value > 0 || number.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") } ? value : nil
    }

    /// More of them, and an integer could not hold the product with the largest factor, 2^40.
    private static let mostDecimals = 6

    private static func integer(_ digits: Substring.UTF8View) -> Int? {
        digits.isEmpty ? 0 : Int(Substring(digits))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Duration {
    /// `500ms`, `5s`, `5m`, `1h`, `1d`, `1w`, or a number of seconds; whole milliseconds, some thirty years at the most.
    package init?(text: String) {
        guard let milliseconds = Quantity.read(text, Self.units), milliseconds < Self.mostMilliseconds else {
            return nil
        }
        self = .milliseconds(milliseconds)
    }

    private static let units: [Quantity.Unit] = [
        ("", 1_000), ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000),
    ]

    private static let mostMilliseconds = 1_000_000_000_000

    /// As it could be written: whole seconds, or milliseconds.
    package var text: String {
        let milliseconds = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }
}

/// A number of bytes.
package enum ByteCount {
    /// A number alone, or with `B`, `kB`, `KB`, `MB`, `GB` and `TB` (powers of 1000), `KiB`, `MiB`, `GiB` and `TiB` (of 1024).
    package static func read(_ text: String) -> Int? { Quantity.read(text, units) }

    private static let units: [Quantity.Unit] = [
        ("", 1), ("B", 1), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]
}

extension Int {
    package init?(_ text: String, in range: ClosedRange<Int>) {
        guard let number = Int(text), range.contains(number) else { return nil }
        self = number
    }
}
