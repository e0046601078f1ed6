/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines and reports as text: see print.h. */
#include "print.h"

#include <inttypes.h>
#include "text.h"

/* What is shown of a line that does not fit. */
#define FAULT_BYTES_MAX 1000

bool print_cells(tp_bytes *out, enum log_format format, const struct log_line *line)
{
    const struct log_format_info *info = &log_formats[format];
    for (size_t i = 0; i < info->columns_n; i++) {
        if (i > 0 && !tp_bytes_append_byte(out, '\t'))
            return false;
        if (!text_cell(out, line->fields[info->columns[i]]))
            return false;
    }
    return tp_bytes_append_byte(out, '\n');
}

/* Three digits; they may begin with zeroes, which JSON's numbers do not. */
static uint64_t status_of(tp_view digits)
{
    uint64_t status = 0;
    for (size_t i = 0; i < digits.len; i++)
        status = status * 10 + (uint64_t)(digits.data[i] - '0');
    return status;
}

static bool print_member(tp_bytes *out, enum log_field field, const struct log_line *line)
{
    if (!text_json(out, tp_view_from_str(log_field_names[field])) ||
        !tp_bytes_append_byte(out, ':'))
        return false;
    if (field == LOG_BYTES)
        return tp_bytes_append_u64(out, line->bytes);
    if (field == LOG_STATUS)
        return tp_bytes_append_u64(out, status_of(line->fields[field]));
    return text_json(out, line->fields[field]);
}

bool print_object(tp_bytes *out, enum log_format format, const struct log_line *line)
{
    const struct log_format_info *info = &log_formats[format];
    const char *before = "{";
    for (size_t i = 0; i < info->columns_n; i++) {
        if (line->fields[info->columns[i]].data == NULL)
            continue;
        if (!tp_bytes_append_str(out, before) || !print_member(out, info->columns[i], line))
            return false;
        before = ",";
    }
    return tp_bytes_append_str(out, "}\n");
}

bool print_fault(tp_bytes *out, const struct log_fault *fault)
{
    return tp_bytes_printf(out, "%s:%" PRIu64 ": %s: ", fault->name, fault->number, fault->why) &&
           text_shown(out, tp_view_slice(fault->text, 0, FAULT_BYTES_MAX)) &&
           tp_bytes_append_str(out, fault->text.len > FAULT_BYTES_MAX ? "...\n" : "\n");
}

bool print_sum(tp_bytes *out, const struct log_report *report)
{
    return tp_bytes_printf(out, "%" PRIu64 " lines = %" PRIu64 " parsed + %" PRIu64 " bad\n",
                           report->lines, report->parsed, report->bad);
}

static size_t shown(const log_count_vec *table, size_t top)
{
    return table->len < top ? table->len : top;
}

/* Only access logs have bytes. */
static bool has_bytes(const log_count_vec *table)
{
    for (size_t i = 0; i < table->len; i++) {
        if (table->data[i]->bytes != 0)
            return true;
    }
    return false;
}

static bool print_table(tp_bytes *out, const char *name, const log_count_vec *table, size_t top)
{
    bool bytes = has_bytes(table);
    if (!tp_bytes_printf(out, "\n%12s%s  %s (%zu of %zu)\n", "lines",
                         bytes ? "           bytes" : "", name, shown(table, top), table->len))
        return false;
    for (size_t i = 0; i < shown(table, top); i++) {
        const struct log_count *count = table->data[i];
        if (!tp_bytes_printf(out, "%12" PRIu64, count->lines) ||
            (bytes && !tp_bytes_printf(out, " %15" PRIu64, count->bytes)) ||
            !tp_bytes_append_str(out, "  ") || !text_shown(out, count->key) ||
            !tp_bytes_append_byte(out, '\n'))
            return false;
    }
    return true;
}

bool print_tables(tp_bytes *out, const struct log_report *report, size_t top)
{
    if (!print_sum(out, report))
        return false;
    for (unsigned i = 0; i < LOG_TABLES; i++) {
        if (report->tables[i].len != 0 &&
            !print_table(out, log_table_names[i], &report->tables[i], top))
            return false;
    }
    return true;
}

static bool print_json_sum(tp_bytes *out, const struct log_report *report)
{
    const char *before = "";
    if (!tp_bytes_printf(out,
                         "{\"lines\":%" PRIu64 ",\"parsed\":%" PRIu64 ",\"bad\":%" PRIu64
                         ",\"bytes\":%" PRIu64 ",\"keys\":{",
                         report->lines, report->parsed, report->bad, report->bytes))
        return false;
    for (unsigned i = 0; i < LOG_TABLES; i++) {
        if (report->tables[i].len == 0)
            continue;
        if (!tp_bytes_printf(out, "%s\"%s\":%zu", before, log_table_names[i],
                             report->tables[i].len))
            return false;
        before = ",";
    }
    return tp_bytes_append_str(out, "}}\n");
}

bool print_json(tp_bytes *out, const struct log_report *report, size_t top)
{
    if (!print_json_sum(out, report))
        return false;
    for (unsigned i = 0; i < LOG_TABLES; i++) {
        for (size_t row = 0; row < shown(&report->tables[i], top); row++) {
            const struct log_count *count = report->tables[i].data[row];
            if (!tp_bytes_printf(out, "{\"table\":\"%s\",\"key\":", log_table_names[i]) ||
                !text_json(out, count->key) ||
                !tp_bytes_printf(out, ",\"lines\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                                 count->lines, count->bytes))
                return false;
        }
    }
    return true;
}
