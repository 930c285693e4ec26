// Frames from a pipe or file, usually standard input.
//
// Read in large pieces and handed out whole frames at a time. Newlines between the frames (a
// collector without -transport.file.sep=) are recognised at the second frame and warned of once.
// What is no frame, or ends inside one, ends the input.
#pragma once

#include "enricher/source/source.h"

// Reads from that descriptor, which stays the caller's. NULL only without memory.
struct source *stdin_open(int fd);
