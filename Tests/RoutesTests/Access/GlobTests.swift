import Testing

@testable import Routes

@Suite("A glob")
struct GlobTests {
    @Test(
        "matches any bytes with its stars, and itself with the rest",
        arguments: [
            ("user:*", ["user:", "user:42", "user:*", "user:é", "user:\0"], ["user", "xuser:1", "User:1", ""]),
            ("*", ["", "a", "user:42"], []),
            ("", [""], ["a"]),
            ("a", ["a"], ["", "aa", "A", "b"]),
            ("*:admin", [":admin", "x:admin", "a:admin:admin"], ["admin", "x:admin:y"]),
            ("a*b*c", ["abc", "aXbYc", "abbc", "abcbc", "acbc"], ["ab", "ac", "abcX", "acb"]),
            ("**a", ["a", "ba", "aa"], ["", "ab"]),
            ("a?[b]\\*", ["a?[b]\\", "a?[b]\\x"], ["ax[b]", "a?b"]),
            ("\u{e9}", ["\u{e9}"], ["e\u{301}"]),
        ] as [(String, [String], [String])])
    func matches(pattern: String, matching: [String], others: [String]) {
        let glob = Glob(pattern)
        for name in matching { #expect(glob.matches(name), "\(name)") }
        for name in others { #expect(!glob.matches(name), "\(name)") }
    }

    @Test("matches as a plain search through all possibilities does")
    func agreesWithSearch() {
        func search(_ pattern: Substring, _ name: Substring) -> Bool {
            guard let first = pattern.first else { return name.isEmpty }
            if first == "*" {
                return search(pattern.dropFirst(), name) || (!name.isEmpty && search(pattern, name.dropFirst()))
            }
            return name.first == first && search(pattern.dropFirst(), name.dropFirst())
        }
        func texts(_ letters: [String], _ length: Int) -> [String] {
            length == 0 ? [""] : [""] + texts(letters, length - 1).flatMap { text in letters.map { text + $0 } }
        }
        for pattern in Set(texts(["a", "b", "*"], 4)) {
            for name in Set(texts(["a", "b"], 5)) {
                #expect(Glob(pattern).matches(name) == search(pattern[...], name[...]), "\(pattern) \(name)")
            }
        }
    }

    @Test("takes no longer for many stars than the product of both lengths")
    func isNotExponential() {
        let glob = Glob(String(repeating: "a*", count: 120) + "b")
        #expect(!glob.matches(String(repeating: "a", count: 255)))
    }

    @Test("matches everything only if it is nothing but stars")
    func everything() {
        for pattern in ["*", "**"] { #expect(Glob(pattern).matchesEverything) }
        for pattern in ["", "a", "*a", "a*", "*a*"] { #expect(!Glob(pattern).matchesEverything) }
    }

    @Test("matches all that begins in a way")
    func prefixes() {
        #expect(Glob("user:*").matchesAll(beginningWith: "user:"))
        #expect(Glob("user:*").matchesAll(beginningWith: "user:4"))
        #expect(Glob("*").matchesAll(beginningWith: ""))
        #expect(Glob("*:a*").matchesAll(beginningWith: "x:ab"))
        for (pattern, prefix) in [("user:*", "user"), ("user:*", ""), ("user:4", "user:4"), ("*:a", "x:a"), ("", "")] {
            #expect(!Glob(pattern).matchesAll(beginningWith: prefix), "\(pattern) \(prefix)")
        }
    }
}
