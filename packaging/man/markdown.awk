# Makes a page of section 5 from a document of docs/:
#
#   awk -f roff.awk -f markdown.awk -v name=flow-context -v about="..." -v date=...
#       -v system_name=... -v see="..." FILE
#
# The document's title is left out, its opening is DESCRIPTION, each "##" a section of its own. Tables
# become lists.

BEGIN {
    print ".Dd " date
    print ".Dt " toupper(name) " 5"
    print ".Os " system_name
    print ".Sh NAME"
    print ".Nm " name
    print ".Nd " about
    print ".Sh DESCRIPTION"
    fresh = 1 # nothing stands between the heading and here
}

function end_paragraph()
{
    if (paragraph == "")
        return
    if (!fresh && list == "")
        print ".Pp"
    fill(inline(paragraph))
    paragraph = ""
    fresh = 0
}

function end_list()
{
    end_paragraph()
    if (list != "")
        print ".El"
    list = ""
}

function begin_list(kind, item)
{
    end_paragraph()
    if (list != kind) {
        end_list()
        print ".Bl -" kind
        list = kind
    }
    print ".It"
    paragraph = item
}

function end_table()
{
    if (rows == 0)
        return
    put_table()
    rows = 0
    fresh = 0
}

# Of more than two columns each says what its heading is.
function put_table(    row, column)
{
    print ".Bl -tag -width 12n"
    for (row = 2; row <= rows; row++) {
        print ".It " inline(cell[row, 1])
        for (column = 2; column <= columns; column++) {
            if (column > 2)
                print ".br"
            fill((columns > 2 ? cell[1, column] ": " : "") inline(cell[row, column]))
        }
    }
    print ".El"
}

# A bar that belongs to a cell has a backslash, in `code` too.
function table_row(line,    parts, count, column)
{
    gsub(/\\\|/, "\001", line)
    gsub(/^\||\|$/, "", line)
    if (line ~ /-/ && line ~ /^[-| :]+$/)
        return
    count = split(line, parts, /\|/)
    if (rows == 0)
        columns = count
    if (count != columns) {
        print FILENAME ":" FNR ": " count " columns, wanted " columns > "/dev/stderr"
        failed = 1
        exit 1
    }
    rows++
    for (column = 1; column <= columns; column++) {
        gsub(/^ +| +$/, "", parts[column])
        gsub(/\001/, "|", parts[column])
        cell[rows, column] = parts[column]
    }
}

function heading(macro, text)
{
    end_list()
    if (text == "Errors") # which are those of system calls
        text = "Diagnostics"
    print macro " " (macro == ".Sh" ? toupper(text) : text)
    fresh = 1
}

function begin_example()
{
    end_paragraph()
    print ".Bd -literal -offset indent"
    example = 1
}

function end_example()
{
    print ".Ed"
    example = 0
    blank = 0
    fresh = 0
}

/^```/ && !example { begin_example(); fenced = 1; next }
/^```/ { end_example(); fenced = 0; next }
fenced { print literal($0); next }
example && /^$/ { blank++; next }
example && /^    / {
    for (; blank > 0; blank--)
        print ""
    print literal(substr($0, 5))
    next
}
example { end_example(); list = "" }
/^\|/ { if (rows == 0) end_list(); table_row($0); next }
{ end_table() }
/^# / { next }
/^## / { heading(".Sh", substr(without_links($0), 4)); next }
/^### / { heading(".Ss", substr(without_links($0), 5)); next }
/^<!--/ { next }
/^\* / { begin_list("bullet", substr($0, 3)); next }
/^[0-9]+\. / { sub(/^[0-9]+\. /, ""); begin_list("enum", $0); next }
/^    / && list == "" && paragraph == "" { begin_example(); print literal(substr($0, 5)); next }
/^ / { sub(/^ +/, ""); paragraph = paragraph " " $0; next }
/^$/ { end_paragraph(); next }
{
    if (paragraph == "" && list != "")
        end_list()
    paragraph = paragraph (paragraph == "" ? "" : " ") $0
}

END {
    if (failed)
        exit 1
    if (example)
        end_example()
    end_table()
    end_list()
    print ".Sh SEE ALSO"
    count = split(see, pages, " ")
    for (i = 1; i <= count; i++) {
        split(pages[i], page, /[()]/)
        print ".Xr " page[1] " " page[2] (i < count ? " ," : "")
    }
}
