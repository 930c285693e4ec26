// A rig for each test, as its state.
#pragma once

#include "tests/collector/decode/rig.h"

static inline int rig_setup(void **state)
{
    *state = rig_new(false);
    return 0;
}

static inline int rig_teardown(void **state)
{
    rig_free(*state);
    return 0;
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
