import Hashing
import Testing

@Suite("Hexadecimal digits")
struct HexadecimalTests {
    @Test("stand for bytes in either letter case")
    func decodes() {
        #expect(Hexadecimal.decode("") == [])
        #expect(Hexadecimal.decode("00ff7aE9") == [0x00, 0xFF, 0x7A, 0xE9])
    }

    @Test(
        "are pairs of digits and nothing else", arguments: ["0", "0g", "g0", " 0", "0x", "+1", "-1", "00 ", "é", "0\0"])
    func refuses(text: String) {
        #expect(Hexadecimal.decode(text) == nil)
    }
}

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648, section 10.
    static let examples = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("is that of its specification", arguments: examples)
    func isSpecified(text: String, base64: String) {
        #expect(Base64.encode(Array(text.utf8)) == base64)
        #expect(Base64.decode(base64) == Array(text.utf8))
    }

    @Test("comes back as it was")
    func roundTrip() {
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(Base64.decode("+/+/") == [0xFB, 0xFF, 0xBF])
    }

    @Test(
        "is padded, in the standard alphabet, and the only text for its bytes",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "====", "Zm9v=", "Zm9v====", "Z=g=", "=Zg=", "Zh==", "Zm9=", "-_-_", "Zm9v\n",
            " Zm9", "Zm9v Zm9v", "Zm9é",
        ])
    func refuses(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}

@Suite("Comparing in constant time")
struct ConstantTimeTests {
    @Test("finds what is equal, and nothing else")
    func compares() {
        #expect(ConstantTime.areEqual([], []))
        #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
        for other in [[], [1, 2], [1, 2, 4], [0, 2, 3], [1, 2, 3, 0]] as [[UInt8]] {
            #expect(!ConstantTime.areEqual([1, 2, 3], other))
        }
    }
}
