import JSON
import Testing

@Suite("The writer")
struct JSONWriterTests {
    private func written(_ write: (inout JSONWriter) -> Void) -> String {
        String(decoding: JSONWriter.bytes(write), as: UTF8.self)
    }

    @Test("puts commas between members and elements, and nowhere else")
    func separates() {
        let json = written { json in
            json.object { json in
                json.member("a", 1)
                json.object("b") { json in
                    json.list("c") { list in
                        list.element("x")
                        list.list { $0.element(2) }
                        list.object { $0.member("d", true) }
                        list.element { $0.null() }
                    }
                    json.member("e", plain: "{")
                    json.member("f", "[")
                }
                json.member("g") { $0.boolean(false) }
                json.member(named: "h\"", ":")
                json.member(named: "i") { $0.string(plain: ",") }
            }
        }
        #expect(
            json == #"{"a":1,"b":{"c":["x",[2],{"d":true},null],"e":"{","f":"["},"g":false,"h\"":":","i":","}"#)
    }

    @Test("writes empty objects and lists, also beside others")
    func writesEmpty() {
        #expect(written { $0.object { _ in } } == "{}")
        #expect(written { $0.list { _ in } } == "[]")
        let json = written { json in
            json.object { json in
                json.object("a") { _ in }
                json.list("b") { _ in }
                json.list("c") { list in
                    list.object { _ in }
                    list.list { _ in }
                    list.element([String]())
                }
                json.member("d", [[Int]]())
            }
        }
        #expect(json == #"{"a":{},"b":[],"c":[{},[],[]],"d":[]}"#)
    }

    @Test(
        "writes integers",
        arguments: [
            (0, "0"), (9, "9"), (10, "10"), (-1, "-1"), (1_000, "1000"), (.max, "9223372036854775807"),
            (.min, "-9223372036854775808"),
        ])
    func writesIntegers(number: Int, text: String) {
        #expect(written { $0.integer(number) } == text)
        #expect(written { json in json.object { $0.member("n", number) } } == "{\"n\":\(text)}")
    }

    @Test("writes values alone")
    func writesValues() {
        #expect(written { $0.string("a\n") } == #""a\n""#)
        #expect(written { $0.string(plain: "a") } == #""a""#)
        #expect(written { $0.string(plain: "") } == #""""#)
        #expect(written { $0.boolean(true) } == "true")
        #expect(written { $0.null() } == "null")
        #expect(written { $0.verbatim(JSONText(verbatim: Array("0.10".utf8)[1...])) } == ".10")
        #expect(written { json in json.verbatim { $0.append(0x31) } } == "1")
    }

    @Test("writes null for nil, or leaves the member out")
    func writesNil() {
        let (none, some): (Int?, Int?) = (nil, 3)
        let json = written { json in
            json.object { json in
                json.member("left out", ifPresent: none)
                json.member("a", none)
                json.member("b", ifPresent: some)
                json.member("also left out", ifPresent: none)
                json.member("c", some)
                json.member("d", ["x", nil])
            }
        }
        #expect(json == #"{"a":null,"b":3,"c":3,"d":["x",null]}"#)
    }

    @Test("writes what is JSON already, with commas around it, and nothing for nothing")
    func writesVerbatim() {
        let members = JSONText.members { json in
            json.member("a", 1)
            json.member("b", 2)
        }
        let elements = JSONText.elements { list in
            list.element(1)
            list.element("]")
        }
        #expect(String(decoding: members.bytes, as: UTF8.self) == #""a":1,"b":2"#)
        #expect(String(decoding: elements.bytes, as: UTF8.self) == #"1,"]""#)
        let json = written { json in
            json.object { json in
                json.members(verbatim: .empty)
                json.members(verbatim: members)
                json.members(verbatim: .empty)
                json.list("c") { list in
                    list.elements(verbatim: .empty)
                    list.elements(verbatim: elements)
                    list.elements(verbatim: .empty)
                    list.elements(verbatim: elements)
                }
                json.members(verbatim: members)
                json.list("d") { $0.elements(verbatim: .empty) }
                json.member("e", JSONText { $0.integer(5) })
            }
        }
        #expect(json == #"{"a":1,"b":2,"c":[1,"]",1,"]"],"a":1,"b":2,"d":[],"e":5}"#)
        #expect(JSONText.members { _ in }.isEmpty)
        #expect(JSONText.elements { _ in }.isEmpty)
    }

    @Test("gathers elements that are not written in one go")
    func gathersElements() {
        var list = JSONListWriter(capacity: 4)
        #expect(list.elements.isEmpty)
        list.object { $0.member("a", 1) }
        list.element(2)
        #expect(String(decoding: list.elements.bytes, as: UTF8.self) == #"{"a":1},2"#)
    }

    @Test("lets errors through as they are")
    func letsErrorsThrough() {
        struct Refused: Error {}
        #expect(throws: Refused.self) {
            _ = try JSONWriter.bytes { (json) throws(Refused) in
                try json.object { (json) throws(Refused) in
                    try json.list("a") { (list) throws(Refused) in
                        try list.element { (_) throws(Refused) in throw Refused() }
                    }
                }
            }
        }
    }

    @Test("writes what a strict reader takes, whatever it is made of")
    func writesJSON() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var (count, bytes) = (0, [UInt8]())
            bytes = JSONWriter.bytes { Self.write(anythingTo: &$0, depth: 0, count: &count, &generator) }
            #expect(throws: Never.self) { try parse(bytes) }
        }
    }

    private static func write(
        anythingTo json: inout JSONWriter, depth: Int, count: inout Int, _ generator: inout some RandomNumberGenerator
    ) {
        switch Int.random(in: depth > 5 ? 2...8 : 0...8, using: &generator) {
        case 0:
            json.object { json in
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    count += 1
                    json.member(named: "\"\(count)") {
                        write(anythingTo: &$0, depth: depth + 1, count: &count, &generator)
                    }
                }
            }
        case 1:
            json.list { list in
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    list.element { write(anythingTo: &$0, depth: depth + 1, count: &count, &generator) }
                }
            }
        case 2: json.string(["", "{", "[", ":", ",", "\\", "\""].randomElement(using: &generator)!)
        case 3: json.integer(.random(in: (.min)...(.max), using: &generator))
        case 4: json.string(plain: "[")
        case 5: json.boolean(.random(using: &generator))
        case 6: json.verbatim(JSONText { $0.list { _ in } })
        case 7: json.object { $0.members(verbatim: .empty) }
        default: json.null()
        }
    }
}

#if DEBUG
    /// A member in a list, an element in an object, and writing to the outer one while an inner one is open do not compile.
    @Suite("The writer's misuse")
    struct JSONWriterMisuseTests {
        @Test("two values at one place end the program")
        func twoValues() async {
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in
                    json.null()
                    json.null()
                }
            }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in
                    json.object { json in
                        json.member("a") { json in
                            json.integer(1)
                            json.string("b")
                        }
                    }
                }
            }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in
                    json.list { list in
                        list.element { json in
                            json.object { _ in }
                            json.list { _ in }
                        }
                    }
                }
            }
        }

        @Test("no value ends the program")
        func noValue() async {
            await #expect(processExitsWith: .failure) { _ = JSONWriter.bytes { _ in } }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in json.object { $0.member("a") { _ in } } }
            }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in json.object { $0.member(named: "a") { _ in } } }
            }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in
                    json.list { list in
                        list.element(1)
                        list.element { _ in }
                    }
                }
            }
            await #expect(processExitsWith: .failure) {
                _ = JSONWriter.bytes { json in json.object { $0.member("a", JSONText.empty) } }
            }
        }
    }
#endif
