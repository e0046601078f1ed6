/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-accesslog: invents a web server's access log in the combined format.

       tp-accesslog [--lines=N] [--seed=N]

   The site, its visitors and all text are made up here; addresses are those that RFC 5737 and
   RFC 3849 keep for documentation. Everything is computed in integers from the seed, so one seed
   gives the same bytes on each machine: tests and the demo compare them.

   What is realistic: a few visitors and pages make most of the traffic, a visitor keeps its address
   and browser, the night is quiet, sizes and statuses go with the kind of page. What a logger has
   to survive is there too: requests that are none, escapes, and a query of some kilobytes now and
   then. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VISITORS 4000
#define LINE_BYTES_MAX 8192
#define LONG_QUERY_BYTES_MAX 4000

/* 1 March 2024, 00:00:00 UTC. */
#define BEGIN_MS INT64_C(1709251200000)

/* A line that is being put together. */
struct text {
    size_t length;
    char bytes[LINE_BYTES_MAX];
};

struct visitor {
    uint32_t number;
    uint64_t traits; /* random bits that stay the same for it */
};

struct request {
    const char *method;
    struct text path;
    unsigned status;
    uint64_t bytes;
    bool has_referer;
};

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*state);
}

/* 0 ... n - 1, all alike. `random` is one number of next(): drawn in a statement of its own, since
   C does not say in which order arguments are worked out. */
static uint32_t below(uint64_t random, uint32_t n)
{
    return (uint32_t)(((random >> 32) * n) >> 32);
}

/* 0 ... n - 1, small ones far more often: the cube of a number between 0 and 1. */
static uint32_t skewed(uint64_t random, uint32_t n)
{
    uint64_t u = random >> 32;
    uint64_t cube = (((u * u) >> 32) * u) >> 32;
    return (uint32_t)((cube * n) >> 32);
}

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
    length =
        vsnprintf(text->bytes + text->length, LINE_BYTES_MAX - text->length, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= LINE_BYTES_MAX - text->length)
        abort(); /* the tables below and LONG_QUERY_BYTES_MAX keep lines shorter */
    text->length += (size_t)length;
}

static const char *const places[] = {"north-pier", "old-harbour", "east-lock", "lighthouse",
                                     "sandbank",   "ferry-dock",  "estuary",   "salt-marsh",
                                     "breakwater", "inner-basin", "west-cove", "gull-rock"};
static const char *const words[] = {"spring", "neap",  "ebb",   "flood", "slack",   "surge",
                                    "swell",  "depth", "chart", "gauge", "current", "moon"};
static const char *const assets[] = {"app.js", "site.css", "map.js", "logo.svg", "icons.woff2"};

static const char *place(uint64_t random)
{
    return places[below(random, COUNT(places))];
}

static const char *word(uint64_t random)
{
    return words[below(random, COUNT(words))];
}

/* A query that somebody's script has put together. */
static void add_long_query(uint64_t *state, struct text *path)
{
    size_t end = path->length + 1000 + below(next(state), LONG_QUERY_BYTES_MAX - 1100);
    add(path, "/api/v1/levels?stations=");
    while (path->length < end) {
        uint64_t a = next(state), b = next(state);
        add(path, "%s-%" PRIu32 "%%2C", place(a), below(b, 1000));
    }
}

static void make_page(uint64_t *state, struct request *request)
{
    struct text *path = &request->path;
    uint64_t kind = next(state), a = next(state), b = next(state), c = next(state), d = next(state);
    switch (skewed(kind, 8)) {
    case 0:
        add(path, "/tides/%s", places[skewed(a, COUNT(places))]);
        request->bytes = 9000 + below(d, 14000);
        break;
    case 1:
        add(path, "/assets/%s?v=%" PRIu32, assets[skewed(a, COUNT(assets))], 40 + below(b, 3));
        request->bytes = 2000 + below(d, 90000);
        break;
    case 2:
        add(path, "/images/chart-%03" PRIu32 ".webp", skewed(a, 600));
        request->bytes = 15000 + below(d, 250000);
        break;
    case 3:
        add(path, "/api/v1/levels?station=%" PRIu32 "&hours=%" PRIu32, skewed(a, 900),
            6 * (1 + below(b, 8)));
        request->bytes = 300 + below(d, 4000);
        break;
    case 4:
        add(path, "/search?q=%s+%s", word(a), word(b));
        request->bytes = 5000 + below(d, 9000);
        break;
    case 5:
        add(path, "/news/2024/%02" PRIu32 "/%s-at-%s", 1 + below(a, 3), word(b), place(c));
        request->bytes = 7000 + below(d, 22000);
        break;
    case 6:
        add(path, "/boats/%" PRIu32 "/moorings", below(a, 20000));
        request->bytes = 1000 + below(d, 3000);
        break;
    default:
        add(path, "/");
        request->bytes = 12000 + below(d, 800);
        break;
    }
}

/* Of 10,000. */
static unsigned status_of(uint32_t fate)
{
    static const struct {
        uint32_t end;
        unsigned status;
    } fates[] = {{8900, 200}, {9400, 304}, {9550, 301}, {9900, 404},
                 {9930, 403}, {9960, 429}, {9985, 500}, {10000, 503}};
    size_t i = 0;
    while (fate >= fates[i].end)
        i++;
    return fates[i].status;
}

static void make_request(uint64_t *state, struct request *request)
{
    uint64_t fate = next(state), a = next(state), b = next(state), c = next(state), d = next(state);
    request->method = "GET";
    request->path.length = 0;
    request->has_referer = below(a, 100) < 60;
    request->status = status_of(below(fate, 10000));
    if (below(b, 2000) == 0)
        add_long_query(state, &request->path);
    else
        make_page(state, request);
    if (request->status == 200 && below(c, 40) == 0) {
        request->method = "POST";
        request->status = 201;
    }
    if (request->status == 304)
        request->bytes = 0;
    else if (request->status >= 300)
        request->bytes = 160 + below(d, 400);
}

static void add_client(const struct visitor *visitor, struct text *line)
{
    static const char *const nets[] = {"192.0.2", "198.51.100", "203.0.113"};
    uint64_t traits = visitor->traits;
    if (traits % 8 == 0)
        add(line, "2001:db8:%x::%x", (unsigned)(traits >> 8 & 0xfff),
            (unsigned)(traits >> 20 & 0xffff));
    else
        add(line, "%s.%u", nets[traits % 3], 1 + (unsigned)(traits >> 8) % 254);
    if (traits >> 40 & 31)
        add(line, " - - ");
    else
        add(line, " - keeper%" PRIu32 " ", visitor->number);
}

static void add_agent(const struct visitor *visitor, struct text *line)
{
    static const char *const systems[] = {"Windows NT 10.0; Win64; x64", "X11; Linux x86_64",
                                          "Macintosh; Intel Mac OS X 10_15_7",
                                          "Linux; Android 14; K"};
    uint64_t traits = visitor->traits >> 24;
    const char *system = systems[traits % COUNT(systems)];
    unsigned version = 110 + (unsigned)(traits >> 4) % 14;
    switch (traits >> 12 & 15) {
    case 0:
        add(line, "\"tide-watch/%u.%u (+https://bots.example.net/about)\"", version % 3,
            version % 10);
        break;
    case 1:
        add(line, "\"curl/8.%u.0\"", version % 6);
        break;
    case 2:
        add(line, "\"Gauge \\\"Reader\\\" %u\"", version);
        break;
    case 3:
    case 4:
    case 5:
        add(line, "\"Mozilla/5.0 (%s; rv:%u.0) Gecko/20100101 Firefox/%u.0\"", system, version,
            version);
        break;
    default:
        add(line,
            "\"Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%u.0.0.0 "
            "Safari/537.36\"",
            system, version);
        break;
    }
}

static int days_of_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

static void add_time(int64_t ms, struct text *line)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t second = ms / 1000, day = second / 86400;
    int year = 1970;
    size_t month = 0;
    for (; day >= days_of_year(year); year++)
        day -= days_of_year(year);
    days[1] += days_of_year(year) - 365;
    while (day >= days[month])
        day -= days[month++];
    second %= 86400;
    add(line, "[%02d/%s/%d:%02d:%02d:%02d +0000] ", (int)day + 1, months[month], year,
        (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

static void make_line(uint64_t *state, uint64_t seed, int64_t ms, struct text *line)
{
    static struct request request;
    uint64_t who = next(state), kind = next(state), from = next(state);
    struct visitor visitor = {.number = skewed(who, VISITORS)};
    visitor.traits = mix(seed + visitor.number * UINT64_C(0x9e3779b97f4a7c15) + 1);
    line->length = 0;
    add_client(&visitor, line);
    add_time(ms, line);
    switch (below(kind, 3000)) {
    case 0:
        add(line, "\"-\" 408 - \"-\" \"-\"\n");
        return;
    case 1:
        add(line, "\"\\x16\\x03\\x01\\x02\" 400 226 \"-\" \"-\"\n");
        return;
    default:
        break;
    }
    make_request(state, &request);
    add(line, "\"%s %s HTTP/%s\" %u ", request.method, request.path.bytes,
        visitor.traits & 64 ? "2.0" : "1.1", request.status);
    if (request.bytes != 0)
        add(line, "%" PRIu64 " ", request.bytes);
    else
        add(line, "- ");
    if (request.has_referer)
        add(line, "\"https://tides.example.org/tides/%s\" ", places[skewed(from, COUNT(places))]);
    else
        add(line, "\"-\" ");
    add_agent(&visitor, line);
    add(line, "\n");
}

/* Milliseconds to the next request: short by day, long by night. */
static uint32_t gap_ms(uint64_t random, int64_t ms)
{
    static const uint8_t of_hour[24] = {90, 120, 150, 160, 140, 100, 60, 35, 22, 18, 16, 15,
                                        16, 17,  18,  18,  17,  16,  15, 16, 20, 30, 45, 65};
    return below(random, 8u * of_hour[ms / 3600000 % 24]);
}

static bool write_log(uint64_t lines, uint64_t seed)
{
    static struct text line;
    uint64_t state = seed;
    int64_t ms = BEGIN_MS;
    for (uint64_t i = 0; i < lines; i++) {
        make_line(&state, seed, ms, &line);
        if (fwrite(line.bytes, 1, line.length, stdout) != line.length)
            return false;
        ms += gap_ms(next(&state), ms);
    }
    return fflush(stdout) == 0;
}

static bool parse_number(const char *option, const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
        return true;
    fprintf(stderr, "tp-accesslog: --%s=%s: must be a number\n", option, text);
    return false;
}

static int usage(void)
{
    fputs("usage: tp-accesslog [--lines=N] [--seed=N]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"lines", required_argument, NULL, 'l'},
                                            {"seed", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    uint64_t lines = 1000000, seed = 1;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = option == 'l'   ? parse_number("lines", optarg, &lines)
                    : option == 's' ? parse_number("seed", optarg, &seed)
                                    : false;
        if (!good)
            return usage();
    }
    if (optind != argc)
        return usage();
    if (!write_log(lines, seed)) {
        fprintf(stderr, "tp-accesslog: standard output: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
