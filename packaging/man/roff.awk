# What the converters beside share: text that is safe in roff, and the inline marks of Markdown.

# escape(TEXT): as roff prints it literally.
function escape(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text
}

# literal(LINE): of an example: no line of it is a request.
function literal(line)
{
    line = escape(line)
    return line ~ /^[.']/ ? "\\&" line : line
}

# prose(TEXT): outside of `code`. Links keep their words; *this* and **this** become fonts.
function prose(text)
{
    gsub(/\\/, "\\e", text)
    while (match(text, /\*\*[^*]+\*\*/))
        text = substr(text, 1, RSTART - 1) "\\fB" substr(text, RSTART + 2, RLENGTH - 4) "\\fP" \
            substr(text, RSTART + RLENGTH)
    while (match(text, /\*[^* ][^*]*\*/))
        text = substr(text, 1, RSTART - 1) "\\fI" substr(text, RSTART + 1, RLENGTH - 2) "\\fP" \
            substr(text, RSTART + RLENGTH)
    return text
}

function without_links(text,    link)
{
    while (match(text, /\[[^]]*\]\([^) ]*\)/)) {
        link = substr(text, RSTART, RLENGTH)
        sub(/^\[/, "", link)
        sub(/\]\([^)]*\)$/, "", link)
        text = substr(text, 1, RSTART - 1) link substr(text, RSTART + RLENGTH)
    }
    return text
}

function inline(text,    parts, count, i, out)
{
    count = split(without_links(text), parts, /`/)
    for (i = 1; i <= count; i++)
        out = out (i % 2 ? prose(parts[i]) : "\\fB" escape(parts[i]) "\\fP")
    return out
}

# fill(TEXT): lines of at most 78 columns, each sentence on a line of its own, as roff wants it.
function fill(text,    words, count, i, line)
{
    count = split(text, words, / +/)
    line = ""
    for (i = 1; i <= count; i++) {
        if (words[i] == "")
            continue
        if (line != "" && length(line) + length(words[i]) > 77) {
            put(line)
            line = ""
        }
        line = line == "" ? words[i] : line " " words[i]
        if (words[i] ~ /[.!?][")]*(\\fP)?$/) {
            put(line)
            line = ""
        }
    }
    if (line != "")
        put(line)
}

function put(line)
{
    print line ~ /^[.']/ ? "\\&" line : line
}
