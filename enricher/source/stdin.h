// Frames from a pipe or file, usually standard input.
//
// Read in large pieces and handed out whole frames at a time. Newlines between the frames (a
// collector without -transport.file.sep=) are recognised at the second frame and warned of once.
// What is no frame is left out, up to where some in a row begin again, and said to the byte: a
// process that was killed may have left it. The input has failed at its end then. It ends at once
// when its first frame is none, or when nothing like one comes for 8 MiB.
#pragma once

#include "enricher/source/source.h"

// Reads from that descriptor, which stays the caller's. NULL only without memory.
struct source *stdin_open(int fd);
