// The bytes of a file, decompressed as they are read when its first ones say gzip (RFC 1952, also
// several members) or Zstandard (RFC 8878, also several frames); else as they are.
//
// Memory does not depend on what the file says: 256 KB and what the decompressor needs, of
// Zstandard a window of at most 128 MB (what `zstd -d` takes without being asked). One thread.
#pragma once

#include <stddef.h>
#include <sys/types.h>

// As read(2).
typedef ssize_t unpack_read(void *user, void *out, size_t size);

struct unpack;

// NULL: out of memory. `read` is not called yet.
struct unpack *unpack_new(unpack_read *read, void *user);
void unpack_free(struct unpack *unpack);

// The next bytes, `size` at most: their count; 0 at the end; -1 when the file cannot be read on,
// and then unpack_error says why. Bytes in front of what is damaged come out first.
ssize_t unpack_take(struct unpack *unpack, void *out, size_t size);

// What was wrong, NULL when nothing was.
const char *unpack_error(const struct unpack *unpack);
