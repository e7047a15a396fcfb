/* pome bench: how long a prediction takes, how much memory it needs, and what the machine allows.
 *
 * The limit shown is that of memory: a prediction reads every weight at least once.
 */
#include "bench.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "engine.h"
#include "generated.h"
#include "interrupt.h"
#include "machine.h"
#include "report.h"
#include "verbs.h"

#define MEASURE_SECONDS 2.0
#define FEWEST_RUNS     5u
#define MOST_RUNS       100000u

typedef struct timing {
  double *seconds; /* sorted at the end */
  size_t count;
  double median, fastest, slow_tenth; /* nine of ten are faster than the last */
  double total;
} timing;

static pome_status predict_once(struct engine *engine, engine_unit *unit,
                                const struct inputs *inputs, double *seconds, pome_error *error) {
  bound_values values = {0};
  double begin = machine_seconds();
  pome_status status = inputs_bind(inputs, 0, unit->run, unit->function, &values, error);
  if (status == POME_OK) status = engine_predict(engine, unit, error);
  *seconds = machine_seconds() - begin;
  inputs_release(&values);
  return status;
}

static bool enough(const struct options *options, const timing *t) {
  if (options->repetitions > 0) return t->count >= (size_t)options->repetitions;
  return t->count >= MOST_RUNS || (t->count >= FEWEST_RUNS && t->total >= MEASURE_SECONDS);
}

static pome_status measure(struct engine *engine, engine_unit *unit, const struct inputs *inputs,
                           timing *t, pome_error *error) {
  const struct options *options = engine->options;
  size_t room = options->repetitions > 0 ? (size_t)options->repetitions : MOST_RUNS;
  double seconds;
  for (int64_t i = 0; i < options->warmup; i++)
    POME__TRY(predict_once(engine, unit, inputs, &seconds, error));
  t->seconds = calloc(room, sizeof *t->seconds);
  if (!t->seconds) return pome__fail_memory(error, "the measurements");
  while (!enough(options, t)) {
    POME__TRY(predict_once(engine, unit, inputs, &t->seconds[t->count], error));
    t->total += t->seconds[t->count++];
  }
  t->median = machine_median(t->seconds, t->count);
  t->fastest = t->seconds[0];
  t->slow_tenth = t->seconds[(t->count - 1) * 9 / 10];
  return POME_OK;
}

static double weight_bytes(const pome_function *function) {
  double total = 0;
  for (size_t i = 0; i < pome_function_weight_count(function); i++)
    total += (double)pome_function_weight(function, i).bytes;
  return total;
}

typedef struct bench_facts {
  timing timing;
  double weights, peak, run_bytes, bandwidth;
  int threads;
} bench_facts;

static void print_facts(const struct engine *engine, const engine_unit *unit,
                        const bench_facts *f) {
  char a[64], b[64];
  const timing *t = &f->timing;
  report_put(pome_function_name(unit->function));
  printf(" on %s, %s, %d thread%s\n", engine_device_name(unit->plan),
         engine->options->numerics ? engine->options->numerics : "fast", f->threads,
         f->threads == 1 ? "" : "s");
  printf("  prediction  %.4g ms median, %.4g ms fastest, 9 of 10 under %.4g ms (%zu runs)\n",
         t->median * 1e3, t->fastest * 1e3, t->slow_tenth * 1e3, t->count);
  printf("  memory      %s peak, %s of it for intermediate values\n",
         report_bytes(f->peak, a, sizeof a), report_bytes(f->run_bytes, b, sizeof b));
  if (f->bandwidth > 0)
    printf("  machine     reads %s/s: the weights, %s, once in %.4g ms\n",
           report_bytes(f->bandwidth, a, sizeof a), report_bytes(f->weights, b, sizeof b),
           f->weights / f->bandwidth * 1e3);
}

static json_t *facts_json(const struct engine *engine, const engine_unit *unit,
                          const bench_facts *f) {
  const timing *t = &f->timing;
  json_t *times = json_pack("{s:f, s:f, s:f, s:I, s:I}", "median", t->median * 1e3, "fastest",
                            t->fastest * 1e3, "slow_tenth", t->slow_tenth * 1e3, "runs",
                            (json_int_t)t->count, "warm_up", (json_int_t)engine->options->warmup);
  json_t *machine =
      json_pack("{s:f, s:f}", "read_bytes_per_second", f->bandwidth, "weights_once_ms",
                f->bandwidth > 0 ? f->weights / f->bandwidth * 1e3 : 0.0);
  return json_pack("{s:s, s:s, s:s, s:o, s:s, s:i, s:o, s:I, s:I, s:I, s:o}", "model", engine->path,
                   "function", pome_function_name(unit->function), "device",
                   engine_device_name(unit->plan), "devices", engine_devices_json(unit->plan),
                   "numerics", engine->options->numerics ? engine->options->numerics : "fast",
                   "threads", f->threads, "prediction_ms", times, "peak_memory_bytes",
                   (json_int_t)f->peak, "run_bytes", (json_int_t)f->run_bytes, "weight_bytes",
                   (json_int_t)f->weights, "machine", machine);
}

static pome_status bench_function(const struct options *options, struct engine *engine,
                                  pome__arena *arena, bench_facts *f, pome_error *error) {
  const pome_function *function;
  struct inputs inputs;
  engine_unit *unit;
  POME__TRY(engine_open(options->operands.items[0], options, engine, error));
  POME__TRY(engine_find(engine->model, options->function, &function, error));
  POME__TRY(inputs_gather(options, function, arena, &inputs, error));
  if (inputs.sequence)
    return pome__fail(error, POME_USAGE, "'bench' measures one prediction, not a sequence");
  POME__TRY(generated_fill(&inputs, function, error));
  POME__TRY(engine_prepare(engine, options->function, &unit, error));
  POME__TRY(measure(engine, unit, &inputs, &f->timing, error));
  f->threads = machine_threads((int)options->threads);
  f->peak = machine_peak_memory(); /* before the bandwidth's own buffer */
  f->run_bytes = (double)pome_run_bytes(unit->run);
  f->weights = weight_bytes(unit->function);
  f->bandwidth = machine_read_bandwidth(f->threads);
  if (options->json) return report_json(facts_json(engine, unit, f), 6, error);
  print_facts(engine, unit, f);
  return POME_OK;
}

/* True for a folder with a tokenizer.json beside a model. */
static bool is_language_model(const char *path) {
  char name[POME__PATH_LIMIT];
  return pome__path_join(name, sizeof name, path, "tokenizer.json") &&
         pome__path_kind_of(name) == POME__PATH_FILE;
}

int verb_bench(const struct options *options) {
  pome_error error = {0};
  pome_status status;
  if (is_language_model(options->operands.items[0])) {
    status = bench_language_model(options, &error);
  } else {
    struct engine engine = {0};
    bench_facts facts = {0};
    pome__arena arena;
    pome__arena_init(&arena, NULL, 0);
    status = bench_function(options, &engine, &arena, &facts, &error);
    free(facts.timing.seconds);
    pome__arena_free(&arena);
    engine_close(&engine);
  }
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
