import Hashing
import Testing

@Suite("HMAC")
struct HMACTests {
    struct Example: Sendable {
        let key: [UInt8]
        let text: String
        let codes: [HMAC.Algorithm: String]
    }

    /// RFC 4231, test cases 1, 2 and 6; RFC 2202, cases 1, 2 and 6 with the same texts.
    static let examples = [
        Example(
            key: Array(repeating: 0x0B, count: 20), text: "Hi There",
            codes: [
                .sha1: "b617318655057264e28bc0b6fb378c8ef146be00",
                .sha256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                .sha512:
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                    + "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ]),
        Example(
            key: Array("Jefe".utf8), text: "what do ya want for nothing?",
            codes: [
                .sha1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
                .sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                .sha512:
                    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                    + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ]),
        Example(
            key: Array(repeating: 0xAA, count: 131), text: "Test Using Larger Than Block-Size Key - Hash Key First",
            codes: [
                .sha256: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                .sha512:
                    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                    + "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ]),
    ]

    @Test("is that of its specifications", arguments: examples)
    func isSpecified(example: Example) throws {
        for (algorithm, code) in example.codes {
            #expect(
                try HMAC.code(algorithm, key: example.key, Array(example.text.utf8)) == #require(
                    Hexadecimal.decode(code)))
        }
    }

    @Test("does not depend on how the text is cut", arguments: HMAC.Algorithm.allCases)
    func pieces(algorithm: HMAC.Algorithm) {
        let key = Array("k".utf8)
        let whole = HMAC.code(algorithm, key: key, Array("abcdef".utf8))
        #expect(HMAC.code(algorithm, key: key, Array("ab".utf8), [], Array("cdef".utf8)) == whole)
        #expect(HMAC.code(algorithm, key: Array("l".utf8), Array("abcdef".utf8)) != whole)
    }
}
