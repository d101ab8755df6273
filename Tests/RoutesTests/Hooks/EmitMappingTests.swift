import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("A mapping")
struct EmitMappingTests {
    private static let body =
        "{\"id\": 7, \"name\": \"Ada\", \"empty\": \"\", \"none\": null, \"list\": [1, 2.50], \"ok\": true}"

    private func map(_ mapping: EmitMapping, _ body: String = body) throws -> Emit? {
        let document = try JSONDocument(parsing: Array(body.utf8))
        let source = TemplateSource(body: document.root, fields: HeaderFields([("X-Kind", "push")]))
        return mapping.unmetCondition(of: source) == nil ? try mapping.emit(from: source) : nil
    }

    private func problem(_ mapping: EmitMapping, _ body: String = body) -> Problem? {
        do {
            _ = try map(mapping, body)
            return nil
        } catch {
            return error as? Problem
        }
    }

    @Test("says what becomes of a delivery")
    func maps() throws {
        let mapping = try EmitMapping(
            namespace: "/{header:X-Kind}", event: "{header:X-Kind}.{/name}", rooms: ["user:{/id}", "all"],
            except: ["not:{/id}"],
            args: [
                ArgumentTemplate(template: "{/list}"), ArgumentTemplate(template: "Hello {/name}"),
                ArgumentTemplate(json: " {\"a\": 1.0, \"b\": [null]} "), ArgumentTemplate(template: "{/none}"),
            ])
        let emit = try #require(try map(mapping))
        var expected = Emit(
            namespace: "/push", event: "push.Ada", rooms: ["user:7", "all"], except: ["not:7"])
        expected.arguments = JSONText("[1, 2.50],\"Hello Ada\",{\"a\": 1.0, \"b\": [null]},null")
        #expect(emit == expected)
    }

    @Test("passes on the whole body, unless it says otherwise")
    func defaultArguments() throws {
        #expect(try map(.simple())?.arguments.bytes.elementsEqual(Self.body.utf8) == true)
        #expect(try map(EmitMapping(event: "e", rooms: ["r"], args: []))?.arguments.isEmpty == true)
        #expect(try map(.simple())?.namespace == "/")
        #expect(try map(.simple())?.except == [])
    }

    @Test("reaches everyone only if it says so")
    func everyone() throws {
        #expect(try map(EmitMapping(event: "e", everyone: true))?.rooms == [])
        #expect(
            fault { _ = try EmitMapping(event: "e") } == "rooms: is required; for everyone say 'everyone: true'")
        #expect(fault { _ = try EmitMapping(event: "e", rooms: []) } == "rooms: is an empty list")
        #expect(
            fault { _ = try EmitMapping(event: "e", rooms: ["r"], everyone: true) }
                == "rooms: not together with 'everyone: true'")
        #expect(fault { _ = try EmitMapping(event: "e", rooms: [], everyone: true) } != nil)
        #expect(
            fault { _ = try EmitMapping(event: "e", everyone: true, reach: Reach(rooms: NameGlobs([Glob("a*")]))) }
                == "everyone: beyond what the hook may reach: everyone takes the glob '*'")
        #expect(
            fault { _ = try EmitMapping(event: "e", everyone: true, reach: Reach(events: NameGlobs([Glob("a*")]))) }
                == nil)
    }

    @Test("refuses a delivery that lacks something, and never falls back on everyone")
    func refuses() throws {
        for (template, detail) in [
            ("user:{/nobody}", "{/nobody} finds nothing"), ("{/none}", "{/none} is no string and no integer"),
            ("user:{/empty}", "would come out empty: {/empty}"), ("{/list}", "{/list} is no string and no integer"),
        ] {
            for (pointer, mapping) in [
                ("/rooms/1", try EmitMapping(event: "e", rooms: ["r", template])),
                ("/except/0", try EmitMapping(event: "e", everyone: true, except: [template])),
                ("/event", try EmitMapping(event: template, rooms: ["r"])),
                ("/namespace", try EmitMapping(namespace: template, event: "e", rooms: ["r"])),
            ] {
                let refusal = try #require(problem(mapping))
                #expect(refusal.code == .deliveryRefused)
                #expect(refusal.places == [.init(pointer, detail)])
            }
        }
        let arguments = try EmitMapping(
            event: "e", rooms: ["r"],
            args: [ArgumentTemplate(template: "{/id}"), ArgumentTemplate(template: "{/nobody}")])
        #expect(problem(arguments)?.places == [.init("/args/1", "{/nobody} finds nothing")])
    }

    @Test("tells everything that is wrong, and nothing of what was delivered")
    func tellsAll() throws {
        let mapping = try EmitMapping(
            namespace: "/{/a}", event: "{/b}", rooms: ["{/c}", "{/name}", "{/d}"], except: ["{/empty}"])
        let refusal = try #require(problem(mapping))
        #expect(refusal.places.map(\.pointer) == ["/namespace", "/event", "/rooms/0", "/rooms/2", "/except/0"])
        let text = refusal.response(requestID: "").text
        #expect(!text.contains("Ada") && !text.contains("2.50"))
        let many = try EmitMapping(event: "e", rooms: Array(repeating: "{/x}", count: 100))
        #expect(problem(many)?.places.count == 20)
    }

    @Test("refuses what would make no valid emit, before anything of it is published")
    func invalidNames() throws {
        let body = "{\"long\": \"\(String(repeating: "x", count: 256))\", \"event\": \"connect\", \"hash\": \"a#b\"}"
        for (pointer, mapping) in [
            ("/event", try EmitMapping(event: "{/event}", rooms: ["r"])),
            ("/rooms/1", try EmitMapping(event: "e", rooms: ["r", "{/long}"])),
            ("/except/0", try EmitMapping(event: "e", rooms: ["r"], except: ["{/long}"])),
            ("/namespace", try EmitMapping(namespace: "/{/hash}", event: "e", rooms: ["r"])),
            ("/namespace", try EmitMapping(namespace: "{/event}", event: "e", rooms: ["r"])),
        ] {
            let refusal = try #require(problem(mapping, body))
            #expect(refusal.code == .deliveryRefused)
            #expect(refusal.places.map(\.pointer) == [pointer])
        }
    }

    @Test("names nothing beyond its reach")
    func reach() throws {
        let reach = Reach(
            namespaces: NameGlobs([Glob("/"), Glob("/a*")]), rooms: NameGlobs([Glob("user:*")]),
            events: NameGlobs([Glob("e"), Glob("*.paid")]))
        func mapping(
            _ namespace: String = "/", _ event: String = "e", _ room: String = "user:1", _ except: [String] = []
        )
            throws -> EmitMapping
        {
            try EmitMapping(namespace: namespace, event: event, rooms: [room], except: except, reach: reach)
        }
        #expect(problem(try mapping()) == nil)
        #expect(problem(try mapping("/abc", "order.paid", "user:{/name}", ["user:x"])) == nil)
        #expect(problem(try mapping("/b"))?.places.map(\.pointer) == ["/namespace"])
        #expect(problem(try mapping("/", "{/name}"))?.places.map(\.pointer) == ["/event"])
        #expect(problem(try mapping("/", "e", "{/name}"))?.places.map(\.pointer) == ["/rooms/0"])
        #expect(problem(try mapping("/", "e", "user:1", ["{/name}"]))?.places.map(\.pointer) == ["/except/0"])
        let refused = try #require(problem(try mapping("/", "e", "{/name}")))
        #expect(refused.code == .deliveryRefused)
        // Its sender has no key, and nothing to choose from.
        #expect(refused.places.map(\.detail) == ["not among what the configuration allows"])
        #expect(!refused.response(requestID: "").text.contains("Ada"))
    }

    @Test("makes nothing of a delivery that does not meet all conditions")
    func conditions() throws {
        for (value, test, isMet) in [
            ("{/name}", .equals("Ada"), true), ("{/name}", .equals("ada"), false), ("{/name}", .equals(""), false),
            ("{/empty}", .equals(""), true), ("{/id}", .equals("7"), true), ("{/ok}", .equals("true"), true),
            ("{/list/1}", .equals("2.50"), true), ("{/list/1}", .equals("2.5"), false),
            ("{/none}", .equals("null"), false), ("{/none}", .matches("*"), false), ("{/nobody}", .equals(""), false),
            ("{/nobody}", .matches("*"), false), ("{/list}", .matches("*"), false),
            ("{header:X-Kind}", .equals("push"), true), ("{header:X-None}", .matches("*"), false),
            ("{/name}", .isOneOf(["Bob", "Ada"]), true), ("{/name}", .isOneOf(["Bob"]), false),
            ("{/name}", .matches("A*"), true), ("{/name}", .matches("*b*"), false),
            ("{/name}:{/id}", .equals("Ada:7"), true), ("constant", .equals("constant"), true),
        ] as [(String, HookCondition.Test, Bool)] {
            let condition = try HookCondition(value: value, test)
            let mapping = try EmitMapping(event: "e", rooms: ["r"], when: [condition])
            #expect((try map(mapping) != nil) == isMet, "\(value) \(test)")
            let always = try HookCondition(value: "{/id}", .equals("7"))
            let both = try EmitMapping(event: "e", rooms: ["r"], when: [always, condition])
            #expect((try map(both) != nil) == isMet)
        }
        // Not even what could not be mapped.
        let ignored = try EmitMapping(
            event: "e", rooms: ["{/nobody}"], when: [HookCondition(value: "{/nobody}", .matches("*"))])
        #expect(try map(ignored) == nil)
        #expect(fault { _ = try HookCondition(value: "x", .isOneOf([])) } == "when: an empty list is never met")
        #expect(fault { _ = try HookCondition(value: "{", .equals("")) }?.hasPrefix("when: '{' without '}'") == true)
    }

    @Test("is checked when it is configured, as far as it does not depend on deliveries")
    func constants() {
        let long = String(repeating: "x", count: 256)
        for (mapping, detail) in [
            ({ try EmitMapping(event: "", rooms: ["r"]) }, "event: an event needs a name"),
            ({ try EmitMapping(event: "connect", rooms: ["r"]) }, "event: 'connect' is reserved by Socket.IO"),
            (
                { try EmitMapping(namespace: "a", event: "e", rooms: ["r"]) },
                "namespace: a namespace begins with '/' and contains no '#'"
            ),
            ({ try EmitMapping(event: "e", rooms: ["r", ""]) }, "rooms[1]: an empty name"),
            ({ try EmitMapping(event: "e", rooms: [long]) }, "rooms[0]: longer than 255 bytes"),
            ({ try EmitMapping(event: "e", rooms: ["r"], except: [""]) }, "except[0]: an empty name"),
            (
                { try EmitMapping(event: "e", rooms: ["r", "{x}"]) },
                "rooms[1]: braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}, at byte 1"
            ),
            (
                { try EmitMapping(event: "{", rooms: ["r"]) },
                "event: '{' without '}'; a brace itself is '{{', at byte 1"
            ),
        ] as [(() throws -> EmitMapping, String)] {
            #expect(fault { _ = try mapping() } == detail)
        }
        #expect(fault { _ = try ArgumentTemplate(template: "}") }?.hasPrefix("args: '}' without") == true)
        #expect(fault { _ = try ArgumentTemplate(json: "{") }?.hasPrefix("args: is not JSON: ") == true)
        #expect(fault { _ = try ArgumentTemplate(json: "1 2") }?.hasPrefix("args: is not JSON: ") == true)
    }
}
