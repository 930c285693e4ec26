// What the server's answers mean to who waits for one: whether a request was done, whether it may
// be sent again, and whom it needs.
//
// Constant data; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum clickhouse_verdict {
    CLICKHOUSE_DONE,
    CLICKHOUSE_REFUSED, // the rows are at fault
    CLICKHOUSE_SETUP,   // the operator has to do something; nothing was done
    CLICKHOUSE_AWAY,    // the server was not reached; nothing was done
    CLICKHOUSE_UNKNOWN, // it failed, and may have been done all the same, in whole or in part
};

// The number of the exception that a body tells of, "Code: 60, ..."; 0 when it does not.
int clickhouse_answer_code(const char *body);

// Judges an answer by its HTTP status and the number of the exception, 0 when there is none.
enum clickhouse_verdict clickhouse_answer_judge(long status, int code);

// Whether it says that what was to be made is there.
bool clickhouse_answer_exists(int code);

// What the operator can do about it, or NULL.
const char *clickhouse_answer_advice(int code);
