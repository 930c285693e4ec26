#include "common/sink/clickhouse/http.h"

#include "common/base/buf.h"
#include "common/base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX      8192
#define ANSWER_MAX   (64u << 20)
#define PASSWORD_MAX 512
#define CONNECT_MS   5000L

struct clickhouse_http {
    struct clickhouse_access access;
    const atomic_bool *abandon;
    CURL *curl;
    char password[PASSWORD_MAX];
    char curl_error[CURL_ERROR_SIZE];
    char url[URL_MAX];
    int code; // of the exception, by its header
    uint8_t *body;
    size_t len;
    size_t cap;
};

static bool grow(struct clickhouse_http *http, size_t len)
{
    if (http->cap - http->len > len)
        return true;
    size_t cap = 2 * (http->len + len) + 4096;
    uint8_t *grown = cap > ANSWER_MAX ? NULL : realloc(http->body, cap);
    if (grown == NULL)
        return false;
    http->body = grown;
    http->cap = cap;
    return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    struct clickhouse_http *http = user;
    size_t len = size * count;
    if (!grow(http, len))
        return 0;
    memcpy(http->body + http->len, data, len);
    http->len += len;
    http->body[http->len] = '\0';
    return len;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    static const char name[] = "X-ClickHouse-Exception-Code:";
    struct clickhouse_http *http = user;
    char text[16] = "";
    size_t len = size * count;
    if (len > sizeof name && strncasecmp(data, name, sizeof name - 1) == 0) {
        size_t rest = len - (sizeof name - 1);
        memcpy(text, data + sizeof name - 1, rest < sizeof text ? rest : sizeof text - 1);
        http->code = (int)strtol(text, NULL, 10);
    }
    return len;
}

static int look_up(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct clickhouse_http *http = user;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return http->abandon != NULL && atomic_load_explicit(http->abandon, memory_order_relaxed);
}

static void set_tls(CURL *curl, const struct clickhouse_access *access)
{
    if (*access->tls_ca != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, access->tls_ca);
    if (*access->tls_cert != '\0')
        curl_easy_setopt(curl, CURLOPT_SSLCERT, access->tls_cert);
    if (*access->tls_key != '\0')
        curl_easy_setopt(curl, CURLOPT_SSLKEY, access->tls_key);
    if (access->tls_insecure) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_up(struct clickhouse_http *http)
{
    CURL *curl = http->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->curl_error);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    set_tls(curl, &http->access);
}

struct clickhouse_http *clickhouse_http_new(const struct clickhouse_access *access,
                                            const atomic_bool *abandon)
{
    struct clickhouse_http *http = calloc(1, sizeof *http);
    if (http != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        http->curl = curl_easy_init();
    if (http == NULL || http->curl == NULL || !grow(http, 0)) {
        log_error("cannot open the output", "error", "no HTTP client");
        clickhouse_http_free(http);
        return NULL;
    }
    http->access = *access;
    http->abandon = abandon;
    set_up(http);
    return http;
}

void clickhouse_http_free(struct clickhouse_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    free(http->body);
    explicit_bzero(http->password, sizeof http->password);
    free(http);
}

int clickhouse_http_password(struct clickhouse_http *http, struct fault *fault)
{
    const char *path = http->access.password_file;
    snprintf(http->password, sizeof http->password, "%s", http->access.password);
    if (*path == '\0')
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fault_set(fault, "-clickhouse.password.file: %s: %s", path, strerror(errno));
    char *line = fgets(http->password, sizeof http->password, file);
    fclose(file);
    if (line == NULL)
        return fault_set(fault, "-clickhouse.password.file: %s: got nothing, wanted a line", path);
    line[strcspn(line, "\r\n")] = '\0';
    return 0;
}

const char *clickhouse_http_secret(const struct clickhouse_http *http)
{
    return http->password;
}

// URL, "/?", settings and query.
static int make_url(struct clickhouse_http *http, const struct clickhouse_request *request)
{
    struct buf out = buf_over(http->url, sizeof http->url - 1);
    size_t len = strlen(http->access.url);
    while (len > 0 && http->access.url[len - 1] == '/')
        len--;
    buf_bytes(&out, http->access.url, len);
    buf_printf(&out, "/?%s", request->settings);
    if (request->query != NULL) {
        char *escaped = curl_easy_escape(http->curl, request->query, 0);
        if (escaped == NULL)
            return -1;
        buf_printf(&out, "&query=%s", escaped);
        curl_free(escaped);
    }
    http->url[out.len] = '\0';
    return buf_ok(&out) ? 0 : -1;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name, const char *text)
{
    char line[PASSWORD_MAX + 64];
    if (headers == NULL || text == NULL || *text == '\0')
        return headers;
    snprintf(line, sizeof line, "%s: %s", name, text);
    struct curl_slist *grown = curl_slist_append(headers, line);
    explicit_bzero(line, sizeof line);
    if (grown == NULL)
        curl_slist_free_all(headers);
    return grown;
}

static struct curl_slist *make_headers(const struct clickhouse_http *http, const char *encoding)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); // or it waits for a 100
    headers = add_header(headers, "Content-Type", "application/octet-stream");
    headers = add_header(headers, "X-ClickHouse-User", http->access.user);
    headers = add_header(headers, "X-ClickHouse-Key", http->password);
    return add_header(headers, "Content-Encoding", encoding);
}

// Before the last byte of the request could be sent nothing was done.
static enum clickhouse_verdict judge_failure(CURL *curl, CURLcode result)
{
    double connected_s = 0;
    switch ((int)result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
        return CLICKHOUSE_SETUP;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
        return CLICKHOUSE_AWAY;
    default:
        break;
    }
    curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME, &connected_s);
    return connected_s > 0 ? CLICKHOUSE_UNKNOWN : CLICKHOUSE_AWAY;
}

// The first line, without what is of no use to the operator.
static void describe(struct clickhouse_reply *reply, const char *text)
{
    size_t len = strcspn(text, "\r\n");
    if (len >= sizeof reply->error)
        len = sizeof reply->error - 1;
    memcpy(reply->error, text, len);
    reply->error[len] = '\0';
}

static void judge(struct clickhouse_http *http, CURLcode result, struct clickhouse_reply *reply)
{
    long status = 0;
    if (result != CURLE_OK) {
        reply->verdict = judge_failure(http->curl, result);
        describe(reply,
                 http->curl_error[0] != '\0' ? http->curl_error : curl_easy_strerror(result));
        return;
    }
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    reply->body = http->body;
    reply->len = http->len;
    reply->code = http->code;
    if (reply->code == 0 && status != 200)
        reply->code = clickhouse_answer_code((const char *)http->body);
    reply->verdict = clickhouse_answer_judge(status, reply->code);
    if (reply->verdict == CLICKHOUSE_DONE)
        return;
    if (http->len != 0)
        describe(reply, (const char *)http->body);
    else
        snprintf(reply->error, sizeof reply->error, "HTTP status %ld", status);
}

void clickhouse_http_send(struct clickhouse_http *http, const struct clickhouse_request *request,
                          struct clickhouse_reply *reply)
{
    CURL *curl = http->curl;
    struct curl_slist *headers = make_headers(http, request->encoding);
    *reply = (struct clickhouse_reply){.verdict = CLICKHOUSE_AWAY, .error = "out of memory"};
    http->len = 0;
    http->body[0] = '\0';
    http->code = 0;
    http->curl_error[0] = '\0';
    if (headers == NULL || make_url(http, request) != 0)
        goto out;
    curl_easy_setopt(curl, CURLOPT_URL, http->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    // On a connection that was used before the library sends again by itself what was not answered.
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request->query != NULL ? 1L : 0L);
    judge(http, curl_easy_perform(curl), reply);
out:
    curl_slist_free_all(headers);
}
