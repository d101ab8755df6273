import Testing
import YAML

@testable import Routes

/// What the document says, beside what is compiled: where both are data. That both *do* the same is for the end-to-end tests.
@Suite("openapi.yaml")
struct OpenAPITests {
    private static let routes = router().routes

    @Test("has every route, and no other")
    func routes() throws {
        let served = Self.routes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(try OpenAPIDocument.operations().keys.sorted() == served.sorted())
    }

    @Test("names the scope of each route that takes one")
    func scopes() throws {
        let documented = try OpenAPIDocument.operations().compactMapValues { $0["x-scope"]?.text }
        let needed = Self.routes.compactMap { route in
            route.scope.map { ("\(route.method.rawValue) \(route.path)", $0.rawValue) }
        }
        #expect(documented == Dictionary(uniqueKeysWithValues: needed))
    }

    @Test("says which routes under /v1 take no key")
    func security() throws {
        let open = try OpenAPIDocument.operations().filter {
            $0.key.contains(" /v1/") && $0.value["security"]?.items?.isEmpty == true
        }
        let served = Self.routes.filter { $0.path.hasPrefix("/v1/") && $0.isPublic }
        #expect(open.keys.sorted() == served.map { "\($0.method.rawValue) \($0.path)" }.sorted())
    }

    @Test("has every code of a problem, and its status in the table")
    func codes() throws {
        let schema = try OpenAPIDocument.schema("ProblemCode")
        #expect(
            try #require(schema["enum"]?.items).compactMap(\.text).sorted()
                == Problem.Code.allCases.map(\.rawValue).sorted())
        let rows = try #require(schema["description"]?.text).matches(of: /(?m)^\| `(\w+)` \| (\d+) \|/).map {
            "\($0.1) \($0.2)"
        }
        #expect(rows.sorted() == Problem.Code.allCases.map { "\($0.rawValue) \($0.status)" }.sorted())
    }

    @Test("has examples of problems as they are answered")
    func examples() throws {
        let examples = try OpenAPIDocument.problems()
        #expect(examples.count > 30)
        for example in examples {
            let name = try #require(example["code"]?.text)
            let code = try #require(Problem.Code(rawValue: name), "\(name), line \(example.line)")
            let said = [example["title"], example["status"], example["retryable"], example["type"]].map { $0?.text }
            #expect(said == [code.title, "\(code.status)", "\(code.isRetryable)", code.type], "line \(example.line)")
        }
    }

    @Test("has the fields of an emit, and of an item of a batch those that may stand there")
    func fields() throws {
        let emit = try #require(try OpenAPIDocument.schema("Emit")["properties"]?.members).map(\.key)
        #expect(emit.sorted() == EmitDecoder.fields.sorted())
        let item = try #require(try OpenAPIDocument.schema("BatchItem")["properties"]?.members).map(\.key)
        #expect(Set(item) == Set(EmitDecoder.fields).subtracting(["ack"]).union(["op"]))
    }
}
