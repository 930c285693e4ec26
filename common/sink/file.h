// The file sink: frames and separators to stdout or a named file, FIFO or pipe.
//
// Each writer formats into a buffer of its own. A flush takes the sink's mutex once: it writes
// straight from that buffer while the reader keeps up, and what is not taken goes to the ring, so
// that a frame begun is finished before the next one, whichever thread made it.
//
//   ring full     the rest of the batch is dropped (output_blocked), or with `blocking` waited for
//   ENOSPC, EIO   frames wait in the ring and are tried again; once it is full they are dropped
//                 (output_failed), or with `patient` waited for. A frame that the write ended in is
//                 taken out of a regular file again
//   EPIPE         the sink is dead: all that waits and comes is output_failed
//
// What a process that was killed left of a frame at the end of a file is mended when it is opened
// (file_tail.h).
//
// Memory: the ring (options.buffer_bytes, at least FILE_FRAME_MAX) and FILE_FRAME_MAX for each
// writer, both touched only as far as they are used.
#pragma once

#include "common/flow/wire.h"
#include "common/sink/sink.h"

// Of a frame and its separator: the largest one that is read, and what enriching adds to it.
#define FILE_FRAME_MAX (WIRE_FRAME_MAX + (1u << 20))

extern const struct sink_ops SINK_FILE;
