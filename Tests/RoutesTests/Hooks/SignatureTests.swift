import EventLoop
import Foundation
import Hashing
import JSON
import Testing

@testable import Routes

@Suite("A signature")
struct SignatureTests {
    /// Recorded or published by the providers.
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        let scheme: String
        let secret: String
        let headers: [String: String]
        let body: String
        let now: Int64?
        let valid: Bool
        let note: String?
        var testDescription: String { "\(scheme), \(valid ? "valid" : "invalid"): \(note ?? "")" }

        static let all: [Vector] = {
            guard
                let file = Bundle.module.url(
                    forResource: "signatures", withExtension: "json", subdirectory: "Fixtures"),
                let vectors = try? JSONDecoder().decode([Vector].self, from: Data(contentsOf: file))
            else { preconditionFailure("signatures.json cannot be read") }
            return vectors
        }()
    }

    @Test("is that of the providers", arguments: Vector.all)
    func vectors(vector: Vector) throws {
        for secrets in [[vector.secret], ["d3Jvbmc=", vector.secret], [vector.secret, "d3Jvbmc="]] {
            let signature = try scheme(vector.scheme, secrets)
            let fields = HeaderFields(vector.headers.map { ($0.key, $0.value) })
            #expect(signature.isAuthentic(fields, body: Array(vector.body.utf8), now: vector.now ?? 0) == vector.valid)
        }
        let wrong = try scheme(vector.scheme, ["d3Jvbmc="])
        let fields = HeaderFields(vector.headers.map { ($0.key, $0.value) })
        #expect(!wrong.isAuthentic(fields, body: Array(vector.body.utf8), now: vector.now ?? 0))
    }

    @Test("has vectors for every scheme that has any")
    func vectorsAreThere() {
        #expect(Vector.all.count == 12)
        #expect(Set(Vector.all.map(\.scheme)) == ["github", "stripe", "slack", "standard-webhooks"])
    }

    @Test(
        "is of the bytes as they came, to the last one", arguments: ["github", "stripe", "slack", "standard-webhooks"])
    func signsEveryByte(name: String) throws {
        let vector = try #require(Vector.all.first { $0.scheme == name && $0.valid })
        let signature = try scheme(name, [vector.secret])
        let fields = HeaderFields(vector.headers.map { ($0.key, $0.value) })
        let body = Array(vector.body.utf8)
        for changed in [body + [0x20], Array(body.dropLast()), [0x20] + body, []] {
            #expect(!signature.isAuthentic(fields, body: changed, now: vector.now ?? 0))
        }
    }

    @Test("that comes twice is none", arguments: Vector.all.filter(\.valid))
    func twice(vector: Vector) throws {
        let signature = try scheme(vector.scheme, [vector.secret])
        let headers = vector.headers.map { ($0.key, $0.value) }
        for header in headers {
            let fields = HeaderFields(headers + [header])
            #expect(!signature.isAuthentic(fields, body: Array(vector.body.utf8), now: vector.now ?? 0), "\(header.0)")
        }
    }

    @Test("with a header missing is none", arguments: Vector.all.filter(\.valid))
    func missing(vector: Vector) throws {
        let signature = try scheme(vector.scheme, [vector.secret])
        for name in vector.headers.keys {
            let fields = HeaderFields(vector.headers.filter { $0.key != name }.map { ($0.key, $0.value) })
            #expect(!signature.isAuthentic(fields, body: Array(vector.body.utf8), now: vector.now ?? 0), "\(name)")
        }
    }

    // MARK: Faults

    /// For each scheme: headers that are right, for the body `b`, the secret `s` and the time 1000.
    static let right: [String: [String: String]] = [
        "github": ["x-hub-signature-256": "sha256=" + hex(hmac("b", "s"))],
        "stripe": ["stripe-signature": "t=1000,v1=" + hex(hmac("1000.b", "s"))],
        "slack": [
            "x-slack-request-timestamp": "1000", "x-slack-signature": "v0=" + hex(hmac("v0:1000:b", "s")),
        ],
        "standard-webhooks": [
            "webhook-id": "i", "webhook-timestamp": "1000",
            "webhook-signature": "v1," + Base64.encode(hmac("i.1000.b", "s")),
        ],
        "meta": ["x-hub-signature-256": "sha256=" + hex(hmac("b", "s"))],
        "trello": ["x-trello-webhook": Base64.encode(hmac("bhttps://a.example/?b", "s", .sha1))],
        "bearer": ["authorization": "Bearer s"],
        "token": ["x-token": "s"],
    ]

    /// What schemes need beside secrets.
    static let texts = [
        "hmac": ["header": "X-Sig"], "meta": ["verifyToken": "c2VjcmV0"], "token": ["header": "X-Token"],
        "trello": ["callbackUrl": "https://a.example/?b"],
    ]

    private static func secret(_ scheme: String) -> String {
        scheme == "standard-webhooks" ? Base64.encode(Array("s".utf8)) : "s"
    }

    private func check(_ scheme: String, _ headers: [String: String], body: String = "b", now: Int64 = 1_000) throws
        -> SignatureFault?
    {
        let signature = try RoutesTests.scheme(scheme, [Self.secret(scheme)], Self.texts[scheme] ?? [:])
        return signature.fault(HeaderFields(headers.map { ($0, $1) }), body: Array(body.utf8), now: now)
    }

    @Test("that is wrong says whether it is the secret, a header or a clock", arguments: right.keys.sorted())
    func faults(scheme: String) throws {
        let right = try #require(Self.right[scheme])
        #expect(try check(scheme, right) == nil)
        for name in right.keys {
            #expect(try check(scheme, right.filter { $0.key != name }) == .missingHeader(name))
            #expect(
                try check(scheme, right.merging([name: "?"]) { $1 })
                    == (name == "webhook-id" ? .wrongSecret : name == "x-token" ? .wrongToken : .malformedHeader(name)))
        }
        guard scheme != "bearer", scheme != "token" else {
            for token in ["t", "", "S", "ss"] {
                #expect(try check("bearer", ["authorization": "Bearer \(token)"]) != nil)
                #expect(try check("token", ["x-token": token]) == .wrongToken)
            }
            #expect(try check("bearer", ["authorization": "Bearer t"]) == .wrongToken)
            return
        }
        #expect(try check(scheme, right, body: "c") == .wrongSecret)
        guard Self.dated.contains(scheme) else { return }
        for (now, age) in [(1_301, 301), (100, -900)] as [(Int64, Int64)] {
            #expect(try check(scheme, right, now: now) == .clock(age))
            // Of a time that anybody may have written nothing is said.
            #expect(try check(scheme, right, body: "c", now: now) == .wrongSecret)
        }
    }

    @Test("of which a part is missing is told by the prefix that is there")
    func missingSvix() throws {
        #expect(try check("standard-webhooks", ["svix-id": "i"]) == .missingHeader("svix-timestamp"))
        #expect(try check("standard-webhooks", [:]) == .missingHeader("webhook-id"))
        var empty = try #require(Self.right["standard-webhooks"])
        empty["webhook-id"] = ""
        #expect(try check("standard-webhooks", empty) == .malformedHeader("webhook-id"))
    }

    @Test("is made as it is checked", arguments: HookSchemes.all.map { $0.name })
    func signs(name: String) throws {
        let texts = Self.texts[name] ?? [:]
        let secrets = name == "none" ? [] : [Self.secret(name), "b3RoZXI="]
        let ours = try scheme(name, secrets, texts)
        let headers = ours.sign(Array("b".utf8), now: 1_000)
        func isAuthentic(_ scheme: any HookScheme, body: String = "b", now: Int64 = 1_000) -> Bool {
            scheme.isAuthentic(HeaderFields(headers.map { ($0.name, $0.value) }), body: Array(body.utf8), now: now)
        }
        #expect(isAuthentic(ours))
        if let right = Self.right[name], name != "standard-webhooks" {
            #expect(Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) }) == right)
        }
        guard name != "none" else { return }
        #expect(try !isAuthentic(scheme(name, ["b3RoZXI="], texts)))
        #expect(isAuthentic(ours, body: "c") == ["bearer", "token"].contains(name))
        #expect(isAuthentic(ours, now: 1_301) == !Self.dated.contains(name))
    }

    @Test("of Trello is of the address, too, as it was given")
    func trello() throws {
        let fields = HeaderFields([("X-Trello-Webhook", Base64.encode(hmac("bhttps://a.example/?b", "s", .sha1)))])
        for (url, isRight) in [
            ("https://a.example/?b", true), ("https://a.example/", false), ("https://A.example/?b", false),
        ] {
            let signature = try scheme("trello", ["s"], ["callbackUrl": url])
            #expect(signature.isAuthentic(fields, body: Array("b".utf8), now: 0) == isRight)
        }
        for url in ["", "a.example", "ftp://a.example", "https://a.example/ b", "https://é.example"] {
            #expect(
                fault { _ = try scheme("trello", ["s"], ["callbackUrl": url]) }?.hasPrefix("callbackUrl: must be")
                    == true)
        }
    }

    // MARK: GitHub

    @Test(
        "of GitHub is 'sha256=' and the digits, nothing else",
        arguments: [
            "", "sha256=", "sha256", "=", "sha1=HEX", "SHA256=HEX", "HEX", " sha256=HEX", "sha256= HEX", "sha256=HEX0",
            "sha256=HEX00", "sha256=0xHEX", "sha256=HEX ", "sha256=HEX,sha256=HEX", "sha256=zz",
        ])
    func githubGarbage(value: String) throws {
        let signature = try scheme("github", ["s"])
        let code = hex(hmac("body", "s"))
        let value = value.replacingOccurrences(of: "HEX", with: code)
        let fields = HeaderFields([("X-Hub-Signature-256", value)])
        #expect(!signature.isAuthentic(fields, body: Array("body".utf8), now: 0))
        let right = HeaderFields([("x-hub-SIGNATURE-256", "sha256=\(code)")])
        #expect(signature.isAuthentic(right, body: Array("body".utf8), now: 0))
    }

    @Test("of GitHub's older kind counts for nothing")
    func githubSHA1() throws {
        let signature = try scheme("github", ["s"])
        let fields = HeaderFields([("X-Hub-Signature", "sha1=" + hex(hmac("body", "s", .sha1)))])
        #expect(!signature.isAuthentic(fields, body: Array("body".utf8), now: 0))
    }

    // MARK: Time

    /// The header that carries a time, for each scheme that has one, signed for that time.
    static let dated = ["stripe", "slack", "standard-webhooks"]

    private func isAuthentic(_ name: String, timestamp: String, now: Int64) throws -> Bool {
        let key = name == "standard-webhooks" ? "whsec_" + Base64.encode(Array("s".utf8)) : "s"
        let signature = try scheme(name, [key])
        let headers =
            switch name {
            case "stripe": [("Stripe-Signature", "t=\(timestamp),v1=" + hex(hmac("\(timestamp).b", "s")))]
            case "slack":
                [
                    ("X-Slack-Request-Timestamp", timestamp),
                    ("X-Slack-Signature", "v0=" + hex(hmac("v0:\(timestamp):b", "s"))),
                ]
            default:
                [
                    ("webhook-id", "i"), ("webhook-timestamp", timestamp),
                    ("webhook-signature", "v1," + Base64.encode(hmac("i.\(timestamp).b", "s"))),
                ]
            }
        return signature.isAuthentic(HeaderFields(headers), body: Array("b".utf8), now: now)
    }

    @Test("holds for 300 seconds, in both directions", arguments: dated)
    func tolerance(name: String) throws {
        let now: Int64 = 1_700_000_000
        for (distance, isFresh) in [
            (0, true), (299, true), (300, true), (301, false), (-299, true), (-300, true), (-301, false),
            (1_000_000, false), (-1_700_000_000, false),
        ] as [(Int64, Bool)] {
            #expect(try isAuthentic(name, timestamp: String(now - distance), now: now) == isFresh, "\(distance)")
        }
    }

    @Test("has a time in plain digits", arguments: dated)
    func timestamps(name: String) throws {
        for (text, now) in [
            ("+1700000000", 1_700_000_000), ("-1700000000", 1_700_000_000), ("-1", 0), (" 1700000000", 1_700_000_000),
            ("1700000000 ", 1_700_000_000), ("01700000000", 1_700_000_000), ("1700000000.0", 1_700_000_000),
            ("1.7e9", 1_700_000_000), ("0x6553f100", 1_700_000_000), ("", 0), ("0", 0), ("00", 0), ("x", 0),
            ("9223372036854775807", .max), ("9223372036854775808", .max), ("18446744073709551616", 0),
            ("1700000000000", 1_700_000_000_000), ("٣", 3),
        ] as [(String, Int64)] {
            #expect(try !isAuthentic(name, timestamp: text, now: now), "\(text)")
        }
        #expect(try isAuthentic(name, timestamp: "1", now: 1))
        #expect(try isAuthentic(name, timestamp: "999999999999", now: 999_999_999_999))
    }

    // MARK: Stripe

    @Test(
        "of Stripe has one time, and at least one v1 that is right",
        arguments: [
            ("t=T,v1=C", true), ("v1=C,t=T", true), ("t=T,v0=x,v1=zz,v1=C", true), ("t=T,v1=C,unknown=1=2", true),
            ("t=T", false), ("v1=C", false), ("t=T,v0=C", false), ("t=T,V1=C", false), ("t=T,t=T,v1=C", false),
            ("t=1,t=T,v1=C", false), ("t=T,v1=C,t=T", false), ("t=T v1=C", false), ("t=T;v1=C", false),
            ("t=T,v1", false), ("t=T,v1=", false), ("t=T,v1=C,junk", false), ("", false), (",", false),
            ("t=T, v1=C", false), ("t=T,v1=C0", false),
        ])
    func stripe(header: String, isValid: Bool) throws {
        let header = header.replacingOccurrences(of: "C", with: hex(hmac("1000.b", "s")))
            .replacingOccurrences(of: "T", with: "1000")
        let signature = try scheme("stripe", ["s"])
        let fields = HeaderFields([("Stripe-Signature", header)])
        #expect(signature.isAuthentic(fields, body: Array("b".utf8), now: 1_000) == isValid)
    }

    // MARK: Standard Webhooks

    @Test(
        "of a standard webhook is one of a list",
        arguments: [
            ("v1,C", true), ("v1,AAAA v1,C", true), ("v1a,AAAA v1,C v2,x", true), ("v1,!! v1,C", true),
            ("", false), ("C", false), ("v2,C", false), ("v1a,C", false), ("v1,C,v1,C", false), ("v1:C", false),
            ("v1, C", false), ("v1,C=", false),
        ])
    func standardWebhooks(list: String, isValid: Bool) throws {
        let list = list.replacingOccurrences(of: "C", with: Base64.encode(hmac("i.1000.b", "s")))
        let signature = try scheme("standard-webhooks", [Base64.encode(Array("s".utf8))])
        for prefix in ["webhook", "svix"] {
            let fields = HeaderFields([
                ("\(prefix)-id", "i"), ("\(prefix)-timestamp", "1000"), ("\(prefix)-signature", list),
            ])
            #expect(signature.isAuthentic(fields, body: Array("b".utf8), now: 1_000) == isValid)
            #expect(try id(signature, fields) == "i")
        }
    }

    @Test("of a standard webhook has all its parts under one prefix")
    func mixedPrefixes() throws {
        let code = "v1," + Base64.encode(hmac("i.1000.b", "s"))
        let signature = try scheme("standard-webhooks", [Base64.encode(Array("s".utf8))])
        let mixed = HeaderFields([("webhook-id", "i"), ("svix-timestamp", "1000"), ("webhook-signature", code)])
        #expect(!signature.isAuthentic(mixed, body: Array("b".utf8), now: 1_000))
        // The id that counts is the one that was signed.
        let both = HeaderFields([
            ("svix-id", "other"), ("webhook-id", "i"), ("webhook-timestamp", "1000"), ("webhook-signature", code),
        ])
        #expect(signature.isAuthentic(both, body: Array("b".utf8), now: 1_000))
        #expect(try id(signature, both) == "i")
    }

    private func id(_ scheme: any HookScheme, _ fields: HeaderFields) throws -> String? {
        scheme.deliveryID(in: TemplateSource(body: try JSONDocument(parsing: Array("{}".utf8)).root, fields: fields))
    }

    // MARK: HMAC

    @Test("can be any HMAC in any header")
    func anyHMAC() throws {
        for algorithm in HMAC.Algorithm.allCases {
            let code = hmac("b", "s", algorithm)
            for (encoding, text) in [
                ("hex", hex(code)), ("hex", hex(code).uppercased()), ("base64", Base64.encode(code)),
            ] {
                for prefix in ["", "x=", "HMAC "] {
                    let signature = try scheme(
                        "hmac", ["other", "s"],
                        [
                            "header": "X-Sig", "algorithm": algorithm.rawValue, "encoding": encoding,
                            "prefix": prefix,
                        ])
                    func isAuthentic(_ value: String) -> Bool {
                        signature.isAuthentic(HeaderFields([("x-sig", value)]), body: Array("b".utf8), now: 0)
                    }
                    #expect(isAuthentic(prefix + text))
                    #expect(!isAuthentic("y" + prefix + text))
                    #expect(!isAuthentic(prefix + text + " "))
                    #expect(!isAuthentic(prefix + String(text.dropLast(4))))
                    #expect(!isAuthentic(""))
                    if !prefix.isEmpty { #expect(!isAuthentic(text)) }
                }
            }
        }
        let other = try scheme("hmac", ["s"], ["header": "x-sig", "algorithm": "sha512"])
        #expect(!other.isAuthentic(HeaderFields([("x-sig", hex(hmac("b", "s")))]), body: Array("b".utf8), now: 0))
    }

    @Test("can be in a header that the gateway reads itself")
    func knownHeader() throws {
        let signature = try scheme("hmac", ["s"], ["header": "Authorization", "prefix": "HMAC "])
        let fields = HeaderFields([("Authorization", "HMAC " + hex(hmac("b", "s")))])
        #expect(signature.isAuthentic(fields, body: Array("b".utf8), now: 0))
    }

    // MARK: Bearer, none

    @Test(
        "can be a token",
        arguments: [
            ("Bearer secret", true), ("bearer secret", true), ("Bearer other", true), ("Bearer Secret", false),
            ("Bearer secre", false), ("Bearer secretx", false), ("Bearer ", false), ("secret", false),
            ("Basic secret", false), ("", false),
        ])
    func bearer(value: String, isValid: Bool) throws {
        let signature = try scheme("bearer", ["secret", "other"])
        #expect(signature.isAuthentic(HeaderFields([("Authorization", value)]), body: [], now: 0) == isValid)
        #expect(!signature.isAuthentic(HeaderFields([("X-API-Key", "secret")]), body: [], now: 0))
    }

    @Test("is needed unless the scheme is 'none'")
    func unsigned() throws {
        #expect(try scheme("none", []).isAuthentic(HeaderFields(), body: [], now: 0))
        for name in ["github", "stripe", "slack", "standard-webhooks", "bearer"] {
            #expect(try !scheme(name, ["c2VjcmV0"]).isAuthentic(HeaderFields(), body: [], now: 0))
            #expect(fault { _ = try scheme(name, []) } == "secrets: is required")
            #expect(fault { _ = try scheme(name, ["c2VjcmV0", ""]) } == "secrets[1]: is empty")
        }
        #expect(fault { _ = try scheme("none", ["s"]) } == "secrets: the scheme 'none' checks nothing")
        for name in ["", "GitHub", "githup"] {
            #expect(fault { _ = try scheme(name, ["s"]) }?.hasPrefix("scheme: must be github, stripe, ") == true)
        }
    }

    @Test("has settings that are known, and a key that can be read")
    func settings() throws {
        for (texts, message) in [
            ([:], "header: is required"), (["header": "a b"], "header: must be the name of a header"),
            (["header": ""], "header: must be the name of a header"),
            (["header": "a", "algorithm": "md5"], "algorithm: must be sha256, sha1 or sha512"),
            (["header": "a", "encoding": "base64url"], "encoding: must be hex or base64"),
        ] {
            #expect(fault { _ = try scheme("hmac", ["s"], texts) } == message)
        }
        for secret in [" s", "s ", "s\n", "a\tb", "\u{7F}"] {
            #expect(
                fault { _ = try scheme("bearer", ["s", secret]) }?.hasPrefix("secrets[1]: must be what a header")
                    == true)
        }
        for secret in ["whsec_é", "whsec_a", "not base64"] {
            #expect(
                fault { _ = try scheme("standard-webhooks", [secret]) }
                    == "secrets[0]: must be base64, behind 'whsec_'")
        }
        #expect(fault { _ = try scheme("standard-webhooks", ["whsec_"]) } == "secrets[0]: is empty")
    }

    @Test("has a secret that is in no description and no dump")
    func staysSecret() throws {
        for name in HookSchemes.all.map({ $0.name }) where name != "none" {
            let signature = try scheme(name, ["c2VjcmV0"], Self.texts[name] ?? [:])
            var dumped = ""
            dump(signature, to: &dumped)
            for text in [dumped, "\(signature)", String(reflecting: signature)] {
                #expect(
                    !text.contains("c2Vj") && !text.contains("115, 101") && !text.contains("99, 50")
                        && !text.contains("secret\""))
            }
        }
    }
}
