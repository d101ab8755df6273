import Testing

@testable import SettingTypes

@Suite("A duration")
struct DurationTests {
    @Test(
        "is a number of seconds, or has a unit",
        arguments: [
            ("500ms", .milliseconds(500)), ("5s", .seconds(5)), ("5", .seconds(5)), ("1.5s", .milliseconds(1_500)),
            ("0.25", .milliseconds(250)), ("0", .zero), ("0ms", .zero), ("3600s", .seconds(3_600)),
            ("0.1s", .milliseconds(100)), ("5m", .seconds(300)), ("1h", .seconds(3_600)), ("1.5h", .seconds(5_400)),
            ("90d", .seconds(7_776_000)), ("2w", .seconds(1_209_600)), ("0h", .zero), ("00.0s", .zero),
            (".5s", .milliseconds(500)),
            ("4.35s", .milliseconds(4_350)), ("1.0009s", .milliseconds(1_000)), ("0.333333333m", .milliseconds(19_999)),
            ("999999999999ms", .milliseconds(999_999_999_999)),
        ] as [(String, Duration)])
    func durations(text: String, duration: Duration) {
        #expect(Duration(text: text) == duration)
    }

    @Test(
        "is refused if it is written in any other way, or is too long",
        arguments: [
            "", "s", "ms", "x", "5 s", " 5s", "5s ", "-1s", "+1s", "1,5s", "5ss", "nan", "inf", "infs", "1e3", "0x10",
            "1h30m", "5M", "5H", "5min", ".", ".s", "1.2.3s", "1..2", "٣s", "0.0009s", "0.0000000001h",
            "1000000000000ms", "99999999999999999999s", "9223372036854775807d", "9223372036854775807.9ms",
        ])
    func refused(text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test(
        "is shown in whole seconds, or milliseconds",
        arguments: [
            (.zero, "0s"), (.seconds(600), "600s"), (.milliseconds(1_500), "1500ms"), (.milliseconds(1), "1ms"),
        ]
            as [(Duration, String)])
    func text(duration: Duration, text: String) {
        #expect(duration.text == text)
        #expect(Duration(text: duration.text) == duration)
    }
}

@Suite("A size")
struct ByteCountTests {
    @Test(
        "is a number of bytes, or has a unit",
        arguments: [
            ("0", 0), ("65536", 65_536), ("7B", 7), ("64KiB", 65_536), ("2MiB", 2_097_152), ("1.5GiB", 1_610_612_736),
            ("1TiB", 1_099_511_627_776), ("1kB", 1_000), ("1KB", 1_000), ("1MB", 1_000_000), ("2GB", 2_000_000_000),
            ("0.5TB", 500_000_000_000), ("1.0001KiB", 1_024), ("9223372036854775807", .max),
        ])
    func sizes(text: String, bytes: Int) {
        #expect(ByteCount.read(text) == bytes)
    }

    @Test(
        "is refused if it is written in any other way, or is too much",
        arguments: [
            "", "KiB", "-1", "-1KiB", "+1", "1 KiB", "1K", "1M", "1Mi", "1mib", "1MIB", "1Mb", "0.1B", "1e3", "0x10",
            "9223372036854775808", "8388608TiB", "9999999999GiB",
        ])
    func refused(text: String) {
        #expect(ByteCount.read(text) == nil)
    }
}
