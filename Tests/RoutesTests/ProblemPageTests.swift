import ServedDocuments
import Testing

@testable import Routes

@Suite("The page of problems")
struct ProblemPageTests {
    private static let text = String(
        decoding: UnsafeBufferPointer(start: problem_page.start, count: problem_page.size), as: UTF8.self)

    /// Of each heading, what stands below it.
    private static let sections: [(code: String, text: String)] = text.split(separator: "\n## ").dropFirst().map {
        let parts = $0.split(separator: "\n", maxSplits: 1)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    }

    @Test("has a heading for each code, once, and no other")
    func headings() {
        #expect(Self.sections.map(\.code).sorted() == Problem.Code.allCases.map(\.rawValue).sorted())
    }

    @Test("says of each what its document says, and what to do", arguments: Problem.Code.allCases)
    func facts(code: Problem.Code) throws {
        let section = try #require(Self.sections.first { $0.code == code.rawValue }?.text)
        let (again, delivered) = (code.isRetryable ? "yes" : "no", code.isOutcomeUnknown ? "perhaps" : "no")
        let facts = "\n\(code.status) · again: \(again) · delivered: \(delivered)\n\n"
        #expect(section.hasPrefix(facts), "\(code.rawValue)")
        #expect(section.utf8.count > facts.utf8.count + 40)
    }

    @Test("is served where a problem's type leads")
    func isServed() async {
        #expect(Problem.Code.tooDeep.type == "/problems#too_deep")
        let response = await router().request(.get, "/problems")
        #expect(response.status == 200 && response.text == "# Problems\n")
    }
}
