#include "common/base/loss_page.h"

#include "common/base/buf.h"
#include "common/base/clock.h"

#include <string.h>

#define HEALTH_TEXT_MAX 4096

void loss_put_string(FILE *out, const char *text)
{
    char room[6 * LOSS_DETAIL_MAX * 4];
    struct buf line = buf_over(room, sizeof room);
    buf_escaped(&line, text, strlen(text));
    fputc('"', out);
    fwrite(room, 1, line.len, out);
    fputc('"', out);
}

static void put_ago(FILE *out, int64_t ns)
{
    static const struct {
        int64_t s;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    int64_t s = ns < 0 ? 0 : ns / CLOCK_NS_PER_S;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (s >= 2 * units[i].s) {
            fprintf(out, "%lld %s ago", (long long)(s / units[i].s), units[i].unit);
            return;
        }
    fprintf(out, "%lld s ago", (long long)s);
}

static void put_current(FILE *out, const struct loss_row *row, const struct loss *loss,
                        int64_t now_ns)
{
    fprintf(out, "  %s: ", row->label);
    if (row->counted)
        fprintf(out, "%llu %s since %s, last ", (unsigned long long)loss->count, row->title,
                loss_time(loss->begun_ns).text);
    else
        fprintf(out, "since %s, ", loss_time(loss->begun_ns).text);
    if (row->counted)
        put_ago(out, now_ns - loss->last_ns);
    fprintf(out, "%s%s\n", row->counted ? ": " : "", row->text);
    if (*loss->detail != '\0')
        fprintf(out, "      %s\n", loss->detail);
    fprintf(out, "      do: %s\n", row->advice);
}

static void put_past(FILE *out, const struct loss_row *row, const struct loss *loss, int64_t now_ns)
{
    fprintf(out, "  %s: ", row->label);
    if (row->counted)
        fprintf(out, "%llu %s, ", (unsigned long long)loss->total, row->title);
    fprintf(out, "first %s, last %s, ", loss_time(loss->first_ns).text,
            loss_time(loss->last_ns).text);
    put_ago(out, now_ns - loss->last_ns);
    fprintf(out, ": %s\n", row->text);
}

void loss_put_text(FILE *out, const struct loss losses[static LOSS_COUNT], int64_t now_ns)
{
    bool lost[2] = {false, false};
    for (int past = 0; past < 2; past++)
        for (int i = 0; i < LOSS_COUNT; i++) {
            struct loss_row row = loss_row((enum loss_kind)i);
            if (losses[i].first_ns == 0 || losses[i].current == (past != 0))
                continue;
            if (!lost[past])
                fputs(past != 0 ? "LOST BEFORE, since the start\n" : "LOST NOW\n", out);
            lost[past] = true;
            (past != 0 ? put_past : put_current)(out, &row, &losses[i], now_ns);
        }
    if (!lost[0])
        fprintf(out, "nothing is lost now%s\n", lost[1] ? "" : ", and nothing was since the start");
}

static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    loss_put_string(out, text);
}

static void put_time_member(FILE *out, const char *name, int64_t ns)
{
    fprintf(out, ",\"%s\":\"%s\"", name, loss_time(ns).text);
}

static void put_one(FILE *out, const struct loss_row *row, const struct loss *loss)
{
    static const char *const grades[] = {"noted", "degrades", "down"};
    fprintf(out, "{\"reason\":\"%s\",\"current\":%s,\"grade\":\"%s\"", row->label,
            loss->current ? "true" : "false", grades[row->grade]);
    put_member(out, "title", row->title);
    put_member(out, "why", row->text);
    put_member(out, "do", row->advice);
    if (*loss->detail != '\0')
        put_member(out, "detail", loss->detail);
    if (row->counted)
        fprintf(out, ",\"count\":%llu,\"total\":%llu", (unsigned long long)loss->count,
                (unsigned long long)loss->total);
    put_time_member(out, "since", loss->begun_ns);
    put_time_member(out, "first", loss->first_ns);
    put_time_member(out, "last", loss->last_ns);
    fputc('}', out);
}

void loss_put_json(FILE *out, const struct loss losses[static LOSS_COUNT])
{
    const char *between = "\n";
    fputc('[', out);
    for (int past = 0; past < 2; past++)
        for (int i = 0; i < LOSS_COUNT; i++) {
            struct loss_row row = loss_row((enum loss_kind)i);
            if (losses[i].first_ns == 0 || losses[i].current == (past != 0))
                continue;
            fputs(between, out);
            between = ",\n";
            put_one(out, &row, &losses[i]);
        }
    fputc(']', out);
}

void loss_metrics(struct metrics *m, const struct loss losses[static LOSS_COUNT])
{
    metrics_family(m, "goflow2plus_loss_current", METRICS_GAUGE,
                   "Whether it lasts or was seen within the last minute.");
    for (int i = 0; i < LOSS_COUNT; i++)
        metrics_add(m, losses[i].current, "reason", loss_row((enum loss_kind)i).label);
    metrics_family(m, "goflow2plus_loss_first_timestamp_seconds", METRICS_GAUGE,
                   "Unix time of the first loss, absent without one.");
    for (int i = 0; i < LOSS_COUNT; i++)
        if (losses[i].first_ns != 0)
            metrics_add(m, (double)losses[i].first_ns / 1e9, "reason",
                        loss_row((enum loss_kind)i).label);
    metrics_family(m, "goflow2plus_loss_last_timestamp_seconds", METRICS_GAUGE,
                   "Unix time of the latest loss, absent without one.");
    for (int i = 0; i < LOSS_COUNT; i++)
        if (losses[i].first_ns != 0)
            metrics_add(m, (double)losses[i].last_ns / 1e9, "reason",
                        loss_row((enum loss_kind)i).label);
}

// Those of that grade that last, as in "kernel_drops, spool_full".
static void name_current(struct buf *out, const struct loss losses[static LOSS_COUNT],
                         enum loss_grade grade)
{
    const char *between = "";
    for (int i = 0; i < LOSS_COUNT; i++) {
        struct loss_row row = loss_row((enum loss_kind)i);
        if (!losses[i].current || row.grade != grade)
            continue;
        buf_text(out, between);
        buf_text(out, row.label);
        between = ", ";
        if (*losses[i].detail != '\0')
            buf_printf(out, " (%s)", losses[i].detail);
    }
}

static bool has_current(const struct loss losses[static LOSS_COUNT], enum loss_grade grade)
{
    for (int i = 0; i < LOSS_COUNT; i++)
        if (losses[i].current && loss_row((enum loss_kind)i).grade == grade)
            return true;
    return false;
}

void loss_answer_health(const struct loss losses[static LOSS_COUNT], struct http_answer *answer)
{
    char room[HEALTH_TEXT_MAX];
    struct buf text = buf_over(room, sizeof room - 2);
    bool down = has_current(losses, LOSS_DOWN);
    if (!down && !has_current(losses, LOSS_DEGRADES)) {
        http_answer_text(answer, 200, "OK\n");
        return;
    }
    buf_text(&text, down ? "Not OK: " : "degraded: ");
    name_current(&text, losses, down ? LOSS_DOWN : LOSS_DEGRADES);
    buf_byte(&text, '\n');
    room[text.len] = '\0';
    http_answer_text(answer, down ? 503 : 200, room);
}
