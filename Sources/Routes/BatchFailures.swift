/// The failures among a batch's items, and the status of the whole that follows from them.
struct BatchFailures {
    private(set) var count = 0
    /// Those of them that may have been published.
    private(set) var unknown = 0
    private var first: Problem?
    private var firstItem = 0
    private var haveOneStatus = true
    private var haveOneCode = true
    private var isOutcomeUnknown: Bool { unknown > 0 }

    mutating func add(_ problem: Problem, item: Int) {
        count += 1
        if first == nil { firstItem = item }
        let first = first ?? problem
        self.first = first
        haveOneStatus = haveOneStatus && problem.code.status == first.code.status
        haveOneCode = haveOneCode && problem.code == first.code
        if problem.code.isOutcomeUnknown { unknown += 1 }
    }

    func remark(ofBatchOf items: Int, dryRuns: Int) -> BatchRemark {
        BatchRemark(items: items, failed: count, dryRuns: dryRuns, firstFault: first.map { (firstItem, Refusal($0)) })
    }

    /// - Parameters:
    ///   - dryRuns: items that were only looked at.
    ///   - body: with a result for each item, whatever the status is.
    func answer(toBatchOf items: Int, dryRuns: Int, _ body: [UInt8]) -> Response {
        var response = Response(status: status(of: items), contentType: "application/json", body: body)
        response.isWithoutEffect = count + dryRuns == items && !isOutcomeUnknown
        guard count == items, let first else { return response }
        if haveOneCode { response.code = first.code }
        // Such as after how long it may be tried again.
        if haveOneStatus, response.status == first.code.status { response.fields = first.fields }
        return response
    }

    /// 207 tells of both; with nothing but failures, a caller who looks at the status only must not take it for a success.
    private func status(of items: Int) -> Int {
        guard let first else { return 200 }
        if count < items { return 207 }
        if isOutcomeUnknown { return Problem.Code.confirmTimeout.status }
        return haveOneStatus ? first.code.status : Problem.Code.invalidRequest.status
    }
}
