#include "common/sink/clickhouse/answer.h"

#include <stdlib.h>
#include <string.h>

#define MIGRATE "make the tables: enricher -clickhouse.migrate with the same flags"
#define LOG_IN  "see -clickhouse.user and -clickhouse.password"
#define ALLOW   "GRANT the user INSERT and SELECT on the table"
#define ENGINE  "the engine is older than the table: see docs/clickhouse.md"

// The server's numbers, src/Common/ErrorCodes.cpp. What is not here, such as memory, time or parts,
// comes to an end by itself: the insert is tried again.
static const struct {
    int code;
    enum clickhouse_verdict verdict;
    const char *advice;
} CODES[] = {
    {6, CLICKHOUSE_REFUSED, NULL},   // cannot parse text
    {16, CLICKHOUSE_SETUP, MIGRATE}, // no such column
    {27, CLICKHOUSE_REFUSED, NULL},  // cannot parse input
    {33, CLICKHOUSE_REFUSED, NULL},  // cannot read all data
    {36, CLICKHOUSE_REFUSED, NULL},  // bad arguments of a function in a view
    {47, CLICKHOUSE_SETUP, MIGRATE}, // unknown identifier
    {53, CLICKHOUSE_REFUSED, NULL},  // type mismatch
    {60, CLICKHOUSE_SETUP, MIGRATE}, // unknown table
    {69, CLICKHOUSE_REFUSED, NULL},  // argument out of bound
    {70, CLICKHOUSE_REFUSED, NULL},  // cannot convert type
    {81, CLICKHOUSE_SETUP, MIGRATE}, // unknown database
    {115, CLICKHOUSE_SETUP, ENGINE}, // unknown setting
    {117, CLICKHOUSE_REFUSED, NULL}, // incorrect data
    {128, CLICKHOUSE_REFUSED, NULL}, // too large array size
    {131, CLICKHOUSE_REFUSED, NULL}, // too large string size
    {153, CLICKHOUSE_REFUSED, NULL}, // illegal division
    {164, CLICKHOUSE_SETUP, ALLOW},  // read-only
    {192, CLICKHOUSE_SETUP, LOG_IN}, // unknown user
    {193, CLICKHOUSE_SETUP, LOG_IN}, // wrong password
    {194, CLICKHOUSE_SETUP, LOG_IN}, // required password
    {291, CLICKHOUSE_SETUP, ALLOW},  // database access denied
    {321, CLICKHOUSE_REFUSED, NULL}, // value is out of range of data type
    {349, CLICKHOUSE_REFUSED, NULL}, // cannot insert NULL
    {395, CLICKHOUSE_REFUSED, NULL}, // throwIf
    {407, CLICKHOUSE_REFUSED, NULL}, // decimal overflow
    {441, CLICKHOUSE_REFUSED, NULL}, // cannot parse domain value
    {452, CLICKHOUSE_SETUP, ALLOW},  // setting constraint violation
    {469, CLICKHOUSE_REFUSED, NULL}, // violated constraint
    {497, CLICKHOUSE_SETUP, ALLOW},  // access denied
    {516, CLICKHOUSE_SETUP, LOG_IN}, // authentication failed
    {691, CLICKHOUSE_REFUSED, NULL}, // unknown element of enum
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

int clickhouse_answer_code(const char *body)
{
    return strncmp(body, "Code: ", 6) == 0 ? (int)strtol(body + 6, NULL, 10) : 0;
}

enum clickhouse_verdict clickhouse_answer_judge(long status, int code)
{
    if (status == 200 && code == 0)
        return CLICKHOUSE_DONE;
    for (size_t i = 0; i < COUNT(CODES); i++)
        if (CODES[i].code == code)
            return CODES[i].verdict;
    // Not the database but who stands before it.
    if (code == 0 && (status == 401 || status == 403 || status == 404))
        return CLICKHOUSE_SETUP;
    return CLICKHOUSE_UNKNOWN;
}

// A column is there: 15 in new engines, 44 in old ones.
bool clickhouse_answer_exists(int code)
{
    return code == 15 || code == 44 || code == 57 /* table */ || code == 82 /* database */;
}

const char *clickhouse_answer_advice(int code)
{
    for (size_t i = 0; i < COUNT(CODES); i++)
        if (CODES[i].code == code)
            return CODES[i].advice;
    return NULL;
}
