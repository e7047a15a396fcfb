/* The public plan: options, and the device chain as words. The processor's chain always ends in the
 * reference interpreter, which runs on the processor too and takes what the kernels leave (control
 * flow, lists).
 */
#include <stdio.h>
#include <string.h>

#include "backend/backends.h"
#include "base/cpu.h"
#include "base/options.h"
#include "ops/ops.h"
#include "pass/pass.h"
#include "runtime/runtime.h"

#define MAX_LINKS 8

size_t pome_device_count(void) {
  return pome__device_count();
}

/* NULL when the device can be used. */
static const char *why_missing(const pome__device *device) {
  if (device->backend == NULL) return device->missing;
  return device->backend->unavailable == NULL ? NULL : device->backend->unavailable();
}

pome_device pome_device_get(size_t index) {
  const pome__device *device = pome__device_at(index);
  if (device == NULL)
    return (pome_device){.name = "", .description = "", .reason = "no such device"};
  const char *reason = why_missing(device);
  return (pome_device){device->name, device->description, reason == NULL,
                       reason == NULL ? "" : reason};
}

void pome_plan_options_init_sized(pome_plan_options *options, size_t size) {
  static const pome_plan_options defaults = {.numerics = POME_NUMERICS_FAST};
  pome__options_init(options, size, &defaults, sizeof defaults);
}

/* ---- the chain ---- */

typedef struct chain {
  pome__link links[MAX_LINKS];
  size_t count;
} chain;

static bool has_link(const chain *c, const char *name) {
  for (size_t i = 0; i < c->count; i++) {
    if (strcmp(c->links[i].name, name) == 0) return true;
  }
  return false;
}

static void add_link(chain *c, const pome__device *device) {
  if (c->count == MAX_LINKS || has_link(c, device->name)) return;
  const char *reason = why_missing(device);
  c->links[c->count++] = (pome__link){.backend = reason == NULL ? device->backend : NULL,
                                      .name = device->name,
                                      .reason = reason == NULL ? "" : reason};
}

static pome_status unknown_device(const char *name, size_t size, pome_error *error) {
  char known[128] = "";
  for (size_t i = 0; i < pome__device_count(); i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", pome__device_at(i)->name);
  }
  return pome__fail(error, POME_USAGE, "no device is called \"%.*s\"; known are auto, %s",
                    (int)size, name, known);
}

static pome_status parse_chain(const char *text, chain *c, pome_error *error) {
  if (text == NULL) text = "auto";
  while (true) {
    size_t size = strcspn(text, ",");
    const pome__device *device = pome__device_find(text, size);
    bool automatic = size == 4 && memcmp(text, "auto", 4) == 0;
    if (device == NULL && !automatic) return unknown_device(text, size, error);
    for (size_t i = 0; automatic && i < pome__device_count(); i++) {
      if (pome__device_at(i)->automatic) add_link(c, pome__device_at(i));
    }
    if (device != NULL) add_link(c, device);
    if (text[size] == '\0') break;
    text += size + 1;
  }
  if (has_link(c, "cpu")) add_link(c, pome__device_find("ref", 3));
  for (size_t i = 0; i < c->count; i++) {
    if (c->links[i].backend != NULL) return POME_OK;
  }
  return pome__fail(error, POME_UNSUPPORTED, "device %s cannot be used: %s", c->links[0].name,
                    c->links[0].reason);
}

static pome_status parse_isa(const char *name, pome__isa *isa, pome_error *error) {
  *isa = pome__cpu_isa();
  if (name == NULL) return POME_OK;
  pome__isa wanted = pome__isa_from_name(name);
  if (wanted == POME__ISA_COUNT) {
    return pome__fail(error, POME_USAGE,
                      "no instruction set is called \"%s\"; known are scalar, avx2, avx512", name);
  }
  if (wanted > *isa) return pome__fail(error, POME_UNSUPPORTED, "this processor has no %s", name);
  *isa = wanted;
  return POME_OK;
}

/* ---- plans ---- */

/* Passes change a copy: the model stays what its file says. */
static pome_status simplify(const pome_function *function, const pome_plan_options *options,
                            pome_plan *plan, pome_error *error) {
  bool strict = options->numerics == POME_NUMERICS_STRICT;
  const pome__pass *const passes[] = {strict ? &pome__pass_fold : &pome__pass_fold_whole,
                                      &pome__pass_casts, &pome__pass_transposes,
                                      &pome__pass_identities, &pome__pass_dead};
  pome__pass_request request = {
      .passes = passes,
      .pass_count = sizeof passes / sizeof passes[0],
      .keep = options->keep,
      .keep_count = options->keep_count,
  };
  plan->program = pome__program_clone(function->program, NULL, options->allocator);
  if (plan->program == NULL) return pome__fail_memory(error, "a plan");
  POME__TRY(pome__program_verify(plan->program, error));
  POME__TRY(pome__program_resolve(plan->program, error));
  return pome__pass_run(plan->program, &request, error);
}

static pome_status make_bounds(const pome_function *function, const pome__function *program,
                               pome__arena *arena, const pome__type ***out, pome_error *error) {
  const pome__type **bounds = POME__NEW_ARRAY(arena, const pome__type *, program->input_count);
  pome__type *types = POME__NEW_ARRAY(arena, pome__type, program->input_count);
  if (bounds == NULL || types == NULL) return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < program->input_count; i++) {
    const pome__value *input = program->inputs[i];
    if (input->type.kind != POME__TYPE_TENSOR) continue;
    const pome_port *port = pome_function_find_port(function, POME_INPUT_PORT, input->name);
    if (pome__port_bound(port, &input->type, &types[i])) bounds[i] = &types[i];
  }
  *out = bounds;
  return POME_OK;
}

static pome_status create(const pome_function *function, const pome_plan_options *options,
                          pome_plan *plan, pome_error *error) {
  chain c = {0};
  pome__settings settings = {
      .allocator = options->allocator, .numerics = options->numerics, .threads = options->threads};
  POME__TRY(parse_chain(options->devices, &c, error));
  POME__TRY(parse_isa(options->isa, &settings.isa, error));
  if (settings.threads <= 0) settings.threads = pome__cpu_count();
  if (!options->as_written) POME__TRY(simplify(function, options, plan, error));
  const pome__function *program =
      plan->program == NULL ? function->program : plan->program->functions[0];
  pome__arena scratch;
  pome__arena_init(&scratch, options->allocator, 0);
  const pome__type **bounds;
  pome_status status = make_bounds(function, program, &scratch, &bounds, error);
  if (status == POME_OK) {
    pome__plan_request request = {
        .function = program,
        .links = c.links,
        .link_count = c.count,
        .settings = settings,
        .keep = options->keep,
        .keep_count = options->keep_count,
        .bounds = bounds,
    };
    status = pome__plan_create(&request, &plan->plan, error);
  }
  pome__arena_free(&scratch);
  return status;
}

/* Why a function without a program does not run. */
static void fail_without_program(const pome_function *function, pome_error *error) {
  const char *refusal = function->description->refusal;
  int type = function->model->package->description.model_type;
  if (refusal != NULL) {
    pome__fail(error, POME_UNSUPPORTED, "the %s cannot run: %s",
               pome__model_type_form(type) == POME__PROGRAM_NETWORK ? "network" : "model", refusal);
    return;
  }
  if (pome__model_type_form(type) != POME__PROGRAM_NONE) {
    pome__fail(error, POME_UNSUPPORTED,
               "a compiled model of type %s cannot run; the .mlmodel file that it came from can",
               function->type);
    return;
  }
  pome__fail(error, POME_UNSUPPORTED,
             "models of type %s cannot run; ML programs, neural networks and generalized linear "
             "models can",
             function->type);
  pome__error_hint(error, "convert it to an ML program (coremltools: convert_to=\"mlprogram\")");
}

pome_status pome_plan_create(const pome_function *function, const pome_plan_options *options,
                             pome_plan **out, pome_error *error) {
  pome_plan_options chosen;
  pome_plan_options_init(&chosen);
  if (function == NULL || out == NULL)
    return pome__fail(error, POME_USAGE,
                      "pome_plan_create needs a function and a place for the plan");
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  if ((unsigned)chosen.numerics > POME_NUMERICS_WIDE) {
    return pome__fail(error, POME_USAGE, "numerics %d; 0 (fast), 1 (strict) and 2 (wide) are known",
                      (int)chosen.numerics);
  }
  bool pipeline = function->stage_count > 0;
  if (function->program == NULL && !pipeline) {
    fail_without_program(function, error);
    return POME_UNSUPPORTED;
  }
  const char *missing = pipeline ? NULL : function->whole->missing_weights;
  if (missing != NULL) {
    pome__fail(error, POME_INPUT, "the weight file \"%.200s\" is missing", missing);
    pome__error_hint(error, "put the file where it belongs in the package; without it a model can "
                            "be inspected, not run");
    return POME_INPUT;
  }
  if (function->model->package != NULL)
    POME__TRY(pome__package_check_all(function->model->package, error));
  pome_plan *plan = pome__alloc_zero(chosen.allocator, sizeof *plan);
  if (plan == NULL) return pome__fail_memory(error, "a plan");
  plan->allocator = chosen.allocator;
  plan->function = function;
  pome_status status =
      pipeline ? pome__pipeline_plan(plan, &chosen, error) : create(function, &chosen, plan, error);
  if (status != POME_OK) {
    pome_plan_free(plan);
    return status;
  }
  *out = plan;
  return POME_OK;
}

void pome_plan_free(pome_plan *plan) {
  if (plan == NULL) return;
  for (size_t i = 0; i < plan->stage_count; i++) pome_plan_free(plan->stages[i]);
  pome__free(plan->allocator, plan->stages, plan->stage_count * sizeof *plan->stages);
  pome__plan_free(plan->plan);
  pome__program_free(plan->program);
  pome__free(plan->allocator, plan, sizeof *plan);
}

const pome_function *pome_plan_function(const pome_plan *plan) {
  return plan->function;
}

size_t pome_plan_device_count(const pome_plan *plan) {
  return plan->stage_count > 0 ? pome_plan_device_count(plan->stages[0]) : plan->plan->link_count;
}

/* All stages of a pipeline have the same chain. */
pome_plan_device pome_plan_device_get(const pome_plan *plan, size_t index) {
  if (index >= pome_plan_device_count(plan)) return (pome_plan_device){"", 0, ""};
  if (plan->stage_count == 0) {
    const pome__link *link = &plan->plan->links[index];
    return (pome_plan_device){link->name, link->operations, link->reason};
  }
  pome_plan_device all = pome_plan_device_get(plan->stages[0], index);
  for (size_t i = 1; i < plan->stage_count; i++) {
    pome_plan_device one = pome_plan_device_get(plan->stages[i], index);
    all.operations += one.operations;
    if (all.reason[0] == '\0') all.reason = one.reason;
  }
  return all;
}
