# Puts what a program prints with -h into its page of section 8:
#
#   program -h 2>&1 | awk -f roff.awk -f options.awk -v page=program.8.in
#
# In the page a line %DESCRIPTION% becomes the paragraphs that -h begins with, a line %OPTIONS% its
# groups of flags. So a flag is described in the program's own table and nowhere else.

{ help[NR] = $0 }

function is_flag(at)
{
    return help[at] ~ /^  -/
}

function put_description(    at, text)
{
    for (at = 2; at <= NR && !is_flag(at + 1); at++) {
        if (help[at] != "") {
            text = text " " help[at]
            continue
        }
        if (text != "" && described++)
            print ".Pp"
        fill(escape(text))
        text = ""
    }
}

# Lines that are set in columns stay as they are.
function put_help(first, last,    at, text, columns)
{
    for (at = first; at <= last; at++) {
        columns = columns || help[at] ~ /[^ ]  +[^ ]/
        text = text " " substr(help[at], 9)
    }
    if (!columns) {
        fill(escape(text))
        return
    }
    print ".Bd -literal -compact"
    for (at = first; at <= last; at++)
        print literal(substr(help[at], 9))
    print ".Ed"
}

function put_flag(at,    name, value, last)
{
    name = help[at]
    sub(/^  -/, "", name)
    value = name
    sub(/ .*/, "", name)
    sub(/^[^ ]* ?/, "", value)
    print ".It Fl " escape(name) (value == "" ? "" : " Ar " escape(value))
    for (last = at; last < NR && help[last + 1] ~ /^        /;)
        last++
    put_help(at + 1, last)
}

function put_options(    at, listing)
{
    for (at = 1; at <= NR; at++) {
        if (is_flag(at))
            put_flag(at)
        else if (help[at] ~ /^[^ ]/ && is_flag(at + 1)) {
            if (listing++)
                print ".El"
            print ".Ss " escape(help[at])
            print ".Bl -tag -width Ds"
        }
    }
    if (!listing) {
        print "no flags in what the program printed" > "/dev/stderr"
        exit 1
    }
    print ".El"
}

END {
    while ((status = (getline line < page)) > 0) {
        if (line == "%DESCRIPTION%")
            put_description()
        else if (line == "%OPTIONS%")
            put_options()
        else
            print line
    }
    if (status < 0) {
        print page ": cannot be read" > "/dev/stderr"
        exit 1
    }
}
