#include "collector/keep/template_json.h"

#define STEP 2 // spaces of each level

void template_json_key(char out[static TEMPLATE_KEY_MAX], const struct survey_template *template)
{
    snprintf(out, TEMPLATE_KEY_MAX, "%u/%u/%u", template->key.version, template->key.id,
             template->id);
}

void template_json_router(char out[static TEMPLATE_ROUTER_MAX], const struct domain_key *key)
{
    char address[ADDR_TEXT_MAX];
    addr_string(address, &key->source);
    snprintf(out, TEMPLATE_ROUTER_MAX, key->source.len == 16 ? "[%s]:%u" : "%s:%u", address,
             key->port);
}

static void put_line(FILE *out, int indent)
{
    if (indent >= 0)
        fprintf(out, "\n%*s", indent, "");
}

static int deeper(int indent)
{
    return indent < 0 ? indent : indent + STEP;
}

// A member's name; the first one of its object begins it.
static void put_name(FILE *out, int indent, const char *name, bool first)
{
    fputc(first ? '{' : ',', out);
    put_line(out, deeper(indent));
    fprintf(out, indent < 0 ? "\"%s\":" : "\"%s\": ", name);
}

static void put_number(FILE *out, int indent, const char *name, bool first, unsigned value)
{
    put_name(out, indent, name, first);
    fprintf(out, "%u", value);
}

static void put_field(FILE *out, int indent, const struct template_field *field)
{
    put_name(out, indent, "pen-provided", true);
    fputs(field->enterprise != 0 ? "true" : "false", out);
    put_number(out, indent, "type", false, field->element);
    put_number(out, indent, "length", false, field->length);
    put_number(out, indent, "pen", false, field->enterprise);
    put_line(out, indent);
    fputc('}', out);
}

static void put_fields(FILE *out, int indent, const char *name, const struct template_field *fields,
                       unsigned count)
{
    int inner = deeper(indent);
    put_name(out, indent, name, false);
    fputc('[', out);
    for (unsigned i = 0; i < count; i++) {
        if (i != 0)
            fputc(',', out);
        put_line(out, deeper(inner));
        put_field(out, deeper(inner), &fields[i]);
    }
    if (count != 0)
        put_line(out, inner);
    fputc(']', out);
}

void template_json_write(FILE *out, const struct survey_template *template,
                         const struct template_field *fields, int indent)
{
    unsigned scopes = template->scope_count;
    unsigned options = template->field_count - scopes;
    put_number(out, indent, "template-id", true, template->id);
    if (!template->options) {
        put_number(out, indent, "field-count", false, template->field_count);
        put_fields(out, indent, "fields", fields, template->field_count);
    } else if (template->key.version == TEMPLATE_V9) { // lengths in bytes, of fields of 4
        put_number(out, indent, "scope-length", false, 4 * scopes);
        put_number(out, indent, "option-length", false, 4 * options);
        put_fields(out, indent, "scopes", fields, scopes);
        put_fields(out, indent, "options", fields + scopes, options);
    } else {
        put_number(out, indent, "field-count", false, template->field_count);
        put_number(out, indent, "scope-field-count", false, scopes);
        put_fields(out, indent, "options", fields + scopes, options);
        put_fields(out, indent, "scopes", fields, scopes);
    }
    put_line(out, indent);
    fputc('}', out);
}
