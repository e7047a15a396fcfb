/* pome verify: runs a model and compares, either one pair of archives or golden folders.
 *
 * Both are the same thing: calls with inputs, expected arrays and tolerances. A check is one
 * compared output.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "engine.h"
#include "golden.h"
#include "inputs.h"
#include "interrupt.h"
#include "report.h"
#include "results.h"
#include "show.h"
#include "verbs.h"

typedef struct check {
  char *name;
  size_t call;
  pome_dtype dtype;
  tolerance tolerance;
  verdict verdict;
} check;

typedef struct check_list {
  check *items;
  size_t count;
  size_t bad;
  double used; /* largest share of a tolerance */
} check_list;

/* Where the expected values and their tolerances come from. */
typedef struct expectation {
  const struct options *options;
  const pome__arrays *arrays;
  const char *suffix; /* of this step, "" for none */
  size_t call;
  const json_t *nearest, *farther;
} expectation;

static void checks_free(check_list *checks) {
  for (size_t i = 0; i < checks->count; i++) free(checks->items[i].name);
  free(checks->items);
  *checks = (check_list){0};
}

static pome_status add_check(check_list *list, const char *name, size_t call, const check *found,
                             pome_error *error) {
  check *items = realloc(list->items, (list->count + 1) * sizeof *items);
  char *copy = strdup(name);
  if (items) list->items = items;
  if (!items || !copy) {
    free(copy);
    return pome__fail_memory(error, "the comparison");
  }
  check *item = &items[list->count++];
  *item = *found;
  item->name = copy;
  item->call = call;
  if (!found->verdict.good) list->bad++;
  list->used = fmax(list->used, found->verdict.used);
  return POME_OK;
}

static pome_status choose_tolerance(const expectation *want, const char *name, pome_dtype dtype,
                                    pome_feature feature, tolerance *result, pome_error *error) {
  const struct options *options = want->options;
  bool given = options->atol >= 0 || options->rtol >= 0;
  if (!given)
    return tolerance_find(want->nearest, want->farther, name, dtype, feature, result, error);
  tolerance standard = tolerance_default(dtype, feature);
  *result = standard;
  if (!standard.exact)
    *result = (tolerance){.rel_l2 = -1,
                          .max_abs = -1,
                          .mean_abs = -1,
                          .mismatch_ratio = -1,
                          .atol = fmax(options->atol, 0),
                          .rtol = fmax(options->rtol, 0)};
  return POME_OK;
}

/* ---- one call ---- */

/* Splits "D.values" when D is a dictionary among the results. */
static const port_result *find_dictionary(const struct results *results, const char *name,
                                          const char *part) {
  size_t length = strlen(name), tail = strlen(part);
  char base[512];
  if (length <= tail || strcmp(name + length - tail, part) != 0) return NULL;
  snprintf(base, sizeof base, "%.*s", (int)(length - tail), name);
  const port_result *found = results_find(results, base);
  return found && found->feature == POME_FEATURE_DICTIONARY ? found : NULL;
}

static const pome_tensor *find_expected(const expectation *want, const char *name,
                                        const char *part) {
  char text[640];
  snprintf(text, sizeof text, "%s%s%s", name, part, want->suffix);
  return pome__arrays_find(want->arrays, text);
}

static pome_status check_dictionary(const expectation *want, const port_result *got,
                                    check_list *list, pome_error *error) {
  char name[512];
  check found = {.dtype = got->tensor.dtype};
  const pome_tensor *keys = find_expected(want, got->name, ".keys");
  snprintf(name, sizeof name, "%s.values", got->name);
  if (!keys)
    return pome__fail(error, POME_INPUT, "\"%s\" is expected without \"%s.keys\"", name, got->name);
  POME__TRY(choose_tolerance(want, name, got->tensor.dtype, got->feature, &found.tolerance, error));
  POME__TRY(compare_dictionaries(got, keys, find_expected(want, got->name, ".values"),
                                 &found.tolerance, &found.verdict, error));
  return add_check(list, got->name, want->call, &found, error);
}

static pome_status fail_name(const char *name, const struct results *results, pome_error *error) {
  char known[256] = "";
  size_t used = 0;
  for (size_t i = 0; i < results->count && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, i ? ", %s" : "%s",
                             results->items[i].name);
  return pome__fail(error, POME_INPUT, "no output is named \"%s\"; the outputs are: %s", name,
                    known);
}

static pome_status check_output(const expectation *want, const char *name,
                                const pome_tensor *expected, const struct results *results,
                                check_list *list, pome_error *error) {
  const port_result *keyed = find_dictionary(results, name, ".keys");
  if (keyed) return check_dictionary(want, keyed, list, error);
  keyed = find_dictionary(results, name, ".values");
  if (keyed)
    return find_expected(want, keyed->name, ".keys") ? POME_OK
                                                     : check_dictionary(want, keyed, list, error);
  const port_result *got = results_find(results, name);
  if (!got) return fail_name(name, results, error);
  check found = {.dtype = got->tensor.dtype};
  POME__TRY(choose_tolerance(want, name, got->tensor.dtype, got->feature, &found.tolerance, error));
  POME__TRY(compare_tensors(&got->tensor, expected, &found.tolerance, &found.verdict, error));
  return add_check(list, name, want->call, &found, error);
}

/* The expected arrays of this step, without the step's suffix. */
static pome_status check_step(const expectation *want, const pome_function *function,
                              const struct results *results, bool sequence, check_list *list,
                              pome_error *error) {
  for (size_t i = 0; i < want->arrays->count; i++) {
    const char *full = want->arrays->items[i].name;
    size_t length = strlen(full), step;
    char name[512];
    bool stepped = sequence && inputs_split_name(function, full, &length, &step);
    bool state = strncmp(full, "state:", 6) == 0;
    if (sequence && (state || (stepped && step != want->call))) continue;
    snprintf(name, sizeof name, "%.*s", (int)length, full);
    POME__TRY(check_output(want, name, &want->arrays->items[i].tensor, results, list, error));
  }
  return POME_OK;
}

static pome_status run_call(struct engine *engine, engine_unit *unit, const struct inputs *inputs,
                            size_t step, struct results *results, pome_error *error) {
  bound_values values = {0};
  pome_status status = inputs_bind(inputs, step, unit->run, unit->function, &values, error);
  if (status == POME_OK) status = engine_predict(engine, unit, error);
  inputs_release(&values);
  if (status == POME_OK) status = results_collect(results, unit, "", error);
  return status;
}

/* ---- golden folders ---- */

static pome_status replay_call(struct engine *engine, const golden_folder *golden, size_t index,
                               check_list *list, pome__arena *arena, pome_error *error) {
  const golden_call *call = &golden->calls[index];
  engine_unit *unit;
  POME__TRY(engine_prepare(engine, call->function, &unit, error));
  pome__arrays given = {0}, expected = {0};
  if (call->inputs) POME__TRY(pome__npz_read(call->inputs, arena, &given, error));
  if (call->outputs) POME__TRY(pome__npz_read(call->outputs, arena, &expected, error));
  if (call->state != GOLDEN_STATE_KEEP) POME__TRY(engine_reset_state(engine, unit, error));
  struct inputs inputs;
  inputs_from_arrays(&given, arena, &inputs);
  struct results results = {.arena = arena};
  POME__TRY(run_call(engine, unit, &inputs, 0, &results, error));
  expectation want = {.options = engine->options,
                      .arrays = &expected,
                      .suffix = "",
                      .call = index,
                      .nearest = call->tolerance,
                      .farther = golden->tolerance};
  return check_step(&want, unit->function, &results, false, list, error);
}

static pome_status replay_calls(struct engine *engine, const golden_folder *golden,
                                check_list *list, pome_error *error) {
  pome_status status = POME_OK;
  for (size_t i = 0; status == POME_OK && i < golden->count; i++) {
    pome__arena arena;
    pome__arena_init(&arena, NULL, 0);
    if (golden->count > 4) report_progress("call %zu of %zu", i + 1, golden->count);
    status = replay_call(engine, golden, i, list, &arena, error);
    pome__arena_free(&arena);
  }
  report_progress_end();
  return status;
}

/* One folder's outcome, kept for printing. */
typedef struct outcome {
  const char *folder;
  pome_error error; /* status OK when all calls ran */
  check_list checks;
  size_t calls;
  char device[32];
  bool failed_as_expected;
} outcome;

static pome_status replay_folder(const char *model, const struct options *options, outcome *out,
                                 pome__arena *arena) {
  golden_folder golden;
  POME__TRY(golden_read(out->folder, arena, &golden, &out->error));
  if (!model) model = golden.model;
  struct engine engine = {0};
  pome_status status =
      model ? engine_open(model, options, &engine, &out->error)
            : pome__fail(&out->error, POME_USAGE,
                         "golden.json names no model, and neither does the command line");
  if (status == POME_OK) status = replay_calls(&engine, &golden, &out->checks, &out->error);
  if (engine.units && engine.units[0].plan)
    snprintf(out->device, sizeof out->device, "%s", engine_device_name(engine.units[0].plan));
  engine_close(&engine);
  out->calls = golden.count;
  if (golden.expects_error && status == POME_OK)
    status = pome__fail(&out->error, POME_INPUT, "an error was expected, and none came");
  else if (golden.expects_error &&
           (status == POME_INPUT || status == POME_UNSUPPORTED || status == POME_USAGE)) {
    out->failed_as_expected = true;
    out->error.status = status = POME_OK;
  }
  golden_free(&golden);
  return status;
}

static json_t *check_json(const check *c) {
  const figures *f = &c->verdict.figures;
  json_t *item =
      json_pack("{s:s, s:I, s:b, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "output",
                c->name, "call", (json_int_t)c->call, "ok", c->verdict.good, "dtype",
                pome_dtype_name(c->dtype), "count", (json_int_t)f->count, "max_abs",
                show_real_json(f->max_abs), "max_rel", show_real_json(f->max_rel), "mean_abs",
                show_real_json(f->mean_abs), "rel_l2", show_real_json(f->rel_l2), "cosine",
                show_real_json(f->cosine), "outside", (json_int_t)f->outside, "first_outside",
                f->outside ? json_integer((json_int_t)f->first) : json_null(), "tolerance",
                tolerance_json(&c->tolerance), "used", show_real_json(c->verdict.used));
  if (item && !c->verdict.good)
    json_object_set_new(item, "reason",
                        show_string_json(c->verdict.reason, strlen(c->verdict.reason)));
  return item;
}

static json_t *checks_json(const check_list *list) {
  json_t *array = json_array();
  for (size_t i = 0; i < list->count; i++)
    json_array_append_new(array, check_json(&list->items[i]));
  return array;
}

/* Output, figures, and the reason when it is out of tolerance. */
static void print_check(const check *c, bool show_call) {
  const figures *f = &c->verdict.figures;
  printf("  %s ", c->verdict.good ? "ok  " : "DIFF");
  report_put(c->name);
  if (show_call && strncmp(c->name, "state:", 6) != 0) printf("@%zu", c->call);
  if (f->count > 0)
    printf("  max abs %.3g, max rel %.3g, rel l2 %.3g, cosine %.7g", f->max_abs, f->max_rel,
           f->rel_l2, f->cosine);
  if (!c->verdict.good) {
    fputs("\n       ", stdout);
    report_put(c->verdict.reason);
  }
  putchar('\n');
}

static void print_checks(const check_list *list, bool all, bool show_call) {
  for (size_t i = 0; i < list->count; i++)
    if (all || !list->items[i].verdict.good) print_check(&list->items[i], show_call);
}

static const char *outcome_word(const outcome *out) {
  return out->error.status != POME_OK ? "error" : out->checks.bad ? "different" : "ok";
}

static void print_used(double used) {
  if (used > 0) printf(", %.3g of the tolerance", used);
  else fputs(", no difference", stdout);
}

static void print_outcome(const outcome *out, bool verbose) {
  printf("%-9s ", outcome_word(out));
  report_put(out->folder);
  if (out->error.status != POME_OK) {
    char text[1200];
    pome_error_format(&out->error, text, sizeof text);
    fputs(": ", stdout);
    report_put(text);
  } else if (out->failed_as_expected) {
    fputs("  failed as it should", stdout);
  } else {
    printf("  %zu call%s, %zu output%s", out->calls, out->calls == 1 ? "" : "s", out->checks.count,
           out->checks.count == 1 ? "" : "s");
    if (out->checks.bad == 0) print_used(out->checks.used);
  }
  putchar('\n');
  print_checks(&out->checks, verbose, out->calls > 1);
}

static json_t *outcome_json(const outcome *out) {
  json_t *item = json_pack("{s:o, s:s, s:s, s:I, s:o}", "folder",
                           show_string_json(out->folder, strlen(out->folder)), "status",
                           outcome_word(out), "device", out->device, "calls",
                           (json_int_t)out->calls, "outputs", checks_json(&out->checks));
  if (item && out->error.status != POME_OK) {
    char text[1200];
    pome_error_format(&out->error, text, sizeof text);
    json_object_set_new(item, "error", show_string_json(text, strlen(text)));
    json_object_set_new(item, "exit_status",
                        json_integer(pome_status_exit_code(out->error.status)));
  }
  return item;
}

struct tally {
  size_t good, different, failed;
  int exit_status; /* of the first folder that could not be run */
};

static void count_outcome(struct tally *tally, const outcome *out) {
  if (out->error.status != POME_OK) {
    if (tally->failed++ == 0) tally->exit_status = pome_status_exit_code(out->error.status);
  } else if (out->checks.bad) {
    tally->different++;
  } else {
    tally->good++;
  }
}

static int tally_status(const struct tally *tally) {
  return tally->different ? EXIT_NO : tally->failed ? tally->exit_status : 0;
}

static int verify_golden(const struct options *options) {
  const char *model = options->operands.count ? options->operands.items[0] : NULL;
  json_t *folders = options->json ? json_array() : NULL;
  struct tally tally = {0};
  size_t count = options->golden.count;
  for (size_t i = 0; i < count && !interrupt_seen() && !report_broken(); i++) {
    outcome out = {.folder = options->golden.items[i]};
    pome__arena arena;
    pome__arena_init(&arena, NULL, 0);
    if (count > 1) report_progress("folder %zu of %zu", i + 1, count);
    replay_folder(model, options, &out, &arena);
    report_progress_end();
    count_outcome(&tally, &out);
    if (options->json) json_array_append_new(folders, outcome_json(&out));
    else print_outcome(&out, options->verbosity > 0);
    checks_free(&out.checks);
    pome__arena_free(&arena);
  }
  if (!options->json) {
    printf("%zu of %zu agree", tally.good, count);
    if (tally.different) printf(", %zu different", tally.different);
    if (tally.failed) printf(", %zu could not be run", tally.failed);
    putchar('\n');
    return tally_status(&tally);
  }
  pome_error error;
  json_t *root = json_pack("{s:o, s:I, s:I, s:I, s:I}", "folders", folders, "count",
                           (json_int_t)count, "ok", (json_int_t)tally.good, "different",
                           (json_int_t)tally.different, "failed", (json_int_t)tally.failed);
  return report_json(root, 9, &error) == POME_OK ? tally_status(&tally) : report_error(&error);
}

/* ---- one pair of archives ---- */

static pome_status check_states(const expectation *want, const struct engine *engine,
                                pome__arena *arena, check_list *list, pome_error *error) {
  struct results states = {.arena = arena};
  POME__TRY(results_collect_states(&states, engine, error));
  for (size_t i = 0; i < want->arrays->count; i++) {
    const pome__array *array = &want->arrays->items[i];
    if (strncmp(array->name, "state:", 6) == 0)
      POME__TRY(check_output(want, array->name, &array->tensor, &states, list, error));
  }
  return POME_OK;
}

static pome_status check_pair(struct engine *engine, engine_unit *unit, const struct inputs *inputs,
                              const pome__arrays *expected, check_list *list, pome__arena *arena,
                              pome_error *error) {
  expectation want = {.options = engine->options, .arrays = expected, .suffix = ""};
  for (size_t step = 0; step < inputs->steps; step++) {
    char suffix[32] = "";
    struct results results = {.arena = arena};
    if (inputs->sequence) snprintf(suffix, sizeof suffix, "@%zu", step);
    want.suffix = suffix;
    want.call = step;
    POME__TRY(run_call(engine, unit, inputs, step, &results, error));
    if (!inputs->sequence) POME__TRY(results_collect_states(&results, engine, error));
    POME__TRY(check_step(&want, unit->function, &results, inputs->sequence, list, error));
  }
  want.suffix = "";
  return inputs->sequence ? check_states(&want, engine, arena, list, error) : POME_OK;
}

static void print_agreement(const check_list *list) {
  printf("%zu output%s agree%s", list->count, list->count == 1 ? "" : "s",
         list->count == 1 ? "s" : "");
  print_used(list->used);
  putchar('\n');
}

static pome_status show_pair(const struct engine *engine, const engine_unit *unit,
                             const check_list *list, bool sequence, pome_error *error) {
  const struct options *options = engine->options;
  if (list->count == 0)
    return pome__fail(error, POME_INPUT, "nothing to compare in %s", options->expect);
  if (options->json)
    return report_json(json_pack("{s:s, s:s, s:s, s:o, s:s, s:b, s:o}", "model", engine->path,
                                 "function", pome_function_name(unit->function), "device",
                                 engine_device_name(unit->plan), "devices",
                                 engine_devices_json(unit->plan), "numerics",
                                 options->numerics ? options->numerics : "fast", "ok",
                                 list->bad == 0, "outputs", checks_json(list)),
                       9, error);
  print_checks(list, true, sequence);
  if (list->bad) printf("%zu of %zu outputs differ\n", list->bad, list->count);
  else print_agreement(list);
  return POME_OK;
}

static pome_status verify_pair(const struct options *options, struct engine *engine,
                               check_list *list, pome__arena *arena, pome_error *error) {
  POME__TRY(engine_open(options->operands.items[0], options, engine, error));
  const pome_function *function;
  POME__TRY(engine_find(engine->model, options->function, &function, error));
  struct inputs inputs;
  pome__arrays expected;
  engine_unit *unit;
  POME__TRY(inputs_gather(options, function, arena, &inputs, error));
  POME__TRY(pome__npz_read(options->expect, arena, &expected, error));
  POME__TRY(engine_prepare(engine, options->function, &unit, error));
  POME__TRY(check_pair(engine, unit, &inputs, &expected, list, arena, error));
  return show_pair(engine, unit, list, inputs.sequence, error);
}

int verb_verify(const struct options *options) {
  pome_error error = {0};
  if (options->golden.count > 0) return interrupt_exit_status(verify_golden(options));
  if (options->operands.count == 0 || !options->expect) {
    pome__fail(&error, POME_USAGE, "'verify' needs MODEL with --expect OUT.npz, or --golden DIR");
    pome__error_hint(&error, "'pome verify --help' tells more");
    return report_error(&error);
  }
  struct engine engine = {0};
  check_list checks = {0};
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_status status = verify_pair(options, &engine, &checks, &arena, &error);
  int exit_status = status != POME_OK ? report_error(&error) : checks.bad ? EXIT_NO : 0;
  checks_free(&checks);
  pome__arena_free(&arena);
  engine_close(&engine);
  return interrupt_exit_status(exit_status);
}
