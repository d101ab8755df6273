import Testing

@testable import Gateway

@Suite("A time in UTC")
struct UTCTimeTests {
    @Test(
        "is written as a day or to the second",
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:01Z", 1), ("2027-01-31", 1_801_353_600),
            ("2027-01-31T12:34:56Z", 1_801_398_896), ("2028-02-29", 1_835_395_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("1969-12-31T23:59:59Z", -1), ("0000-01-01", -62_167_219_200),
        ])
    func times(text: String, seconds: Int) throws {
        let time = try #require(UTCTime(text: text))
        #expect(time.seconds == seconds)
        #expect(time.description == (text.count == 10 ? text + "T00:00:00Z" : text))
        #expect(UTCTime(text: time.description) == time)
    }

    @Test(
        "is refused if it is written in any other way, or there is none",
        arguments: [
            "", "T", "2027", "2027-1-31", "2027-01-31 ", " 2027-01-31", "2027-01-32", "2027-02-29", "2027-00-01",
            "2027-13-01",
            "2027-01-00", "2027-01-31T", "2027-01-31T12:00:00", "2027-01-31T12:00:00+01:00", "2027-01-31T12:00Z",
            "2027-01-31t12:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T23:60:00Z", "2027-12-31T23:59:60Z",
            "2027-01-31T12:00:00.5Z",
            "+027-01-31", "-027-01-31", "12027-01-31", "２０２７-01-31", "2027-01-31T12:00:00ZT",
        ])
    func refused(text: String) {
        #expect(UTCTime(text: text) == nil)
    }
}
