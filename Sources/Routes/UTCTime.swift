package import JSON

/// A point in time in UTC, to the second, in the years 0000 to 9999.
package struct UTCTime: Sendable, Equatable {
    /// Since 1970.
    package let seconds: Int

    /// - Parameter seconds: since 1970; beyond the years that there are it is the first or the last second.
    package init(seconds: Int) {
        self.seconds = min(max(seconds, Self.first), Self.last)
    }

    /// The end of what is written: of `2027-01-31` the end of that day, and `2027-01-31T12:00:00Z` itself (RFC 3339, in UTC, whole
    /// seconds).
    package init?(endOf text: String) {
        let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        guard let date = Self.numbers(parts[0], "-", [4, 2, 2]) else { return nil }
        let day = Self.day(date[0], date[1], date[2])
        // What there is none of would be another day.
        guard Self.date(of: day) == (date[0], date[1], date[2]) else { return nil }
        guard parts.count == 2 else {
            self.init(seconds: (day + 1) * Self.secondsOfDay)
            return
        }
        guard parts[1].hasSuffix("Z"), let time = Self.numbers(parts[1].dropLast(), ":", [2, 2, 2]),
            time[0] < 24, time[1] < 60, time[2] < 60
        else { return nil }
        self.init(seconds: day * Self.secondsOfDay + time[0] * 3_600 + time[1] * 60 + time[2])
    }

    private static func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == widths, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else {
            return nil
        }
        return parts.compactMap { Int($0) }
    }

    private static let first = day(0, 1, 1) * secondsOfDay
    private static let last = day(10_000, 1, 1) * secondsOfDay - 1
    private static let secondsOfDay = 86_400
}

extension UTCTime {
    /// Days since 1970. Years begin in March here, so that a leap day is the last of its year; 400 of them have 146,097 days
    /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let (era, year) = floorDivided(month <= 2 ? year - 1 : year, by: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + year * 365 + year / 4 - year / 100 + dayOfYear - 719_468
    }

    /// The inverse of ``day(_:_:_:)``.
    private static func date(of day: Int) -> (year: Int, month: Int, day: Int) {
        let (era, day) = floorDivided(day + 719_468, by: 146_097)
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (
            era * 400 + year + (month >= 10 ? 1 : 0), (month + 2) % 12 + 1, dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    /// The remainder is never negative.
    private static func floorDivided(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension UTCTime: CustomStringConvertible {
    /// As it could be written: `2027-01-31T12:00:00Z`.
    package var description: String { text(milliseconds: nil) }

    /// RFC 3339, with milliseconds: `2027-01-31T12:00:00.250Z`.
    ///
    /// - Parameter milliseconds: since 1970.
    static func text(milliseconds: Int64) -> String {
        let (seconds, rest) = floorDivided(Int(milliseconds), by: 1_000)
        return UTCTime(seconds: seconds).text(milliseconds: rest)
    }

    /// Written digit by digit: every event has a time.
    private func text(milliseconds: Int?) -> String {
        let (day, second) = Self.floorDivided(seconds, by: Self.secondsOfDay)
        let date = Self.date(of: day)
        return String(unsafeUninitializedCapacity: 24) { text in
            var end = 0
            func put(_ number: Int, digits: Int, before separator: Unicode.Scalar) {
                var rest = number
                for place in (end..<end + digits).reversed() {
                    text[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                text[end + digits] = UInt8(ascii: separator)
                end += digits + 1
            }
            put(date.year, digits: 4, before: "-")
            put(date.month, digits: 2, before: "-")
            put(date.day, digits: 2, before: "T")
            put(second / 3_600, digits: 2, before: ":")
            put(second / 60 % 60, digits: 2, before: ":")
            put(second % 60, digits: 2, before: milliseconds == nil ? "Z" : ".")
            if let milliseconds { put(milliseconds, digits: 3, before: "Z") }
            return end
        }
    }
}

extension UTCTime: JSONWritable {
    package func write(to json: inout JSONWriter) { json.string(description) }
}
