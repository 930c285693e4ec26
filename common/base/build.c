#include "common/base/build.h"

const char *build_version(void)
{
    return BUILD_VERSION;
}
