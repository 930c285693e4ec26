#include "common/base/mute.h"

enum mute_answer mute_ask(struct mute *mute, int64_t now_ns, uint64_t *skipped)
{
    *skipped = 0;
    if (mute->lines == 0 || mute->interval_ns == 0)
        return MUTE_WRITE;
    if (mute->seen == 0 || now_ns - mute->begun_ns >= mute->interval_ns) {
        if (mute->seen > mute->lines)
            *skipped = mute->seen - mute->lines;
        mute->begun_ns = now_ns;
        mute->seen = 0;
    }
    mute->seen++;
    if (mute->seen <= mute->lines)
        return MUTE_WRITE;
    return mute->seen == mute->lines + 1 ? MUTE_BEGIN : MUTE_SILENT;
}
