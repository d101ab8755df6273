internal import CJSONArena
internal import CJansson

/// The set-up that jansson needs once in a process, before its first use.
enum JSONLibrary {
    /// Seeds the hash function against crafted keys, and gives jansson memory by the block. Evaluated once, by whoever
    /// parses first: jansson's manual calls seeding on demand unsafe with several threads.
    static let isPrepared: Bool = {
        json_set_alloc_funcs(gateway_json_allocate, gateway_json_free)
        json_object_seed(0)
        return true
    }()
}
