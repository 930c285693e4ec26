// A trail names what the datagram asked for, and may outlive it.
#include "collector/decode/trail.h"
#include "tests/collector/decode/rig_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const uint16_t ADDRESS_BYTES[][2] = {{8, 4}, {1, 4}, {0, 0}};

static void keep_exporter(void *user, const struct exporter *exporter)
{
    *(const struct exporter **)user = exporter;
}

static bool keep_template(void *user, const struct domain_key *key, const struct template *template)
{
    (void)key;
    *(const struct template **)user = template;
    return true;
}

static void send_v9(struct rig *rig)
{
    static struct message m;
    message_v9(&m);
    message_open(&m, 0);
    message_template(&m, 256, ADDRESS_BYTES);
    message_close(&m);
    message_open(&m, 256);
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 1500, 4);
    message_close(&m);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
}

static void it_leads_to_what_was_asked_for(void **state)
{
    struct rig *rig = *state;
    const struct trail *trail = decoder_trail(rig->decoder);
    const struct exporter *exporter = NULL;
    const struct template *template = NULL;
    send_v9(rig);
    decoder_exporters(rig->decoder, keep_exporter, &exporter);
    decoder_templates(rig->decoder, keep_template, &template);
    assert_non_null(exporter);
    assert_non_null(template);
    assert_int_equal(trail->at[TRAIL_EXPORTER], (uintptr_t)exporter);
    assert_int_equal(trail->at[TRAIL_TEMPLATE], (uintptr_t) template);
    assert_int_equal(trail->at[TRAIL_TEMPLATE_LIFE], (uintptr_t) template->life);
    assert_int_equal(trail->at[TRAIL_PLAN], (uintptr_t) template->plan);
    assert_int_equal(trail->at[TRAIL_SAMPLING], 0); // nothing was said of it
    const struct table_slot *slot = (const struct table_slot *)trail->at[TRAIL_EXPORTER_SLOT];
    assert_ptr_equal(slot->entry, exporter);
    slot = (const struct table_slot *)trail->at[TRAIL_DOMAIN_SLOT];
    assert_int_equal(trail->at[TRAIL_DOMAIN], (uintptr_t)slot->entry);
    const struct template *const *slots = (const void *)trail->at[TRAIL_TEMPLATE_SLOTS];
    unsigned found = 0;
    for (unsigned i = 0; i < 8; i++)
        found += slots[i] == template;
    assert_int_equal(found, 1);
}

// Version 5 has no templates: what the datagram before needed is no part of its trail.
static void it_begins_anew_with_each_datagram(void **state)
{
    static const uint8_t v5[24] = {0, 5};
    struct rig *rig = *state;
    const struct trail *trail = decoder_trail(rig->decoder);
    send_v9(rig);
    uintptr_t before = trail->at[TRAIL_EXPORTER];
    rig_send(rig, 2055, v5, sizeof v5);
    assert_int_not_equal(trail->at[TRAIL_EXPORTER], 0);
    assert_int_not_equal(trail->at[TRAIL_EXPORTER], before);
    for (int step = TRAIL_DOMAIN_SLOT; step < TRAIL_STEPS; step++)
        assert_int_equal(trail->at[step], 0);
}

// The address sanitizer has its eye on this.
static void what_it_leads_to_may_be_gone(void **state)
{
    struct rig *rig = rig_new(false);
    send_v9(rig);
    struct trail trail = *decoder_trail(rig->decoder);
    rig_free(rig);
    trail_fetch(&trail);
    for (int step = 0; step < TRAIL_STEPS; step++)
        trail.at[step] = UINTPTR_MAX - 4096; // where nothing can be
    trail_fetch(&trail);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(it_leads_to_what_was_asked_for),
        RIG_TEST(it_begins_anew_with_each_datagram),
        cmocka_unit_test(what_it_leads_to_may_be_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
