// What build of the product this is.
#pragma once

const char *build_version(void);
