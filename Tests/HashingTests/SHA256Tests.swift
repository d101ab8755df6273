import Hashing
import Testing

@Suite("SHA-256")
struct SHA256Tests {
    @Test(
        "is that of its specification",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func examples(text: String, expected: String) {
        var hash = SHA256()
        hash.update(Array(text.utf8))
        let digest = hash.finish()
        #expect(hex(digest) == expected)
    }

    @Test("does not depend on how the text is cut")
    func pieces() {
        var whole = SHA256()
        whole.update(Array("abcdef".utf8))
        var pieces = SHA256()
        for piece in ["ab", "", "cdef"] { pieces.update(Array(piece.utf8)) }
        let (expected, digest) = (whole.finish(), pieces.finish())
        #expect(digest == expected)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
