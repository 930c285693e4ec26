// Mail arrives in order, once, and wakes who polls.
#include "collector/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#define SENDERS 4
#define LETTERS 1000

static bool readable(const struct mailbox *box)
{
    struct pollfd ready = {.fd = mailbox_fd(box), .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

static void mail_comes_in_order_and_once(void **state)
{
    (void)state;
    struct mailbox box;
    int payload[2];
    assert_int_equal(mailbox_init(&box), 0);
    assert_false(readable(&box));
    assert_null(mailbox_take(&box));
    assert_int_equal(mailbox_post(&box, MAIL_SNAPSHOT, &payload[0]), 0);
    assert_int_equal(mailbox_post(&box, MAIL_LEDGER, &payload[1]), 0);
    assert_true(readable(&box));
    struct mail *first = mailbox_take(&box);
    assert_false(readable(&box));
    assert_int_equal(first->kind, MAIL_SNAPSHOT);
    assert_ptr_equal(first->payload, &payload[0]);
    assert_ptr_equal(first->next->payload, &payload[1]);
    assert_null(first->next->next);
    assert_null(mailbox_take(&box));
    free(first->next);
    free(first);
    mailbox_fini(&box);
}

static void *send_letters(void *user)
{
    for (int i = 0; i < LETTERS; i++)
        mailbox_post(user, MAIL_LEDGER, NULL);
    return NULL;
}

static void mail_of_many_threads_all_arrives(void **state)
{
    (void)state;
    struct mailbox box;
    pthread_t senders[SENDERS];
    unsigned arrived = 0;
    assert_int_equal(mailbox_init(&box), 0);
    for (int i = 0; i < SENDERS; i++)
        pthread_create(&senders[i], NULL, send_letters, &box);
    while (arrived < SENDERS * LETTERS) {
        struct pollfd ready = {.fd = mailbox_fd(&box), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 10000), 1);
        struct mail *next;
        for (struct mail *mail = mailbox_take(&box); mail != NULL; mail = next) {
            next = mail->next;
            free(mail);
            arrived++;
        }
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    assert_null(mailbox_take(&box));
    mailbox_fini(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_comes_in_order_and_once),
        cmocka_unit_test(mail_of_many_threads_all_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
