import Foundation
import Testing

@testable import Routes

@Suite("A time in UTC")
struct UTCTimeTests {
    @Test(
        "is written to the second",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01Z", 1), ("2027-01-31T12:34:56Z", 1_801_398_896),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("1969-12-31T23:59:59Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ])
    func times(text: String, seconds: Int) throws {
        let time = try #require(UTCTime(endOf: text))
        #expect(time.seconds == seconds)
        #expect(time.description == text)
        #expect(UTCTime(seconds: seconds) == time)
    }

    @Test(
        "is written with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_801_398_896_007, "2027-01-31T12:34:56.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (253_402_300_799_250, "9999-12-31T23:59:59.250Z"),
        ] as [(Int64, String)])
    func milliseconds(time: Int64, text: String) {
        #expect(UTCTime.text(milliseconds: time) == text)
    }

    @Test(
        "is the end of a day, where that is what is written",
        arguments: [
            ("1970-01-01", "1970-01-02T00:00:00Z"), ("2027-01-31", "2027-02-01T00:00:00Z"),
            ("2028-02-28", "2028-02-29T00:00:00Z"), ("2028-02-29", "2028-03-01T00:00:00Z"),
            ("2026-12-31", "2027-01-01T00:00:00Z"), ("0000-01-01", "0000-01-02T00:00:00Z"),
            // There is no later one.
            ("9999-12-31", "9999-12-31T23:59:59Z"),
        ])
    func days(text: String, end: String) throws {
        #expect(try #require(UTCTime(endOf: text)).description == end)
    }

    @Test("is the same day as everywhere, in every year that there is")
    func everyDay() throws {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        // A number of days without a divisor in common with months and years. Foundation's calendar is Julian before 1582.
        let wrong = stride(from: -140_000, to: 2_932_896, by: 997).filter { day in
            let date = calendar.dateComponents(
                [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
            let text = UTCTime(seconds: day * 86_400).description
            let parts = text.prefix { $0 != "T" }.split(separator: "-").compactMap { Int($0) }
            let end = UTCTime(endOf: String(text.prefix(10)))
            return parts != [date.year, date.month, date.day] || end?.seconds != (day + 1) * 86_400
        }
        #expect(wrong == [])
    }

    @Test("is never beyond what can be written")
    func bounds() {
        #expect(UTCTime(seconds: .max).description == "9999-12-31T23:59:59Z")
        #expect(UTCTime(seconds: .min).description == "0000-01-01T00:00:00Z")
    }

    @Test(
        "is refused if it is written in any other way, or there is none",
        arguments: [
            "", "T", "2027", "2027-1-31", "2027-01-31 ", " 2027-01-31", "2027-01-32", "2027-02-29", "2027-00-01",
            "2027-13-01", "2100-02-29", "2027-04-31",
            "2027-01-00", "2027-01-31T", "2027-01-31T12:00:00", "2027-01-31T12:00:00+01:00", "2027-01-31T12:00Z",
            "2027-01-31t12:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T23:60:00Z", "2027-12-31T23:59:60Z",
            "2027-01-31T12:00:00.5Z",
            "+027-01-31", "-027-01-31", "12027-01-31", "２０２７-01-31", "2027-01-31T12:00:00ZT", "90d",
        ])
    func refused(text: String) {
        #expect(UTCTime(endOf: text) == nil)
    }
}
