/* tend init [DIR]: a project that runs at once: settings, a first workflow, what editors and the
 * analyser need. Nothing that is there is touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/command.h"

static const char help[] =
    "usage: tend init [DIR]\n\n"
    "Makes a project in DIR (default: here): tend.lua, workflows/hello.lua and a test of it, and "
    "what\n"
    "editors (.luarc.json), luacheck (.luacheckrc) and git (.gitignore) need. Files that are there "
    "stay as\n"
    "they are.\n\n"
    "exit: 0 made, 1 a file can't be written, 2 usage\n";

struct template {
    const char *path;
    const char *text; /* a @ is where the Lua library of this tend lies */
};

static const struct template templates[] = {
    {"tend.lua",
     "-- Settings of this project. Every key is in the reference, \"Settings\".\n"
     "return {\n"
     "  -- Workflows declare what they touch (`permissions`); a later version holds them to it.\n"
     "  strict = true,\n\n"
     "  -- model = \"openai/gpt-5\", -- what llm{} and the shipped workflows ask\n"
     "  -- projects = { { environment = \"production\", token = secret \"RAILWAY_TOKEN\", mode = "
     "\"observe\" } },\n"
     "  -- schedules = { monitor_project_health = { every = \"10m\" } },\n"
     "  -- limits = { memory = \"256MiB\", watchdog = \"30s\" },\n"
     "}\n"},
    {"workflows/hello.lua",
     "---@type tend.Workflow\n"
     "return {\n"
     "  description = \"Says hello, in two durable steps.\",\n"
     "  input = { name = \"world\" },\n"
     "  permissions = { net = {}, exec = {}, env = {}, fs = {} },\n"
     "  run = function(input)\n"
     "    local greeting = step(\"greet\", function()\n"
     "      return \"Hello, \" .. input.name .. \"!\"\n"
     "    end)\n"
     "    sleep(\"1s\") -- a durable timer: kill tend here, and `tend resume --all` goes on\n"
     "    return { greeting = greeting, length = #greeting }\n"
     "  end,\n"
     "}\n"},
    {"workflows/hello_test.lua",
     "local test = require \"test\"\n\n"
     "test.case(\"greets by name\", function(t)\n"
     "  local run = t.run(\"hello\", { name = \"you\" })\n"
     "  t.equal(run.status, \"completed\")\n"
     "  t.equal(run.result, { greeting = \"Hello, you!\", length = 11 })\n"
     "end)\n"},
    {".luarc.json", "{\n"
                    "  \"runtime.version\": \"Lua 5.4\",\n"
                    "  \"workspace.library\": [\"@\"],\n"
                    "  \"workspace.checkThirdParty\": false\n"
                    "}\n"},
    {".luacheckrc",
     "std = \"lua54\"\n"
     "read_globals = {\n"
     "   \"step\", \"sleep\", \"sleep_until\", \"http\", \"llm\", \"agent\", \"exec\", "
     "\"parallel\", \"invoke\",\n"
     "   \"start\", \"wait_for\", \"state\", \"continue_as\", \"now\", \"uuid\", \"random\", "
     "\"log\", \"secret\",\n"
     "   \"settings\", \"fatal\", \"json\", \"cjson\", \"redact\", \"fence\", \"hash\", \"logs\", "
     "\"judge\",\n"
     "}\n"},
    {".gitignore", ".tend/\n.tend-work/\n"},
};
enum { TEMPLATE_COUNT = sizeof templates / sizeof *templates };

static int write_text(int descriptor, const char *text, const char *library) {
    struct buffer filled = BUFFER_EMPTY;
    for (const char *c = text; *c; c++)
        if (*c == '@') buffer_add_text(&filled, library);
        else buffer_add_byte(&filled, (unsigned char)*c);
    bool is_written =
        !filled.is_failed && write(descriptor, filled.data, filled.size) == (ssize_t)filled.size;
    buffer_done(&filled);
    return is_written ? 0 : EXIT_FAILED;
}

/* 0, or an exit code after a message. What is there is kept, and said. */
static int make_file(const char *folder, const struct template *template, const char *library) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, template->path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0 && errno == EEXIST) {
        printf("  kept    %s\n", path);
        return 0;
    }
    if (descriptor < 0) return complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
    int code = write_text(descriptor, template->text, library);
    if (close(descriptor) || code) return complain(EXIT_FAILED, "%s: could not be written", path);
    printf("  wrote   %s\n", path);
    return 0;
}

static int make_folder(const char *path) {
    if (mkdir(path, 0755) == 0 || errno == EEXIST) return 0;
    return complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
}

static int make_project(const char *folder, const char *library) {
    char workflows[4096];
    snprintf(workflows, sizeof workflows, "%s/workflows", folder);
    int code = make_folder(folder);
    if (!code) code = make_folder(workflows);
    for (size_t i = 0; !code && i < TEMPLATE_COUNT; i++)
        code = make_file(folder, &templates[i], library);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    int code = place_options(&place, &command_init, argc, argv);
    if (code) return code < 0 ? 0 : code;
    if (argc - optind > 1) return misuse(&command_init, "give one DIR, or none");
    const char *folder = optind < argc ? argv[optind] : ".";
    place_settle(&place);
    char *library = realpath(place.stdlib ? place.stdlib : ".", NULL);
    code = make_project(folder, library ? library : "");
    free(library);
    if (!code && !place.is_quiet)
        printf("\nNow: %s%s%stend run hello --set name=you   (and `tend test`, `tend check`)\n",
               optind < argc ? "cd " : "", optind < argc ? folder : "",
               optind < argc ? " && " : "");
    place_done(&place);
    return code;
}

const struct command command_init = {
    .name = "init", .summary = "make a project with a first workflow", .run = run, .help = help};
