import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("Arguments")
struct ArgumentTests {
    @Test(
        "are written as JSON",
        arguments: [
            ([], ""),
            ([nil, true, false], "null,true,false"),
            ([0, -42, .int(.max), .int(.min)], "0,-42,9223372036854775807,-9223372036854775808"),
            ([0.1, -0.0, 1e21, 1e-7, 1.0], "0.1,-0.0,1e+21,1e-07,1.0"),
            (["", "a\"\\\n\u{0}é😀"], #""","a\"\\\n\u0000é😀""#),
            ([[], [1, ["two", nil]], [:]], #"[],[1,["two",null]],{}"#),
            ([["b": 1, "a": ["c": []], "é\"": 0.5]], #"{"b":1,"a":{"c":[]},"é\"":0.5}"#),
            ([.object([.init("b", 1), .init("a", "x")])], #"{"b":1,"a":"x"}"#),
            (["\(1 + 1) things"], #""2 things""#),
            (
                [.json(" {\"b\" : 0.10, \"a\":12345678901234567890123} \n")],
                #"{"b" : 0.10, "a":12345678901234567890123}"#
            ),
            ([["x": .json(Array("[1e5]".utf8))]], #"{"x":[1e5]}"#),
            // Without bytes around nothing stands for bytes.
            (
                [.json(#"{"$binary":"AQI="}"#), ["_placeholder": true, "num": 0]],
                #"{"$binary":"AQI="},{"_placeholder":true,"num":0}"#
            ),
        ] as [([Argument], String)])
    func written(arguments: [Argument], text: String) throws {
        let emit = try emit(arguments)
        #expect(emit.arguments.text == text)
        #expect(emit.attachments.isEmpty && !emit.isBinary)
    }

    @Test("are the same to a reader as they were to the writer")
    func meaning() throws {
        let argument: Argument = ["a": [1, -2.5, true, nil, "ü\n"], "b": ["c": .json("[[0.1]]")]]
        let text = try emit([argument]).arguments.text
        let expected = #"{"b":{"c":[[0.1]]},"a":[1,-2.5,true,null,"\u00fc\n"]}"#
        #expect(try Meaning(of: text.utf8) == Meaning(of: expected.utf8))
    }

    @Test("leave their bytes to attachments, numbered in the order of the text")
    func bytes() throws {
        let emit = try emit([
            .bytes([1, 2]), ["deep": [.bytes([]), 0.1], "marked": .json(#"{"$binary":"/w=="}"#, binary: true)],
            // Data, as this one was not said to be anything else.
            .json(#" {"$binary" : "AQI="} "#),
        ])
        let expected = [
            #"{"_placeholder":true,"num":0}"#,
            #"{"deep":[{"_placeholder":true,"num":1},0.1],"marked":{"_placeholder":true,"num":2}}"#,
            #"{"$binary":"AQI="}"#,
        ]
        #expect(emit.arguments.text == expected.joined(separator: ","))
        #expect(emit.attachments == ["AQI=", "", "/w=="])
        #expect(emit.isBinary)
    }

    @Test("with bytes are on the wire what a server made of them", arguments: [[0xFF], [], [0, 1, 2, 3]] as [[UInt8]])
    func wire(bytes: [UInt8]) throws {
        let body = try PythonSocketIO(hostID: "h").publications(for: emit([["f": .bytes(bytes)]]))[0].text
        let data = #""data":[[{"f":{"_placeholder":true,"num":0}}],"\#(Base64.encode(bytes))"],"binary":true"#
        #expect(body.contains(data))
    }

    @Test(
        "are refused, with their place, where JSON or the wire cannot carry them",
        arguments: [
            ([1, .double(.nan)], 1, "is not a finite number"),
            ([["a/b": [0, .double(-.infinity)]]], 0, "/a~1b/1: is not a finite number"),
            ([.json("{\"a\":1")], 0, "is not JSON: the text ends"),
            ([.json("")], 0, "is not JSON"),
            ([.json("hello")], 0, "is not JSON"),
            ([.json("1 2")], 0, "is not JSON: there is something behind the value"),
            ([.json("1],\"x\":[2")], 0, "is not JSON"),
            ([.json([0x22, 0xFF, 0x22])], 0, "is not JSON: the text is not valid UTF-8"),
            ([nil, [.json("nil")]], 1, "/0: is not JSON"),
            ([.json("{\"a\":1,\"\\u0061\":2}")], 0, "same key twice"),
            ([.object([.init("a", 1), .init("a", 1)])], 0, "/a: is there twice"),
            ([.bytes([1]), ["_placeholder": true]], 1, "/_placeholder: is Socket.IO's own sign"),
            ([["x": [["_placeholder": 0]]], .bytes([])], 0, "/x/0/_placeholder: is Socket.IO's own sign"),
            ([.bytes([1]), .json("[{\"_placeholder\":0}]")], 1, "/0/_placeholder: is Socket.IO's own sign"),
            ([.json("{\"$binary\":\"A\"}", binary: true)], 0, "/$binary: must be a string of base64"),
            (
                [.json("[{\"$binary\":\"\",\"x\":1}]", binary: true)], 0,
                "/0: an object with $binary has no other member"
            ),
        ] as [([Argument], Int, String)])
    func refused(arguments: [Argument], index: Int, detail: String) throws {
        let faults = try faults(arguments)
        #expect(faults.map(\.field) == [CommandField("arguments", index: index)])
        #expect(faults.first?.detail.contains(detail) == true, "\(faults)")
    }

    @Test("may be 64 levels deep, wherever the levels come from")
    func depth() throws {
        func nested(_ depth: Int, around inner: Argument) -> Argument {
            depth == 0 ? inner : [nested(depth - 1, around: inner)]
        }
        func json(_ depth: Int) -> Argument {
            .json(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        for deepest in [nested(64, around: 1), json(64), nested(32, around: json(32))] {
            #expect(throws: Never.self) { try emit([deepest]) }
        }
        for tooDeep in [nested(65, around: 1), nested(64, around: [:]), json(65), nested(33, around: json(32))] {
            let details = try faults([tooDeep]).map(\.detail)
            #expect(details.count == 1 && details[0].contains("more than 64 levels"))
        }
    }

    private func emit(_ arguments: [Argument]) throws -> Emit {
        var emit = Emit(event: "e")
        try emit.setArguments(arguments)
        return emit
    }

    private func faults(_ arguments: [Argument]) throws -> [CommandFault] {
        let error = #expect(throws: EmitError.self) { try emit(arguments) }
        guard case .invalid(let faults) = error else { return [] }
        return faults
    }
}

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648, section 10.
    @Test(
        "is that of the RFC",
        arguments: zip(
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"],
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]))
    func vectors(text: String, base64: String) {
        #expect(Base64.encode(Array(text.utf8)) == base64)
        #expect(Base64.isValid(base64))
    }

    @Test("has all of the alphabet")
    func alphabet() {
        let bytes: [UInt8] = stride(from: 0, to: 64, by: 4).flatMap { (n: Int) -> [UInt8] in
            let bits = n << 18 | (n + 1) << 12 | (n + 2) << 6 | (n + 3)
            return [UInt8(bits >> 16), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
        }
        #expect(Base64.encode(bytes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    }
}

extension JSONText {
    fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}
