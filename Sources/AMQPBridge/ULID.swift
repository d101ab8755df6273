internal import Glibc

/// Makes identifiers that sort by time: 48 bits of milliseconds and 80 random bits, in Crockford's base 32
/// (github.com/ulid/spec). The random part is drawn once and counts up from there: a generator makes no identifier
/// twice, two generators with the chance of a collision of 80 random bits, and no request costs a system call.
package struct ULIDGenerator {
    private var milliseconds: UInt64 = 0
    private var high = UInt16.random(in: 0...UInt16.max)
    private var low = UInt64.random(in: 0...UInt64.max)

    package init() {}

    /// A fresh identifier: 26 characters.
    package mutating func next() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return next(milliseconds: UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000)
    }

    mutating func next(milliseconds now: UInt64) -> String {
        milliseconds = max(milliseconds, now)
        low &+= 1
        if low == 0 { high &+= 1 }
        return text
    }

    private static let alphabet: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    private var text: String {
        let top = (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | UInt64(high)
        return String(unsafeUninitializedCapacity: 26) { buffer in
            // From the last character on: twelve of the lower bits, twelve that follow, and the two that are left.
            var bits = low
            for index in stride(from: 25, through: 14, by: -1) {
                buffer[index] = Self.alphabet.utf8Start[Int(bits & 31)]
                bits >>= 5
            }
            bits |= top << 4
            for index in stride(from: 13, through: 2, by: -1) {
                buffer[index] = Self.alphabet.utf8Start[Int(bits & 31)]
                bits >>= 5
            }
            buffer[1] = Self.alphabet.utf8Start[Int(top >> 56 & 31)]
            buffer[0] = Self.alphabet.utf8Start[Int(top >> 61)]
            return 26
        }
    }
}
