/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing TIDEPOOL; see options.h. */
#include <stdio.h>
#include <stdlib.h>

#include "gc/gc.h"
#include "os/os.h"
#include "runtime/options.h"

enum { RULE_BYTES = 64 };

struct option {
    const char *name;
    enum tpi_option_kind kind;
    size_t offset;
};

static const struct option table[] = {
#define TPI_OPTION_ROW(name, kind, initial, what)                                                  \
    {#name, TPI_OPTION_##kind, offsetof(struct tpi_options, name)},
    TPI_OPTIONS(TPI_OPTION_ROW)
#undef TPI_OPTION_ROW
};

/* A number from 0 up that ends at *end; false: there is none, or it is too large. */
static bool parse_number(const char *text, int64_t *value, char **end)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoll(text, end, 10);
    return errno == 0;
}

static bool parse_count(const char *text, int64_t *value)
{
    char *end;
    return parse_number(text, value, &end) && *end == '\0';
}

static bool parse_size(const char *text, int64_t *value)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0},     {"B", 0},     {"KiB", 10}, {"MiB", 20}, {"GiB", 30},
                 {"TiB", 40}, {"K", 10},    {"M", 20},   {"G", 30},   {"T", 40}};
    char *end;
    if (!parse_number(text, value, &end))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow(*value, INT64_C(1) << units[i].shift, value);
    return false;
}

static bool parse_word(const char *text, int64_t *value)
{
    static const char *const words[] = {"off", "on", "assume"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i;
            return true;
        }
    }
    return parse_count(text, value) && *value <= 1;
}

/* The largest number that a kind allows. */
static int64_t most_of(enum tpi_option_kind kind)
{
    switch (kind) {
    case TPI_OPTION_SWITCH:
        return 1;
    case TPI_OPTION_PERCENT:
    case TPI_OPTION_SECONDS:
        return INT32_MAX;
    case TPI_OPTION_SIGNAL:
        return SIGRTMAX - SIGRTMIN;
    case TPI_OPTION_WORKERS:
        return TPI_WORKERS_MAX;
    default:
        return INT64_MAX;
    }
}

static bool parse_value(const struct option *option, const char *text, struct tpi_options *options)
{
    int64_t *value = (int64_t *)(void *)((char *)options + option->offset);
    bool size = option->kind == TPI_OPTION_SIZE;
    if ((size || option->kind == TPI_OPTION_PERCENT) && strcmp(text, "off") == 0) {
        *value = size ? INT64_MAX : -1;
        return true;
    }
    switch (option->kind) {
    case TPI_OPTION_SIZE:
        return parse_size(text, value);
    case TPI_OPTION_WORD:
        return parse_word(text, value);
    case TPI_OPTION_PATH:
        options->paths[*value] = text;
        return text[0] != '\0';
    default:
        return parse_count(text, value) && *value <= most_of(option->kind);
    }
}

/* What values an option has, for who gave another one. */
static void rule_of(const struct option *option, char rule[RULE_BYTES])
{
    switch (option->kind) {
    case TPI_OPTION_SIZE:
        strcpy(rule, "bytes, with KiB, MiB, GiB or TiB behind the number, or off");
        break;
    case TPI_OPTION_WORD:
        strcpy(rule, "on, off or assume");
        break;
    case TPI_OPTION_PATH:
        strcpy(rule, "a path");
        break;
    default:
        (void)snprintf(rule, RULE_BYTES, "a number from 0 to %lld%s",
                       (long long)most_of(option->kind),
                       option->kind == TPI_OPTION_PERCENT ? ", or off" : "");
    }
}

/* One name=value; a malformed value leaves the default. */
static void parse_one(char *item, struct tpi_options *options)
{
    char *value = strchr(item, '=');
    if (value == NULL) {
        tpi_warn("TIDEPOOL: '%s' is not of the form name=value; ignored", item);
        return;
    }
    *value++ = '\0';
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(item, table[i].name) != 0)
            continue;
        struct tpi_options before = *options;
        if (!parse_value(&table[i], value, options)) {
            char rule[RULE_BYTES];
            *options = before;
            rule_of(&table[i], rule);
            tpi_warn("TIDEPOOL: '%s' is not a value for %s (%s); ignored", value, item, rule);
        }
        return;
    }
    tpi_warn("TIDEPOOL: there is no option '%s'; ignored", item);
}

void tpi_options_parse(struct tpi_options *options, const char *text)
{
    static char copy[4096];
    *options = (struct tpi_options){
#define TPI_OPTION_DEFAULT(name, kind, initial, what) .name = initial,
        TPI_OPTIONS(TPI_OPTION_DEFAULT)
#undef TPI_OPTION_DEFAULT
            .paths = {"/proc/pressure/memory"},
    };
    if (text == NULL)
        return;
    if (strlen(text) >= sizeof copy) {
        tpi_warn("TIDEPOOL: longer than %zu bytes; ignored", sizeof copy - 1);
        return;
    }
    strcpy(copy, text);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;)
        if (item[0] != '\0')
            parse_one(item, options);
}
