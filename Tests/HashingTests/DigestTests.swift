import Hashing
import Testing

@Suite("A digest")
struct DigestTests {
    private static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test(
        "of a text is that of its specification",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), ("abc", abc),
        ])
    func examples(text: String, expected: String) {
        var hash = SHA256()
        hash.update(Array(text.utf8))
        let bytes = hash.finish()
        #expect(SHA256.Digest(of: text) == SHA256.Digest(bytes))
        #expect(SHA256.Digest(of: text).hexadecimal == expected)
        // One after the other, of any length.
        let digester = SHA256.Digester()
        for other in ["x", text, String(repeating: "y", count: 1_000), text] {
            let digest = Array(other.utf8).withUnsafeBufferPointer { digester.digest(of: $0) }
            #expect(digest == SHA256.Digest(of: other))
            #expect((digest.hexadecimal == expected) == (other == text))
        }
    }

    @Test(
        "of bytes that come again is the same, and of others of their length another",
        arguments: [0, 1, 7, 43, 256, 257])
    func again(count: Int) {
        let digester = SHA256.Digester()
        var bytes = [UInt8](repeating: UInt8(ascii: "k"), count: count)
        func digest() -> SHA256.Digest { bytes.withUnsafeBufferPointer { digester.digest(of: $0) } }
        func expected() -> SHA256.Digest { SHA256.Digest(of: String(decoding: bytes, as: UTF8.self)) }
        for _ in 0..<2 { #expect(digest() == expected()) }
        // Each byte counts.
        for index in bytes.indices {
            bytes[index] = UInt8(ascii: "l")
            for _ in 0..<2 { #expect(digest() == expected()) }
            bytes[index] = UInt8(ascii: "k")
            #expect(digest() == expected())
        }
    }

    @Test("is 64 hexadecimal digits, in either letter case")
    func hexadecimal() throws {
        #expect(SHA256.Digest(hexadecimal: Self.abc) == SHA256.Digest(of: "abc"))
        #expect(SHA256.Digest(hexadecimal: Self.abc.uppercased()) == SHA256.Digest(of: "abc"))
        for text in [
            "", String(Self.abc.dropLast()), Self.abc + "0", Self.abc + "00", "g" + Self.abc.dropFirst(),
            " " + Self.abc,
        ] {
            #expect(SHA256.Digest(hexadecimal: text) == nil, "\(text)")
        }
        #expect(SHA256.Digest([]) == nil)
        #expect(SHA256.Digest([UInt8](repeating: 0, count: 31)) == nil)
        #expect(SHA256.Digest([UInt8](repeating: 0, count: 33)) == nil)
    }

    @Test("differs in any bit", arguments: 0..<256)
    func differences(bit: Int) throws {
        let bytes = [UInt8](repeating: 0x5A, count: 32)
        var other = bytes
        other[bit / 8] ^= 1 << (bit % 8)
        let (first, second) = (try #require(SHA256.Digest(bytes)), try #require(SHA256.Digest(other)))
        #expect(first.difference(from: second) != 0)
        #expect(first != second)
        #expect(first.difference(from: first) == 0)
        #expect(Set([first, second, first]).count == 2)
    }

    @Test("does not depend on how a text is kept")
    func texts() {
        let long = String(repeating: "x", count: 100)
        #expect(SHA256.Digest(of: String(long.prefix(50))) == SHA256.Digest(of: String(repeating: "x", count: 50)))
    }
}
