// What a process that was killed leaves at the end of its file: the beginning of a flow. Whatever
// is appended behind it cannot be read, of frames that begin with their length all of it.
#pragma once

#include "common/sink/outlet.h"

enum file_tail {
    FILE_TAIL_WHOLE,     // it ends with a frame, or is empty
    FILE_TAIL_CUT,       // it ended inside a frame, which was taken out
    FILE_TAIL_SEPARATED, // it did not end with the separator, which stands there now
    FILE_TAIL_UNKNOWN,   // what stands there is no frames
    FILE_TAIL_BUSY,      // another process writes to it
};

// Looks at a regular file that is appended to, anything else is whole, and mends its end. A frame
// that begins with its length (`framed`) is cut off, for which at most the last 64 MiB are read;
// any other, which may not be ours, is ended by the separator. *cut is how many bytes were taken
// out. From then on the file is held (outlet.h): another process that opens it mends nothing.
enum file_tail file_tail_mend(const struct outlet *outlet, const char *separator, bool framed,
                              size_t *cut);
