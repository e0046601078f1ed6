/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/runtime/options: what TIDEPOOL may say, what it must not, and one line on stderr for each of
   the latter. */
#include "heap_help.h"

#include "runtime/options.h"

/* Parses in a child, and reads its stderr; the options are read here as well. */
static struct tpi_options options;
static char said[16384];

static void parse_in_child(void *text)
{
    tpi_options_parse(&options, text);
}

static void parse(const char *text)
{
    int status;
    help_run_dying(parse_in_child, (void *)(uintptr_t)text, said, sizeof said, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    tpi_options_parse(&options, text);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
}

static void parse_quietly(const char *text)
{
    parse(text);
    assert_string_equal(said, "");
}

static void parse_with_one_line(const char *text, const char *line)
{
    char whole[512];
    parse(text);
    snprintf(whole, sizeof whole, "tidepool: TIDEPOOL: %s; ignored\n", line);
    assert_string_equal(said, whole);
}

static void assert_defaults(void)
{
    assert_int_equal(options.gcpercent, 100);
    assert_true(options.memlimit == INT64_MAX);
    assert_int_equal(options.gcperiod, 120);
    assert_int_equal(options.service, 1);
    assert_int_equal(options.cachemax, 0);
    assert_int_equal(options.poolcheck, 0);
    assert_int_equal(options.lossy, 1);
    assert_int_equal(options.rseq, 1);
    assert_int_equal(options.gctrace, 0);
    assert_int_equal(options.checkmark, 0);
    assert_int_equal(options.stw, 0);
    assert_int_equal(options.scribble, 0);
    assert_int_equal(options.wbcheck, 0);
    assert_int_equal(options.gcsignal, 5);
    assert_int_equal(options.gcworkers, 0);
    assert_int_equal(options.dsoroots, 0);
    assert_string_equal(options.paths[options.pressure], "/proc/pressure/memory");
}

static void nothing_said_is_the_defaults(void **state)
{
    (void)state;
    parse_quietly(NULL);
    assert_defaults();
    parse_quietly("");
    assert_defaults();
    parse_quietly(",,,");
    assert_defaults();
}

static void every_option_is_read(void **state)
{
    (void)state;
    parse_quietly("gcpercent=50,memlimit=1GiB,gcperiod=7,service=0,cachemax=64KiB,poolcheck=3,"
                  "lossy=0,rseq=off,pressure=/tmp/psi");
    assert_int_equal(options.gcpercent, 50);
    assert_int_equal(options.memlimit, INT64_C(1) << 30);
    assert_int_equal(options.gcperiod, 7);
    assert_int_equal(options.service, 0);
    assert_int_equal(options.cachemax, 65536);
    assert_int_equal(options.poolcheck, 3);
    assert_int_equal(options.lossy, 0);
    assert_int_equal(options.rseq, 0);
    assert_string_equal(options.paths[options.pressure], "/tmp/psi");
    parse_quietly(
        "gctrace=1,checkmark=1,stw=1,scribble=1,wbcheck=1,gcsignal=9,gcworkers=3,dsoroots=1");
    assert_int_equal(options.gctrace, 1);
    assert_int_equal(options.checkmark, 1);
    assert_int_equal(options.stw, 1);
    assert_int_equal(options.scribble, 1);
    assert_int_equal(options.wbcheck, 1);
    assert_int_equal(options.gcsignal, 9);
    assert_int_equal(options.gcworkers, 3);
    assert_int_equal(options.dsoroots, 1);
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"memlimit=0", 0},
        {"memlimit=4096", 4096},
        {"memlimit=12B", 12},
        {"memlimit=3KiB", 3 << 10},
        {"memlimit=3K", 3 << 10},
        {"memlimit=5MiB", 5 << 20},
        {"memlimit=5M", 5 << 20},
        {"memlimit=2G", INT64_C(2) << 30},
        {"memlimit=1TiB", INT64_C(1) << 40},
        {"memlimit=1T", INT64_C(1) << 40},
        {"memlimit=9223372036854775807", INT64_MAX},
        {"memlimit=off", INT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse_quietly(cases[i].text);
        assert_true(options.memlimit == cases[i].bytes);
    }
}

static void words_and_off(void **state)
{
    (void)state;
    parse_quietly("gcpercent=off");
    assert_int_equal(options.gcpercent, -1);
    parse_quietly("gcpercent=0");
    assert_int_equal(options.gcpercent, 0);
    parse_quietly("rseq=on");
    assert_int_equal(options.rseq, 1);
    parse_quietly("rseq=assume");
    assert_int_equal(options.rseq, 2);
    parse_quietly("rseq=0");
    assert_int_equal(options.rseq, 0);
    parse_quietly("gcperiod=0");
    assert_int_equal(options.gcperiod, 0);
}

static void the_last_word_counts(void **state)
{
    (void)state;
    parse_quietly("poolcheck=1,poolcheck=9");
    assert_int_equal(options.poolcheck, 9);
}

/* The line names the value, the option, and what values it has. */
static void what_is_malformed_is_named_and_ignored(void **state)
{
    static const char size[] = "bytes, with KiB, MiB, GiB or TiB behind the number, or off";
    static const char percent[] = "a number from 0 to 2147483647, or off";
    static const char seconds[] = "a number from 0 to 2147483647";
    static const char count[] = "a number from 0 to 9223372036854775807";
    static const char word[] = "on, off or assume";
    static const char flag[] = "a number from 0 to 1";
    static const char workers[] = "a number from 0 to 64";
    static const char path[] = "a path";
    static const struct {
        const char *name, *value, *rule;
    } cases[] = {
        {"gcpercent", "", percent},
        {"gcpercent", "-1", percent},
        {"gcpercent", "1.5", percent},
        {"gcpercent", "ten", percent},
        {"gcpercent", "100%", percent},
        {"gcpercent", "2147483648", percent},
        {"memlimit", "", size},
        {"memlimit", "1GB", size},
        {"memlimit", "1 GiB", size},
        {"memlimit", "-5", size},
        {"memlimit", "1kib", size},
        {"memlimit", "9223372036854775808", size},
        {"memlimit", "8388608T", size},
        {"memlimit", "OFF", size},
        {"gcperiod", "2m", seconds},
        {"gcperiod", "off", seconds},
        {"gcperiod", "2147483648", seconds},
        {"service", "yes", flag},
        {"cachemax", "KiB", size},
        {"poolcheck", " 1", count},
        {"poolcheck", "+1", count},
        {"rseq", "2", word},
        {"rseq", "yes", word},
        {"rseq", "", word},
        {"pressure", "", path},
        {"lossy", "0x1", flag},
        {"gctrace", "2", flag},
        {"checkmark", "on", flag},
        {"gcworkers", "-1", workers},
        {"gcworkers", "65", workers},
        {"stw", "", flag},
    };
    char text[64], line[192];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "%s=%s", cases[i].name, cases[i].value);
        snprintf(line, sizeof line, "'%s' is not a value for %s (%s)", cases[i].value,
                 cases[i].name, cases[i].rule);
        parse_with_one_line(text, line);
        assert_defaults();
    }
}

/* Real-time signals are counted from SIGRTMIN; beyond SIGRTMAX there is none. */
static void a_signal_is_a_real_time_signal(void **state)
{
    int most = SIGRTMAX - SIGRTMIN;
    char text[64], line[192];
    (void)state;
    snprintf(text, sizeof text, "gcsignal=%d", most);
    parse_quietly(text);
    assert_int_equal(options.gcsignal, most);
    const char *const values[] = {"SIGUSR1", "-1", "200", "2147483648"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(text, sizeof text, "gcsignal=%s", values[i]);
        snprintf(line, sizeof line, "'%s' is not a value for gcsignal (a number from 0 to %d)",
                 values[i], most);
        parse_with_one_line(text, line);
        assert_defaults();
    }
    snprintf(text, sizeof text, "gcsignal=%d", most + 1);
    snprintf(line, sizeof line, "'%d' is not a value for gcsignal (a number from 0 to %d)",
             most + 1, most);
    parse_with_one_line(text, line);
    assert_defaults();
}

static void what_is_unknown_is_named_and_ignored(void **state)
{
    (void)state;
    parse_with_one_line("gctrce=1", "there is no option 'gctrce'");
    assert_defaults();
    parse_with_one_line("GCPERCENT=1", "there is no option 'GCPERCENT'");
    parse_with_one_line("gcpercent", "'gcpercent' is not of the form name=value");
    parse_with_one_line("=5", "there is no option ''");
    assert_defaults();
}

/* One bad option spoils no other, and each is told once. */
static void the_rest_is_still_read(void **state)
{
    (void)state;
    parse("poolcheck=4,nonsense,gcperiod=x,lossy=0,nosuch=1,rseq=off");
    assert_string_equal(said,
                        "tidepool: TIDEPOOL: 'nonsense' is not of the form name=value; ignored\n"
                        "tidepool: TIDEPOOL: 'x' is not a value for gcperiod (a number from 0 to "
                        "2147483647); ignored\n"
                        "tidepool: TIDEPOOL: there is no option 'nosuch'; ignored\n");
    assert_int_equal(options.poolcheck, 4);
    assert_int_equal(options.gcperiod, 120);
    assert_int_equal(options.lossy, 0);
    assert_int_equal(options.rseq, 0);
}

static void too_long_is_ignored_as_a_whole(void **state)
{
    static char text[5000];
    (void)state;
    memset(text, ',', sizeof text - 1);
    memcpy(text, "poolcheck=5", 11);
    parse_with_one_line(text, "longer than 4095 bytes");
    assert_defaults();
    text[4095] = '\0';
    parse_quietly(text);
    assert_int_equal(options.poolcheck, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_the_defaults),
        cmocka_unit_test(every_option_is_read),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(words_and_off),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(what_is_malformed_is_named_and_ignored),
        cmocka_unit_test(a_signal_is_a_real_time_signal),
        cmocka_unit_test(what_is_unknown_is_named_and_ignored),
        cmocka_unit_test(the_rest_is_still_read),
        cmocka_unit_test(too_long_is_ignored_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
