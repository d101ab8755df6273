internal import CLinux

enum SystemMemory {
    /// Has large blocks given back to the system when they are freed. By itself glibc keeps blocks of up to 32 MiB, and
    /// twice as much at the top of its heap, once it has seen one of that size freed (mallopt(3), M_MMAP_THRESHOLD):
    /// after a few large answers of servers that is more than everything else takes.
    static func returnLargeBlocks() { gateway_return_blocks_of(1 << 20) }
}
