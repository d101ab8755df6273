import AMQPBridge
import EventLoop
import Foundation
import JSON
import Testing
import YAML

@testable import Gateway
@testable import Routes

@Suite("A hook of the configuration file")
struct HookEntryTests {
    // MARK: What is read

    @Test("has every setting")
    func everySetting() throws {
        let entry = try #require(
            try hooks(
                """
                hooks:
                  - name: all-1.2_3~
                    scheme: hmac
                    secrets: [one, "two"]
                    header: X-Signature
                    algorithm: sha512
                    encoding: base64
                    prefix: "v1:"
                    event: "e.{/kind}"
                    rooms: ["user:{/id}", all]
                    except: ["not:{/id}"]
                    namespace: "/{header:X-Space}"
                    args: ["{/kind}", "{body}", text]
                    when:
                      - {value: "{/kind}", in: [a, b]}
                    deliveryId: "{/number}"
                    allow: {namespaces: "/a*", rooms: ["user:*", all, "not:*"], events: e.*}
                    rate: 600/m
                    burst: 7
                    maxBodyBytes: 4096
                    confirmTimeout: 1.5s
                    allowedOrigins: a.example
                    allowedRate: 60
                """
            ).first)
        let hook = entry.hook
        #expect(hook.name == "all-1.2_3~")
        let signature = try #require(hook.scheme as? HMACScheme).signature
        #expect(signature.secrets.map(\.bytes) == [Array("one".utf8), Array("two".utf8)])
        #expect(signature.header == "x-signature")
        #expect(signature.algorithm == .sha512)
        #expect(signature.encoding == .base64)
        #expect(signature.prefix == "v1:")
        #expect(entry.rate == Rate(600, per: .seconds(60), burst: 7))
        #expect(hook.bodyBytes == 4_096)
        #expect(hook.confirmWait == .milliseconds(1_500))
        var origin = HeaderFields()
        origin.add(other: "webhook-request-origin", "A.example")
        #expect(hook.handshake.grant(origin).map(\.value) == ["a.example", "60"])

        let body = "{\"kind\":\"a\",\"id\":7,\"number\":9}"
        var expected = Emit(namespace: "/ab", event: "e.a", rooms: ["user:7", "all"], except: ["not:7"])
        expected.arguments = JSONText(verbatim: Array("\"a\",\(body),\"text\"".utf8)[...])
        #expect(try emit(hook, body, space: "ab") == expected)
        #expect(try emit(hook, body.replacing("\"a\"", with: "\"c\""), space: "ab") == nil)
        // Beyond what is allowed.
        #expect(throws: Problem.self) { try emit(hook, body, space: "b") }
        let document = try JSONDocument(parsing: Array(body.utf8))
        #expect(hook.deliveryID(in: TemplateSource(body: document.root, fields: HeaderFields())) == "9")
    }

    @Test("needs few of them")
    func fewSettings() throws {
        let entry = try #require(
            try hooks("hooks: [{name: h, scheme: github, secrets: s, event: e, rooms: r}]").first)
        let hook = entry.hook
        #expect(entry.rate == nil && hook.limit == nil && hook.bodyBytes == nil)
        #expect(hook.confirmWait == Hook.usualConfirmWait)
        #expect(hook.handshake.grant(HeaderFields()).isEmpty)
        #expect(hook.scheme is GitHubScheme)
        var expected = Emit(event: "e", rooms: ["r"])
        expected.arguments = JSONText(verbatim: Array("{\"a\":1.0}".utf8)[...])
        #expect(try emit(hook, "{\"a\":1.0}") == expected)
        #expect(try hooks("hooks:").isEmpty)
        #expect(try hooks("hooks: []").isEmpty)
    }

    @Test(
        "has a scheme",
        arguments: [
            ("github", "GitHubScheme"), ("stripe", "StripeScheme"), ("slack", "SlackScheme"),
            ("bearer", "BearerScheme"), ("meta", "MetaScheme"), ("trello", "TrelloScheme"), ("token", "TokenScheme"),
            ("standard-webhooks", "StandardWebhooksScheme"),
        ])
    func schemes(name: String, type: String) throws {
        let own = [
            "meta": "verifyToken: t, ", "trello": "callbackUrl: 'https://a', ", "token": "header: X, ",
        ]
        let text =
            "hooks: [{name: h, scheme: \(name), \(own[name] ?? "")secrets: [whsec_YWJj, YWJj], event: e, rooms: r}]"
        let scheme = try #require(try hooks(text).first).hook.scheme
        #expect("\(Swift.type(of: scheme))" == type)
        let open = try hooks("hooks: [{name: h, scheme: none, event: e, everyone: true}]")
        #expect(open.first?.hook.isSigned == false)
        #expect(try emit(#require(open.first).hook, "{}")?.rooms == [])
    }

    @Test("has constants among its arguments, as YAML says them")
    func constants() throws {
        let hook = try #require(
            try hooks(
                """
                hooks:
                  - name: h
                    scheme: none
                    event: e
                    rooms: [r]
                    args:
                      - 10.50
                      - -3
                      - "7"
                      - true
                      - "true"
                      - yes
                      - 007
                      - null
                      - ~
                      - {z: 1, a: [2.0, "{/x}", null, {}], "é\\n": "\\"q\\""}
                      - [[]]
                      - "{{/x}}"
                      - {"{/x}": 1}
                      - {/x: 1}
                """
            ).first
        ).hook
        let arguments = try #require(try emit(hook, "{}")).arguments
        #expect(
            String(decoding: arguments.bytes, as: UTF8.self) == """
                10.50,-3,"7",true,"true","yes","007",null,null,\
                {"z":1,"a":[2.0,"{/x}",null,{}],"é\\n":"\\"q\\""},[[]],"{/x}",{"{/x}":1},{"/x":1}
                """)
        let none = try hooks("hooks: [{name: h, scheme: none, event: e, rooms: r, args: []}]")
        #expect(try emit(#require(none.first).hook, "{}")?.arguments.isEmpty == true)
    }

    @Test(
        "has an address of Trello's that has a host",
        arguments: ["https://a", "http://a:8080/b?c", "https://[::1]/a", "https://me:b@a/c@d"])
    func callbackURLs(url: String) throws {
        let text = "hooks: [{name: h, scheme: trello, secrets: s, callbackUrl: '\(url)', event: e, rooms: r}]"
        #expect(try hooks(text).count == 1)
    }

    @Test("can have its secrets in files")
    func secretFiles() throws {
        try withFile("from a file\nmore") { path in
            let entries = try hooks(
                """
                hooks:
                  - {name: h, scheme: bearer, secrets: [written], secretFiles: ["\(path)"], event: e, rooms: r}
                  - {name: i, scheme: bearer, secretFiles: "\(path)", event: e, rooms: r}
                """)
            let secrets = entries.compactMap { ($0.hook.scheme as? BearerScheme)?.secrets.map(\.bytes) }
            #expect(secrets == [[Array("written".utf8), Array("from a file".utf8)], [Array("from a file".utf8)]])
            #expect(entries.map(\.secretFiles) == [[path], [path]])
        }
    }

    @Test(
        "has no white space around its secrets, in the configuration and in files",
        arguments: [" hunter2", "hunter2 ", "hunter2\t", "hunter2\r\n", "\nhunter2\n", "\r\n \thunter2 \n\n"])
    func secretsWithSpace(text: String) throws {
        try withFile(text) { path in
            let schemes = ["bearer": "", "token": "header: X, ", "github": "", "trello": "callbackUrl: 'https://a', "]
            for (scheme, own) in schemes {
                let entries = try hooks(
                    """
                    hooks: [{name: h, scheme: \(scheme), \(own)secrets: [\(text.jsonLiteral)], secretFiles: "\(path)",
                      event: e, rooms: r}]
                    """)
                let hook = try #require(entries.first).hook
                let secrets = Mirror(reflecting: hook.scheme).children.compactMap { child in
                    child.value as? [HookSecret] ?? (child.value as? HMACSignature)?.secrets
                }
                #expect(secrets.map { $0.map(\.bytes) } == [[Array("hunter2".utf8), Array("hunter2".utf8)]])
            }
            let meta = "scheme: meta, secrets: s, event: e, rooms: r"
            for own in ["verifyToken: \(text.jsonLiteral)", "verifyTokenFile: \(path)"] {
                let hook = try #require(try hooks("hooks: [{name: h, \(own), \(meta)}]").first).hook
                let tokens = Mirror(reflecting: hook.scheme).children.compactMap { $0.value as? [HookSecret] }
                #expect(tokens.map { $0.map(\.bytes) } == [[Array("hunter2".utf8)]])
            }
        }
    }

    @Test("has the files of its secrets beside that of the configuration")
    func relativeSecretFiles() throws {
        try withFile("from a file") { path in
            let name = try #require(path.split(separator: "/").last)
            let faults = FileFaults(path: path + ".yaml")
            let text = "- {name: h, scheme: bearer, secretFiles: \(name), event: e, rooms: r, maxBodyBytes: 2KiB}"
            let entries = HookEntry.read(try #require(try YAMLNode.parse(Array(text.utf8))), faults)
            try faults.check()
            #expect(entries.map(\.secretFiles) == [[path]])
            #expect(entries[0].hook.bodyBytes == 2_048)
        }
    }

    // MARK: What is wrong

    /// A hook without fault, and a line more, which is the 6th.
    private static func hook(with line: String) -> String {
        """
        hooks:
          - name: h
            scheme: none
            event: e
            rooms: [r]
            \(line)
        """
    }

    @Test(
        "with a fault is refused, with its line and its name",
        arguments: [
            ("namespace: x", "6: hooks[0].namespace a namespace begins with '/' and contains no '#'"),
            ("namespace: [/]", "6: hooks[0].namespace must be text"),
            ("except: []", "6: hooks[0].except must be a list of texts"),
            ("except: [a, '{x}']", "6: hooks[0].except[1] braces hold a JSON Pointer"),
            ("except: [a, '{/~2}']", "6: hooks[0].except[1] in a JSON Pointer '~' is followed by 0 or 1, at byte 1"),
            ("everyone: true", "5: hooks[0].rooms not together with 'everyone: true'"),
            ("everyone: maybe", "6: hooks[0].everyone is 'maybe', but must be true or false"),
            ("everyone: yes", "6: hooks[0].everyone is 'yes', but must be true or false"),
            ("everyone: no", "6: hooks[0].everyone is 'no', but must be true or false"),
            ("args: {a: 1}", "6: hooks[0].args must be a list"),
            ("args: [1, '{/a']", "6: hooks[0].args[1] '{' without '}'"),
            ("args: [1, {/a}]", "6: hooks[0].args[1] needs quotes: \"{/a}\""),
            ("namespace: {header:X-Ns}", "6: hooks[0].namespace needs quotes: \"{header:X-Ns}\""),
            ("namespace: {header: X-Ns}", "6: hooks[0].namespace needs quotes: \"{header:X-Ns}\""),
            ("except: {/a}", "6: hooks[0].except needs quotes: \"{/a}\""),
            ("except: [a, {/a}]", "6: hooks[0].except[1] needs quotes: \"{/a}\""),
            ("when: [{value: {/a}, equals: b}]", "6: hooks[0].when[0].value needs quotes: \"{/a}\""),
            ("args: [{body}]", "6: hooks[0].args[0] needs quotes: \"{body}\""),
            ("args: ['{header:Authorization}']", "6: hooks[0].args[0] credentials are not passed on"),
            ("when: {value: a, equals: b}", "6: hooks[0].when must be a list"),
            ("when: [a]", "6: hooks[0].when[0] must be a mapping"),
            ("when: [{equals: b}]", "6: hooks[0].when[0] has no value"),
            ("when: [{value: a}]", "6: hooks[0].when[0] must have one of equals, in and matches"),
            (
                "when: [{value: a, equals: b, in: [c]}]",
                "6: hooks[0].when[0] must have one of equals, in and matches"
            ),
            ("when: [{value: '{', equals: b}]", "6: hooks[0].when[0].value '{' without '}'"),
            ("when: [{value: a, in: []}]", "6: hooks[0].when[0].in must be a list of texts"),
            ("when: [{value: a, equals: ''}]", "6: hooks[0].when[0].equals must be text"),
            (
                "when: [{value: a, equal: b}]",
                "6: 'hooks[0].when[0].equal' is no setting; did you mean 'equals'?"
            ),
            ("deliveryId: '{x}'", "6: hooks[0].deliveryId braces hold a JSON Pointer"),
            ("allow: [a]", "6: hooks[0].allow must be a mapping"),
            ("allow: {room: a}", "6: 'hooks[0].allow.room' is no setting; did you mean 'rooms'?"),
            ("allow: {rooms: []}", "6: hooks[0].allow.rooms must be a list of texts"),
            ("rate: 10", "6: hooks[0].rate is '10', but must be a number for a second, a minute or an hour"),
            ("burst: 5", "6: hooks[0].burst needs a rate"),
            ("maxBodyBytes: 0", "6: hooks[0].maxBodyBytes is '0', but must be a size from 1 to 16777216 bytes"),
            ("maxBodyBytes: 17MiB", "6: hooks[0].maxBodyBytes is '17MiB', but must be a size from 1 to 16777216 bytes"),
            ("confirmTimeout: 3s", "6: hooks[0].confirmTimeout must be more than 0 and less than 3s"),
            ("confirmTimeout: 0", "6: hooks[0].confirmTimeout is '0', but must be a duration of less than 3s"),
            ("allowedOrigins: ['a b']", "6: hooks[0].allowedOrigins[0] must be a host name or '*'"),
            ("allowedOrigins: ['[]']", "6: hooks[0].allowedOrigins[0] must be a host name or '*'"),
            ("allowedOrigins: ['https://a']", "6: hooks[0].allowedOrigins[0] must be a host name or '*'"),
            ("allowedRate: 0", "6: hooks[0].allowedRate is '0', but must be a number from 1"),
            ("secrets: [hunter2]", "6: hooks[0].secrets the scheme 'none' checks nothing"),
            ("room: x", "6: 'hooks[0].room' is no setting; did you mean 'rooms'?"),
            ("delivery_id: x", "6: 'hooks[0].delivery_id' is no setting; did you mean 'deliveryId'?"),
            ("header: X", "6: hooks[0].header is a setting of hmac, token, and the scheme is none"),
        ])
    func faults(line: String, message: String) throws {
        let error = try #require(fault(Self.hook(with: line)))
        #expect(error.split(separator: "\n").contains { $0.hasPrefix("f.yaml:\(message)") }, "\(error)")
        #expect(!error.contains("hunter2"))
    }

    @Test(
        "is told of quotes where a template without them breaks the file",
        arguments: [
            ("namespace: {/a}-{/b}", true), ("except: [repo:{/id}]", true), ("except: ['a' 'b']", false),
        ])
    func unquoted(line: String, isTold: Bool) throws {
        let error = try #require(fault(Self.hook(with: line)))
        #expect(error.contains("(a text with a template, such as {/id}, needs quotes)") == isTold, "\(error)")
    }

    @Test(
        "without what it needs is refused",
        arguments: [
            ("scheme: none, event: e, rooms: r", "hooks[0] has no name"),
            ("name: h, event: e, rooms: r", "hooks[0] has no scheme"),
            ("name: h, scheme: none, rooms: r", "hooks[0] has no event"),
            (
                "name: h, scheme: none, event: e",
                "hooks[0].rooms is required; for everyone say 'everyone: true'"
            ),
            ("name: h, scheme: github, event: e, rooms: r", "hooks[0].secrets is required"),
            ("name: h, scheme: github, secrets: [], event: e, rooms: r", "hooks[0].secrets must be a list of texts"),
            ("name: h, scheme: github, secrets: '', event: e, rooms: r", "hooks[0].secrets must be a list of texts"),
            ("name: h, scheme: github, secrets: [''], event: e, rooms: r", "hooks[0].secrets must be a list of texts"),
            (
                "name: h, scheme: github, secrets: [null], event: e, rooms: r",
                "hooks[0].secrets must be a list of texts"
            ),
            (
                "name: h, scheme: standard-webhooks, secrets: [hunter2], event: e, rooms: r",
                "hooks[0].secrets[0] must be base64, behind 'whsec_'"
            ),
            (
                "name: h, scheme: standard-webhooks, secrets: [YWJj, whsec_], event: e, rooms: r",
                "hooks[0].secrets[1] is empty"
            ),
            ("name: h, scheme: hmac, secrets: hunter2, event: e, rooms: r", "hooks[0] has no header"),
            (
                "name: h, scheme: hmac, header: 'X Y', secrets: hunter2, event: e, rooms: r",
                "hooks[0].header must be the name of a header"
            ),
            (
                "name: h, scheme: hmac, header: X, algorithm: md5, secrets: hunter2, event: e, rooms: r",
                "hooks[0].algorithm must be sha256, sha1 or sha512"
            ),
            (
                "name: h, scheme: hmac, header: X, encoding: hexa, secrets: hunter2, event: e, rooms: r",
                "hooks[0].encoding must be hex or base64"
            ),
            ("name: h, scheme: token, secrets: hunter2, event: e, rooms: r", "hooks[0] has no header"),
            ("name: h, scheme: token, header: X, event: e, rooms: r", "hooks[0].secrets is required"),
            (
                "name: h, scheme: token, header: X, secrets: \"hun\\tter2\", event: e, rooms: r",
                "hooks[0].secrets[0] must be what a header can hold"
            ),
            (
                "name: h, scheme: token, header: X, prefix: p, secrets: hunter2, event: e, rooms: r",
                "hooks[0].prefix is a setting of hmac, and the scheme is token"
            ),
            ("name: h, scheme: meta, secrets: hunter2, event: e, rooms: r", "hooks[0] has no verifyToken"),
            ("name: h, scheme: meta, verifyToken: hunter2, event: e, rooms: r", "hooks[0].secrets is required"),
            (
                "name: h, scheme: meta, secrets: s, verifyToken: [hunter2], event: e, rooms: r",
                "hooks[0].verifyToken must be text"
            ),
            (
                "name: h, scheme: meta, secrets: s, verifyTokenFile: /nonexistent, event: e, rooms: r",
                "hooks[0].verifyTokenFile has '/nonexistent', from which no secret can be read"
            ),
            (
                "name: h, scheme: meta, secrets: s, verifyToken: hunter2, verifyTokenFile: /f, event: e, rooms: r",
                "hooks[0].verifyTokenFile not together with verifyToken"
            ),
            (
                "name: h, scheme: github, secrets: s, verifyToken: hunter2, event: e, rooms: r",
                "hooks[0].verifyToken is a setting of meta, and the scheme is github"
            ),
            (
                "name: h, scheme: github, secrets: s, verifyTokenFile: /f, event: e, rooms: r",
                "hooks[0].verifyTokenFile is a setting of meta, and the scheme is github"
            ),
            ("name: h, scheme: trello, secrets: hunter2, event: e, rooms: r", "hooks[0] has no callbackUrl"),
            (
                "name: h, scheme: trello, secrets: hunter2, callbackUrl: gateway.example, event: e, rooms: r",
                "hooks[0].callbackUrl must be the address that Trello was given"
            ),
            (
                "name: h, scheme: trello, secrets: hunter2, callbackUrl: 'https://', event: e, rooms: r",
                "hooks[0].callbackUrl must be the address that Trello was given"
            ),
            (
                "name: h, scheme: trello, secrets: hunter2, callbackUrl: 'https://[]:80/a', event: e, rooms: r",
                "hooks[0].callbackUrl must be the address that Trello was given"
            ),
            (
                "name: h, scheme: trello, secrets: hunter2, callbackUrl: 'http:///a', event: e, rooms: r",
                "hooks[0].callbackUrl must be the address that Trello was given"
            ),
            (
                "name: h, scheme: trello, secrets: hunter2, callbackUrl: 'https://me@:80', event: e, rooms: r",
                "hooks[0].callbackUrl must be the address that Trello was given"
            ),
            (
                "name: h, scheme: token, secrets: hunter2, header: Host, event: e, rooms: r",
                "hooks[0].header is 'host', which every request may have"
            ),
            (
                "name: h, scheme: token, secrets: hunter2, header: Content-Type, event: e, rooms: r",
                "hooks[0].header is 'content-type', which every request may have"
            ),
            (
                "name: h, scheme: hmac, secrets: hunter2, header: Content-Length, event: e, rooms: r",
                "hooks[0].header is 'content-length', which every request may have"
            ),
            (
                "name: h, scheme: GitHub, secrets: hunter2, event: e, rooms: r",
                "hooks[0].scheme must be github, stripe, slack, standard-webhooks, hmac, meta, trello, bearer, token or none; "
                    + "did you mean 'github'?"
            ),
            ("name: a/b, scheme: none, event: e, rooms: r", "hooks[0].name must be 1 to 64 letters, digits"),
            ("name: h, scheme: none, event: connect, rooms: r", "hooks[0].event 'connect' is reserved by Socket.IO"),
            ("name: h, scheme: none, event: e, rooms: []", "hooks[0].rooms must be a list of texts"),
            ("name: h, scheme: none, event: e, rooms: ['']", "hooks[0].rooms must be a list of texts"),
            ("name: h, scheme: none, event: e, rooms: null", "hooks[0].rooms must be a list of texts"),
            (
                "name: h, scheme: github, secretFiles: [/nonexistent], event: e, rooms: r",
                "hooks[0].secretFiles has '/nonexistent', from which no secret can be read"
            ),
            (
                "name: h, scheme: none, event: e, everyone: true, allow: {rooms: a}",
                "hooks[0].everyone beyond what the hook may reach: everyone takes the glob '*'"
            ),
        ])
    func lacks(members: String, message: String) throws {
        let error = try #require(fault("hooks:\n  - {\(members)}"))
        #expect(error.contains("f.yaml:2: \(message)"), "\(error)")
        #expect(!error.contains("hunter2"))
    }

    @Test("has a name of its own, and stands in a list; all that is wrong is told")
    func several() throws {
        #expect(fault("hooks: {name: h}") == "f.yaml:1: hooks must be a list")
        #expect(fault("hooks: [h]") == "f.yaml:1: hooks[0] must be a mapping")
        let text = """
            hooks:
              - {name: h, scheme: none, event: e, rooms: r}
              - {name: h, scheme: none, event: e, rooms: r}
              - {name: i, scheme: none, event: e}
            """
        #expect(
            fault(text) == """
                f.yaml:3: hooks[1].name is another hook's, too
                f.yaml:4: hooks[2].rooms is required; for everyone say 'everyone: true'
                """)
        #expect(fault("hook: []")?.contains("did you mean 'hooks'?") == true)
    }

    // MARK: CloudEvents

    @Test("for CloudEvents has the standard mapping but for what is said")
    func cloudEvents() throws {
        let standard = try #require(try file("cloudEvents: {allowedOrigins: ['*'], allowedRate: 5}").cloudEvents)
        let event = "{\"type\":\"t\",\"subject\":\"s\",\"data\":1.0}"
        var expected = Emit(event: "t", rooms: ["s"])
        expected.arguments = JSONText(verbatim: Array(event.utf8)[...])
        #expect(try emit(standard.mapping.mapping, event) == expected)
        #expect(standard.mapping.confirmWait == Hook.usualConfirmWait)
        var origin = HeaderFields()
        origin.add(other: "webhook-request-origin", "x")
        #expect(standard.mapping.handshake.grant(origin).map(\.value) == ["*", "5"])
        let other = try #require(
            try file("cloudEvents: {event: 'e:{/type}', everyone: true, args: ['{/data}'], confirmTimeout: 1s}")
                .cloudEvents)
        #expect(
            try emit(other.mapping.mapping, event)
                == Emit(event: "e:t", arguments: JSONText(verbatim: Array("1.0".utf8)[...])))
        #expect(other.mapping.confirmWait == .seconds(1))
        #expect(try file("cloudEvents:").cloudEvents == nil)
    }

    @Test(
        "for CloudEvents is refused with its line and its name",
        arguments: [
            ("[]", "cloudEvents must be a mapping"),
            ("{evnt: e}", "'cloudEvents.evnt' is no setting; did you mean 'event'?"),
            ("{secrets: [hunter2]}", "'cloudEvents.secrets' is no setting"),
            ("{rate: 1/s}", "'cloudEvents.rate' is no setting"),
            ("{event: '{'}", "cloudEvents.event '{' without '}'"),
            ("{rooms: []}", "cloudEvents.rooms must be a list of texts"),
            ("{confirmTimeout: 5s}", "cloudEvents.confirmTimeout must be more than 0 and less than 3s"),
            ("{rooms: r, everyone: true}", "cloudEvents.rooms not together with 'everyone: true'"),
        ])
    func cloudEventFaults(text: String, message: String) throws {
        let error = try #require(fault("\n\ncloudEvents: \(text)"))
        #expect(error.hasPrefix("f.yaml:3: \(message)"), "\(error)")
        #expect(!error.contains("hunter2"))
    }

    // MARK: Secrets

    @Test(
        "passes its token on to nobody",
        arguments: [
            ("args: ['{/a}', 'x{header:X-Gitlab-TOKEN}']", "args[1]"),
            ("namespace: '/{header:X-Gitlab-Token}'", "namespace"),
            ("except: '{header:X-Gitlab-Token}'", "except[0]"), ("deliveryId: '{header:X-Gitlab-Token}'", "deliveryId"),
            ("when: [{value: '{header:X-Gitlab-Token}', equals: a}]", "when[0]"),
        ])
    func token(line: String, field: String) throws {
        let text = """
            hooks:
              - {name: h, scheme: SCHEME, header: X-Gitlab-Token, secrets: s, event: e, rooms: r, \(line)}
            """
        let message =
            "f.yaml:2: hooks[0].\(field) credentials are not passed on, and {header:x-gitlab-token} is the hook's secret"
        #expect(fault(text.replacing("SCHEME", with: "token")) == message)
        // A signature is no secret.
        #expect(fault(text.replacing("SCHEME", with: "hmac")) == nil)
    }

    @Test("has a verify token in a file, or beside its other settings, and never shows it")
    func verifyToken() throws {
        try withFile("hunter2\nmore") { path in
            let text = """
                hooks:
                  - {name: h, scheme: meta, secrets: hunter1, verifyToken: hunter2, event: e, rooms: r}
                  - {name: i, scheme: meta, secrets: hunter1, verifyTokenFile: "\(path)", event: e, rooms: r}
                """
            for entry in try hooks(text) {
                let query = "hub.mode=subscribe&hub.challenge=c&hub.verify_token="
                #expect(try entry.hook.confirmation(of: query + "hunter2") == "c")
                #expect(throws: SignatureFault.self) { try entry.hook.confirmation(of: query + "hunter1") }
            }
            try withFile(text) { config in
                let configuration = try Configuration(
                    try ServeOptions.parse([]), environment: Environment(variables: ["GATEWAY_CONFIG": config]))
                let printed = ConfigurationText(configuration).text
                #expect(printed.contains("    verifyToken: (redacted)\n"))
                #expect(!printed.contains("hunter"))
                #expect(!"\(configuration.hooks)".contains("hunter"))
                var dumped = ""
                dump(configuration.hooks, to: &dumped)
                #expect(!dumped.contains("hunter"))
                #expect(configuration.files.contains(path))
                let live = LiveConfiguration(
                    configuration, keys: KeyRing(configuration.keys),
                    hooks: HookRing(configuration.hooks, configuration.cloudEvents))
                let document = String(
                    decoding: ConfigurationDocument(live, now: UTCTime(seconds: 0)).json, as: UTF8.self)
                #expect(document.contains("\"verifyToken\":\"(redacted)\""))
                #expect(!document.contains("hunter"))
            }
        }
    }

    // MARK: Printed

    @Test("is printed without its secrets, and can be read again with others")
    func printed() throws {
        try withFile("hunter3") { path in
            let text = """
                hooks:
                  - name: h
                    secrets: [hunter2, "hunter4"]
                    scheme: bearer
                    secretFiles: ["\(path)"]
                    event: "e{/a}"
                    rooms: [r]
                    args: ["{/a}", 1.50, {b: null}]
                  - {name: open, scheme: none, event: e, everyone: true}
                cloudEvents: {allowedOrigins: [a.example]}
                """
            try withFile(text) { config in
                let names = ["GATEWAY_CONFIG": config]
                let configuration = try Configuration(
                    try ServeOptions.parse([]), environment: Environment(variables: names))
                let printed = ConfigurationText(configuration).text
                #expect(!printed.contains("hunter"))
                #expect(printed.contains("    secrets: [(redacted)]\n"))
                #expect(printed.components(separatedBy: "secrets:").count == 2)
                #expect(printed.contains("args: [\"{/a}\",1.50,{\"b\":null}]"))
                #expect(!"\(configuration.hooks)".contains("hunter"))
                var dumped = ""
                dump(configuration.hooks, to: &dumped)
                #expect(!dumped.contains("hunter"))
                let hooks = try #require(printed.range(of: "hooks:\n")).lowerBound
                let again = try file(String(printed[hooks...]).replacing("(redacted)", with: "another"))
                #expect(again.hooks.map(\.hook.name) == ["h", "open"])
                #expect(try emit(again.hooks[0].hook, "{\"a\":1}") == emit(configuration.hooks[0].hook, "{\"a\":1}"))
                #expect(again.cloudEvents != nil)
                #expect(configuration.files.contains(path))
            }
        }
    }

    // MARK: Rates

    @Test("keeps its rate over a reload, if it is the same")
    func ring() throws {
        func ring(_ rate: String, _ previous: HookRing?) throws -> HookRing {
            let text = "hooks: [{name: h, scheme: none, event: e, rooms: r, rate: \(rate)}]"
            return HookRing(try hooks(text), nil, previous: previous)
        }
        let first = try ring("5/s", nil)
        let limit = try #require(first.table["h"]?.limit)
        #expect(try ring("5/s", first).table["h"]?.limit === limit)
        #expect(try ring("6/s", first).table["h"]?.limit !== limit)
        #expect(try ring("5/s", nil).table["h"]?.limit !== limit)
    }

    private func file(_ text: String) throws -> ConfigurationFile {
        try ConfigurationFile(path: "f.yaml", Array(text.utf8))
    }

    private func hooks(_ text: String) throws -> [HookEntry] { try file(text).hooks }

    private func fault(_ text: String) -> String? {
        do {
            _ = try file(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func emit(_ hook: Hook, _ body: String, space: String? = nil) throws -> Emit? {
        try emit(hook.mapping, body, space: space)
    }

    private func emit(_ mapping: EmitMapping, _ body: String, space: String? = nil) throws -> Emit? {
        let document = try JSONDocument(parsing: Array(body.utf8))
        var fields = HeaderFields()
        if let space { fields.add(other: "x-space", space) }
        switch try mapping.outcome(of: TemplateSource(body: document.root, fields: fields)) {
        case .emit(let emit): return emit
        case .ignored: return nil
        }
    }

    private func withFile(_ content: String, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "gateway-test-\(UUID().uuidString)")
        try Data(content.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }
}
