#pragma once
#include <sys/eventfd.h>
#include <sys/prctl.h>

// prctl is variadic, which Swift cannot call.
static inline void gateway_name_current_thread(const char *name) {
    prctl(PR_SET_NAME, name);
}

// EFD_… are enumerators of one type and eventfd takes another.
static inline int gateway_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

#include <stddef.h>

// memmem hides behind _GNU_SOURCE, too (see below).
extern void *memmem(const void *text, size_t text_size, const void *part, size_t part_size);
static inline const void *gateway_memmem(const void *text, size_t text_size, const void *part, size_t part_size) {
    return memmem(text, text_size, part, part_size);
}

#include <sys/syscall.h>
#include <unistd.h>

// sched_getaffinity hides behind _GNU_SOURCE, which a module cannot set for headers of another one.
static inline int gateway_available_cores(void) {
    unsigned long mask[128];
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int cores = 0;
    for (long i = 0; i < bytes / (long)sizeof mask[0]; i++) cores += __builtin_popcountl(mask[i]);
    return cores > 0 ? cores : 1;
}

// SCHED_BATCH hides there as well. Where system calls are filtered, one that is not expected may end the process: there,
// where it is refused, and where an operator has chosen another policy, the thread stays as it is.
static inline void gateway_schedule_current_thread_as_batch(void) {
    const int batch = 3, priority = 0;
    if (prctl(PR_GET_SECCOMP) == 0 && syscall(SYS_sched_getscheduler, 0) == 0)
        syscall(SYS_sched_setscheduler, 0, batch, &priority);
}

#include <malloc.h>

// The header is no part of Swift's Glibc module.
static inline void gateway_return_blocks_of(int bytes) {
    mallopt(M_MMAP_THRESHOLD, bytes);
    mallopt(M_TRIM_THRESHOLD, 2 * bytes);
}
