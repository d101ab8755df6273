import CJSONArena
import Testing

@Suite("jansson's memory")
struct JSONArenaTests {
    @Test("Allocations are aligned, do not overlap, and keep what is written into them")
    func separate() {
        let sizes = [0, 1, 7, 16, 17, 100, 4_096, 70_000, 1 << 20]
        let pointers = sizes.map { gateway_json_allocate($0)! }
        for (index, size) in sizes.enumerated() {
            #expect(UInt(bitPattern: pointers[index]) % 16 == 0)
            pointers[index].initializeMemory(as: UInt8.self, repeating: UInt8(index), count: size)
        }
        for (index, size) in sizes.enumerated() {
            let bytes = UnsafeRawBufferPointer(start: pointers[index], count: size)
            #expect(bytes.allSatisfy { $0 == UInt8(index) })
            gateway_json_free(pointers[index])
        }
    }

    @Test("The block is used again from the front only when nothing in it is alive")
    func reuse() {
        let first = gateway_json_allocate(32)!
        let second = gateway_json_allocate(32)!
        gateway_json_free(first)
        let third = gateway_json_allocate(32)!
        #expect(third != first && third != second)
        gateway_json_free(second)
        gateway_json_free(third)
        let fourth = gateway_json_allocate(32)!
        #expect(fourth == first)
        gateway_json_free(fourth)
    }

    @Test("What was allocated since a mark is freed at once")
    func region() {
        let before = gateway_json_allocate(32)!
        let mark = gateway_json_mark()
        let inside = [gateway_json_allocate(32)!, gateway_json_allocate(32)!, gateway_json_allocate(32)!]
        gateway_json_free(inside[1])
        let region = gateway_json_since(mark)
        #expect(region.block != nil && region.count == 2)
        gateway_json_free_region(region)
        gateway_json_free(before)
        let again = gateway_json_allocate(32)!
        #expect(again == before, "nothing is alive")
        gateway_json_free(again)
    }

    @Test("A mark holds when the block has begun again behind it")
    func regionBehindBeginning() {
        gateway_json_free(gateway_json_allocate(32))
        let mark = gateway_json_mark()
        let first = gateway_json_allocate(32)!
        #expect(gateway_json_since(mark).count == 1)
        gateway_json_free_region(gateway_json_since(mark))
        let again = gateway_json_allocate(32)!
        #expect(again == first)
        gateway_json_free(again)
    }

    @Test("What did not fit has to be freed by itself")
    func regionOutside() {
        let mark = gateway_json_mark()
        let large = gateway_json_allocate(70_000)!
        #expect(gateway_json_since(mark).block == nil)
        gateway_json_free(large)
    }

    @Test("What is to last keeps no block from being used again")
    func lasting() {
        let first = gateway_json_allocate(32)!
        gateway_json_free(first)
        let mark = gateway_json_mark()
        gateway_json_set_lasting(true)
        let kept = gateway_json_allocate(32)!
        gateway_json_set_lasting(false)
        #expect(gateway_json_since(mark).block == nil)
        let again = gateway_json_allocate(32)!
        #expect(again == first && kept != first)
        gateway_json_free(again)
        gateway_json_free(kept)
    }

    @Test("A full block overflows into malloc and recovers")
    func overflow() {
        let many = (0..<2_000).map { _ in gateway_json_allocate(64)! }
        #expect(Set(many).count == many.count)
        for pointer in many.reversed() { gateway_json_free(pointer) }
        let again = gateway_json_allocate(64)!
        #expect(many.contains(again))
        gateway_json_free(again)
    }

    @Test("An impossible size is refused")
    func impossible() {
        #expect(gateway_json_allocate(Int.max) == nil)
        #expect(gateway_json_allocate(-1) == nil)
    }

    @Test("Memory may be freed on another thread")
    func foreign() async {
        for _ in 0..<200 {
            let address = await Task.detached { UInt(bitPattern: gateway_json_allocate(1_000)!) }.value
            await Task.detached { gateway_json_free(UnsafeMutableRawPointer(bitPattern: address)) }.value
        }
    }
}
