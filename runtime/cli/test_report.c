/* What is told of the cases: lines for people as they end, TAP and JUnit's XML at the end. */
#include <string.h>

#include "cli/test.h"

int report_format_read(const char *name) {
    static const char *const names[] = {"text", "tap", "junit"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static const char *text_of(const struct buffer *buffer) { return buffer->data ? buffer->data : ""; }

/* The text with each line behind `indent`. */
static void print_lines(FILE *out, const char *indent, const char *text) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", indent, (int)size, text);
        text += size + (text[size] == '\n');
    }
}

static void print_message(FILE *out, const char *indent, const struct case_outcome *outcome) {
    struct buffer text = BUFFER_EMPTY;
    if (outcome->at.size) buffer_add_format(&text, "%s: ", outcome->at.data);
    buffer_add_text(&text, text_of(&outcome->message));
    if (!text.is_failed) print_lines(out, indent, text.data);
    buffer_done(&text);
}

/* ---- for people ---- */

void report_progress(FILE *out, const struct report_case *of, bool has_colour) {
    static const char *const words[] = {"ok     ", "FAILED ", "skipped"};
    static const char *const colours[] = {"\033[32m", "\033[31m", "\033[33m"};
    const struct case_outcome *outcome = &of->outcome;
    fprintf(out, "  %s%s%s %s (%lld ms)\n", has_colour ? colours[outcome->status] : "",
            words[outcome->status], has_colour ? "\033[0m" : "", of->name,
            (long long)(outcome->duration_us / 1000));
    if (outcome->status == CASE_FAILED) print_message(out, "          ", outcome);
    if (outcome->status == CASE_SKIPPED) print_lines(out, "          ", text_of(&outcome->message));
    if (outcome->status == CASE_FAILED && outcome->output.size) {
        fputs("          it printed:\n", out);
        print_lines(out, "            ", text_of(&outcome->output));
    }
    fflush(out);
}

void report_problem(FILE *out, const struct report_file *file) {
    fputs("  FAILED  can't be loaded\n", out);
    print_lines(out, "          ", file->problem);
    fflush(out);
}

/* ---- TAP ---- */

/* `#` begins a directive. */
static void print_tap_name(FILE *out, const char *name) {
    for (; *name; name++) {
        if (*name == '#' || *name == '\\') fputc('\\', out);
        fputc(*name == '\n' ? ' ' : *name, out);
    }
}

static void tap_line(FILE *out, size_t number, const struct report_file *file,
                     const struct report_case *of) {
    const struct case_outcome *outcome = &of->outcome;
    fprintf(out, "%s %zu - ", outcome->status == CASE_FAILED ? "not ok" : "ok", number);
    print_tap_name(out, file->file);
    fputs(": ", out);
    print_tap_name(out, of->name);
    if (outcome->status == CASE_SKIPPED) fprintf(out, " # SKIP %s", text_of(&outcome->message));
    fputc('\n', out);
    fprintf(out, "  ---\n  duration_ms: %lld\n", (long long)(outcome->duration_us / 1000));
    if (outcome->status == CASE_FAILED) {
        fprintf(out, "  at: \"%s\"\n  message: |\n", text_of(&outcome->at));
        print_lines(out, "    ", text_of(&outcome->message));
    }
    fputs("  ...\n", out);
}

void report_tap(FILE *out, const struct report_file *files) {
    size_t count = 0, number = 0;
    for (const struct report_file *file = files; file; file = file->next)
        count += file->passed + file->failed + file->skipped;
    fprintf(out, "TAP version 14\n1..%zu\n", count);
    for (const struct report_file *file = files; file; file = file->next) {
        for (const struct report_case *of = file->first; of; of = of->next)
            tap_line(out, ++number, file, of);
        if (!file->problem) continue;
        fprintf(out, "not ok %zu - ", ++number);
        print_tap_name(out, file->file);
        fputs(": can't be loaded\n  ---\n  message: |\n", out);
        print_lines(out, "    ", file->problem);
        fputs("  ...\n", out);
    }
    fflush(out);
}

/* ---- JUnit ---- */

/* XML has no way at all to say most control characters. */
static void print_xml(FILE *out, const char *text) {
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '&') fputs("&amp;", out);
        else if (byte == '<') fputs("&lt;", out);
        else if (byte == '>') fputs("&gt;", out);
        else if (byte == '"') fputs("&quot;", out);
        else if (byte == '\n') fputs("&#10;", out);
        else if (byte >= ' ' || byte == '\t') fputc(byte, out);
        else fputc('?', out);
    }
}

static void print_attribute(FILE *out, const char *name, const char *text) {
    fprintf(out, " %s=\"", name);
    print_xml(out, text);
    fputc('"', out);
}

static double seconds(int64_t us) { return (double)us / 1e6; }

static void junit_outcome(FILE *out, const struct case_outcome *outcome) {
    if (outcome->status == CASE_FAILED) {
        fputs("      <failure", out);
        print_attribute(out, "message", text_of(&outcome->message));
        fputs(">", out);
        print_xml(out, text_of(&outcome->at));
        fputs(": ", out);
        print_xml(out, text_of(&outcome->message));
        print_xml(out, text_of(&outcome->traceback));
        fputs("</failure>\n", out);
    } else if (outcome->status == CASE_SKIPPED) {
        fputs("      <skipped", out);
        print_attribute(out, "message", text_of(&outcome->message));
        fputs("/>\n", out);
    }
    if (!outcome->output.size) return;
    fputs("      <system-out>", out);
    print_xml(out, text_of(&outcome->output));
    fputs("</system-out>\n", out);
}

static void junit_case(FILE *out, const struct report_file *file, const struct report_case *of) {
    fputs("    <testcase", out);
    print_attribute(out, "classname", file->file);
    print_attribute(out, "name", of->name);
    fprintf(out, " time=\"%.3f\">\n", seconds(of->outcome.duration_us));
    junit_outcome(out, &of->outcome);
    fputs("    </testcase>\n", out);
}

static void junit_file(FILE *out, const struct report_file *file) {
    size_t count = file->passed + file->failed + file->skipped;
    size_t errors = file->problem ? 1 : 0;
    fputs("  <testsuite", out);
    print_attribute(out, "name", file->file);
    fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
            count, file->failed - errors, errors, file->skipped, seconds(file->duration_us));
    for (const struct report_case *of = file->first; of; of = of->next) junit_case(out, file, of);
    if (file->problem) {
        fputs("    <testcase", out);
        print_attribute(out, "classname", file->file);
        fputs(" name=\"can't be loaded\">\n      <error", out);
        print_attribute(out, "message", file->problem);
        fputs("/>\n    </testcase>\n", out);
    }
    fputs("  </testsuite>\n", out);
}

void report_junit(FILE *out, const struct report_file *files) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tend test\">\n", out);
    for (const struct report_file *file = files; file; file = file->next) junit_file(out, file);
    fputs("</testsuites>\n", out);
    fflush(out);
}
