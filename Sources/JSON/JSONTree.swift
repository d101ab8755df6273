internal import CJSONArena
internal import CJansson
internal import Glibc

/// jansson's tree of a text, and the only place where jansson is given one. It is that of the outline (``JSONOutline``): a
/// string is empty in it, and a number zero, unless their values had to be read.
///
/// Owns the root: "The caller owns the returned reference" (jansson manual, json_loadb). Nobody else ever has one, and the memory of
/// the whole tree, which is ours, is given back at once: jansson need not walk through it. The tree of a known outline
/// is the outline's, and there for all texts that have it.
struct JSONTree: ~Copyable {
    private enum Owner {
        case this(memory: gateway_json_region)
        case known(KnownOutline)
    }

    let root: UnsafeMutablePointer<json_t>
    private let owner: Owner

    /// - Parameters:
    ///   - maximumDepth: how many arrays and objects may be open at once; `nil`: the caller has looked.
    ///   - allowsRepeatedKeys: whether an object may have a key twice. The tree then has the last value in the place of
    ///     the first: its members are not those of the text any more.
    ///   - outlines: those that came before, made for the same two.
    init(
        parsing text: borrowing ArraySlice<UInt8>, maximumDepth: Int?, allowsRepeatedKeys: Bool = false,
        known outlines: KnownOutlines? = nil
    ) throws(JSONError) {
        precondition(JSONLibrary.isPrepared)
        precondition(
            outlines == nil
                || outlines?.maximumDepth == maximumDepth && outlines?.allowsRepeatedKeys == allowsRepeatedKeys)
        var flags = Int(JSON_ALLOW_NUL | JSON_DECODE_ANY)
        if !allowsRepeatedKeys { flags |= Int(JSON_REJECT_DUPLICATES) }
        let result = text.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 1) { room in
                Self.parse(text, bytes, outline: JSONOutline(of: bytes, to: room), maximumDepth, flags, outlines)
            }
        }
        (root, owner) = try result.get()
    }

    /// - Parameter bytes: the text's.
    private static func parse(
        _ text: borrowing ArraySlice<UInt8>, _ bytes: UnsafeRawBufferPointer, outline: JSONOutline,
        _ maximumDepth: Int?,
        _ flags: Int, _ outlines: KnownOutlines?
    ) -> Result<(UnsafeMutablePointer<json_t>, Owner), JSONError> {
        var place: KnownOutlines.Place?
        if let outlines, outline.isBare {
            switch outlines.find(outline.bytes) {
            case .known(let known): return .success((known.root, .known(known)))
            case .seen(let seen): place = seen
            case .new: break
            }
        }
        // jansson recurses; a hostile depth is refused before it sees the text.
        if let maximumDepth, JSONScanner.openings(of: text) > maximumDepth, JSONScanner.depth(of: text) > maximumDepth {
            return .failure(
                JSONError(kind: .tooDeep, detail: "more than \(maximumDepth) levels of arrays and objects"))
        }
        if JSONError.hasRawNUL(bytes) { return .failure(JSONDiagnosis(copy text).wholeText ?? .rawNUL(in: copy text)) }
        var fault = json_error_t()
        let mark = gateway_json_mark()
        let root = load(outline.bytes, lasting: place != nil, flags, &fault)
        if let root, let place, let outlines {
            let known = outlines.keep(outline.bytes, root, at: place)
            return .success((known.root, .known(known)))
        }
        // The place of an error is that in the text.
        guard let root = root ?? (outline.isText ? nil : load(bytes, flags, &fault)) else {
            return .failure(JSONError(fault, of: copy text))
        }
        return .success((root, .this(memory: gateway_json_since(mark))))
    }

    private static func load(
        _ text: UnsafeRawBufferPointer, lasting: Bool, _ flags: Int, _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        gateway_json_set_lasting(lasting)
        defer { gateway_json_set_lasting(false) }
        return load(text, flags, &error)
    }

    private static func load(
        _ text: UnsafeRawBufferPointer, _ flags: Int, _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        // jansson wants a non-null pointer for the empty text, too.
        guard let start = text.baseAddress else { return json_loadb("", 0, flags, &error) }
        let characters = start.assumingMemoryBound(to: CChar.self)
        if let root = json_loadb(characters, text.count, flags, &error) { return root }
        guard json_error_code(&error) == json_error_numeric_overflow else { return nil }
        // An integer beyond 64 bits: as a double it can be checked, and it is passed on from the text, digit by digit.
        return json_loadb(characters, text.count, flags | Int(JSON_DECODE_INT_AS_REAL), &error)
    }

    deinit {
        guard case .this(let memory) = owner else { return }
        if memory.block == nil { json_decref(root) } else { gateway_json_free_region(memory) }
    }
}

extension JSONError {
    /// Whether there is a raw NUL, which is nowhere part of JSON. jansson's lexer (2.14, `stream_unget`) loses one that ends a
    /// number, `true`, `false` or `null`: the text would be taken for valid, and what is copied out of it would not be.
    fileprivate static func hasRawNUL(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let start = text.baseAddress else { return false }
        return memchr(start, 0, text.count) != nil
    }

    fileprivate static func rawNUL(in text: ArraySlice<UInt8>) -> JSONError {
        let place = JSONDiagnosis(text).place(of: text.firstIndex(of: 0) ?? text.startIndex)
        return JSONError(kind: .invalid, detail: "a raw NUL byte at \(place)")
    }

    /// jansson's error as ours. Its text can quote the input, which belongs in no log: only the place is kept.
    fileprivate init(_ error: json_error_t, of text: ArraySlice<UInt8>) {
        let diagnosis = JSONDiagnosis(text)
        if let fault = diagnosis.wholeText {
            self = fault
            return
        }
        var copy = error
        let place = "line \(error.line), column \(error.column)"
        switch json_error_code(&copy) {
        case json_error_duplicate_key:
            self.init(kind: .duplicateKey, detail: "an object has the same key twice, at \(place)")
        case json_error_null_byte_in_key:
            self.init(kind: .invalid, detail: "an object key contains NUL, at \(place)")
        case json_error_numeric_overflow:
            self.init(kind: .invalid, detail: "a number is too large for a double, at \(place)")
        case json_error_invalid_utf8:
            self = diagnosis.notUTF8
        case json_error_stack_overflow:
            self.init(kind: .tooDeep, detail: "too many levels of arrays and objects")
        case json_error_premature_end_of_input:
            self.init(kind: .invalid, detail: "the text ends inside a value, at \(place)")
        case json_error_end_of_input_expected:
            self.init(kind: .trailing, detail: "there is something behind the value, at \(place)")
        // What its lexer says of escapes and control bytes in strings (jansson 2.14, load.c, lex_scan_string).
        case _ where error.says("invalid Unicode '"):
            self = diagnosis.halfOfPair ?? JSONError(kind: .invalid, detail: "a syntax error at \(place)")
        case _ where error.says("control character ") || error.says("unexpected newline"):
            self.init(
                kind: .invalid,
                detail: "a control character in a string, at \(place): write it as an escape, such as \\n")
        default:
            let hint = diagnosis.lacksQuotes ? ": JSON takes double quotes; has a shell taken them away?" : ""
            self.init(kind: .invalid, detail: "a syntax error at \(place)\(hint)")
        }
    }
}

extension json_error_t {
    /// Whether the text begins so.
    fileprivate func says(_ beginning: String) -> Bool {
        withUnsafeBytes(of: text) { $0.starts(with: beginning.utf8) }
    }
}
