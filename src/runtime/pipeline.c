/* Pipelines: models one after another, joined by the names of their features.
 *
 * A pipeline is one model with one function. The function has stages, functions too; its plan holds
 * a plan for each of them, and its run a run. A stage's input is the output of that name of the
 * nearest stage before it, else the pipeline's own input; the pipeline's outputs are those of the
 * last stages that give them. Tensors pass between stages without a copy.
 */
#include <string.h>

#include "runtime/runtime.h"

#define NO_STAGE SIZE_MAX

/* ---- loading ---- */

pome_status pome__pipeline_load(pome_model *model, size_t memory_limit, pome_error *error) {
  size_t count = model->package->stage_count, left = memory_limit;
  model->stage_programs = POME__NEW_ARRAY(&model->arena, pome__program *, count);
  if (model->stage_programs == NULL) return pome__fail_memory(error, "a pipeline");
  model->stage_count = count;
  for (size_t i = 0; i < count; i++) {
    pome__package *stage = &model->package->stages[i];
    if (stage->form == POME__PROGRAM_NONE) continue;
    POME__TRY(pome__load_program(stage, model->allocator, left, &model->stage_programs[i], error));
    if (model->stage_programs[i] == NULL) continue;
    size_t taken = model->stage_programs[i]->arena.taken;
    if (memory_limit > 0) left = left > taken ? left - taken : 1; /* 0 would lift the limit */
  }
  return POME_OK;
}

/* Which of a stage's functions runs: the one it prefers, "main", the first. */
static const pome__function_description *entry_of(const pome__description *description) {
  const char *wanted =
      description->default_function[0] != '\0' ? description->default_function : "main";
  for (size_t i = 0; i < description->function_count; i++) {
    if (strcmp(description->functions[i].name, wanted) == 0) return &description->functions[i];
  }
  return &description->functions[0];
}

static pome_status describe_stage(pome_model *model, size_t index, pome_function *stage,
                                  pome_error *error) {
  const pome__package *package = &model->package->stages[index];
  stage->model = model;
  stage->description = entry_of(&package->description);
  stage->name = package->stage_name;
  stage->type = package->description.model_type_name;
  stage->whole = model->stage_programs[index];
  if (stage->whole == NULL) {
    stage->op_counts = stage->description->layers;
    stage->op_count_count = stage->description->layer_count;
    return POME_OK;
  }
  stage->program = pome__program_find_function(stage->whole, stage->description->name);
  if (stage->program == NULL) {
    return pome__fail(
        error, POME_INPUT,
        "the description of stage \"%s\" names a function \"%s\" that its program does not have",
        stage->name, stage->description->name);
  }
  POME__TRY(pome__function_summarise(&model->arena, stage, error));
  return pome__function_list(&model->arena, stage, error);
}

static void add_op_count(pome_function *function, const pome_op_count *more) {
  for (size_t i = 0; i < function->op_count_count; i++) {
    if (strcmp(function->op_counts[i].type, more->type) != 0) continue;
    function->op_counts[i].count += more->count;
    return;
  }
  function->op_counts[function->op_count_count++] = *more;
}

/* The pipeline's operations and weights are those of its stages together. */
static pome_status sum_up(pome_model *model, pome_function *function, pome_error *error) {
  size_t types = 0, weights = 0;
  for (size_t i = 0; i < function->stage_count; i++) {
    types += function->stages[i].op_count_count;
    weights += function->stages[i].weight_count;
  }
  function->op_counts = POME__NEW_ARRAY(&model->arena, pome_op_count, types);
  function->weights = POME__NEW_ARRAY(&model->arena, pome_weight, weights);
  if (function->op_counts == NULL || function->weights == NULL)
    return pome__fail_memory(error, "a pipeline");
  for (size_t i = 0; i < function->stage_count; i++) {
    const pome_function *stage = &function->stages[i];
    for (size_t o = 0; o < stage->op_count_count; o++) add_op_count(function, &stage->op_counts[o]);
    for (size_t w = 0; w < stage->weight_count; w++)
      function->weights[function->weight_count++] = stage->weights[w];
  }
  return POME_OK;
}

pome_status pome__pipeline_describe(pome_model *model, pome_function *function, pome_error *error) {
  function->stages = POME__NEW_ARRAY(&model->arena, pome_function, model->stage_count);
  if (function->stages == NULL) return pome__fail_memory(error, "a pipeline");
  function->stage_count = model->stage_count;
  for (size_t i = 0; i < model->stage_count; i++)
    POME__TRY(describe_stage(model, i, &function->stages[i], error));
  return sum_up(model, function, error);
}

/* ---- joining ---- */

/* The last stage before `end` that gives an output of that name, or NO_STAGE. */
static size_t giver(const pome_function *pipeline, const char *name, size_t end) {
  while (end-- > 0) {
    if (pome_function_find_port(&pipeline->stages[end], POME_OUTPUT_PORT, name) != NULL) return end;
  }
  return NO_STAGE;
}

static pome_status check_joints(const pome_function *pipeline, pome_error *error) {
  for (size_t s = 0; s < pipeline->stage_count; s++) {
    const pome__function_description *stage = pipeline->stages[s].description;
    for (size_t i = 0; i < stage->input_count; i++) {
      const pome_port *port = &stage->inputs[i];
      bool given = giver(pipeline, port->name, s) != NO_STAGE ||
                   pome_function_find_port(pipeline, POME_INPUT_PORT, port->name) != NULL;
      if (given || port->optional) continue;
      return pome__fail(error, POME_INPUT,
                        "stage %zu of the pipeline, \"%s\", takes \"%s\", which no stage before it "
                        "gives and which "
                        "is no input of the pipeline",
                        s + 1, pipeline->stages[s].name, port->name);
    }
  }
  for (size_t i = 0; i < pipeline->description->output_count; i++) {
    const char *name = pipeline->description->outputs[i].name;
    if (giver(pipeline, name, pipeline->stage_count) != NO_STAGE) continue;
    return pome__fail(error, POME_INPUT,
                      "the pipeline has the output \"%s\", which none of its stages gives", name);
  }
  return POME_OK;
}

/* ---- plans ---- */

static pome_status check_types(const pome_function *pipeline, pome_error *error) {
  for (size_t i = 0; i < pipeline->stage_count; i++) {
    const pome_function *stage = &pipeline->stages[i];
    if (stage->program != NULL) continue;
    if (stage->description->refusal != NULL)
      return pome__fail(error, POME_UNSUPPORTED,
                        "stage %zu of the pipeline, \"%s\", cannot run: %s", i + 1, stage->name,
                        stage->description->refusal);
    return pome__fail(error, POME_UNSUPPORTED,
                      "stage %zu of the pipeline, \"%s\", is of type %s, which cannot run; ML "
                      "programs, neural networks and generalized linear models can",
                      i + 1, stage->name, stage->type);
  }
  return POME_OK;
}

pome_status pome__pipeline_plan(pome_plan *plan, const pome_plan_options *options,
                                pome_error *error) {
  const pome_function *pipeline = plan->function;
  POME__TRY(check_types(pipeline, error));
  POME__TRY(check_joints(pipeline, error));
  if (options->keep_count > 0) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "values inside the stages of a pipeline cannot be kept as results");
  }
  plan->stages = pome__alloc_zero(plan->allocator, pipeline->stage_count * sizeof *plan->stages);
  if (plan->stages == NULL) return pome__fail_memory(error, "a plan");
  plan->stage_count = pipeline->stage_count;
  for (size_t i = 0; i < plan->stage_count; i++) {
    POME__TRY(pome_plan_create(&pipeline->stages[i], options, &plan->stages[i], error));
  }
  return POME_OK;
}

/* ---- runs ---- */

static size_t operations_of(const pome_plan *plan) {
  size_t count = plan->plan == NULL ? 0 : plan->plan->op_count;
  for (size_t i = 0; i < plan->stage_count; i++) count += operations_of(plan->stages[i]);
  return count;
}

static void step_done(void *context, size_t done, size_t total) {
  (void)done;
  (void)total;
  pome_run *run = context;
  run->options.progress(run->options.progress_context, ++run->done, operations_of(run->plan));
}

pome_status pome__pipeline_open(pome_run *run, pome_error *error) {
  const pome_plan *plan = run->plan;
  pome_run_options options = run->options;
  if (options.progress != NULL) options.progress = step_done;
  options.progress_context = run;
  run->stages = pome__alloc_zero(run->allocator, plan->stage_count * sizeof *run->stages);
  if (run->stages == NULL) return pome__fail_memory(error, "a run");
  for (size_t i = 0; i < plan->stage_count; i++)
    POME__TRY(pome_run_create(plan->stages[i], &options, &run->stages[i], error));
  return POME_OK;
}

static pome_status set(pome_run *run, const char *name, const pome_tensor *tensor,
                       const pome_value *value, pome_error *error) {
  return value != NULL ? pome_run_set_value(run, name, value, error)
                       : pome_run_set_tensor(run, name, tensor, error);
}

pome_status pome__pipeline_set(pome_run *run, const char *name, const pome_tensor *tensor,
                               const pome_value *value, pome_error *error) {
  const pome_function *pipeline = run->plan->function;
  const pome_port *own = pome_function_find_port(pipeline, POME_INPUT_PORT, name);
  if (own == NULL) return pome__fail_unknown_input(pipeline, name, error);
  for (size_t s = 0; s < pipeline->stage_count; s++) {
    bool takes = pome_function_find_port(&pipeline->stages[s], POME_INPUT_PORT, name) != NULL;
    if (takes && giver(pipeline, name, s) == NO_STAGE)
      POME__TRY(set(run->stages[s], name, tensor, value, error));
  }
  return POME_OK;
}

/* An image goes from stage to stage as pixels, anything else as the tensor it is. */
static pome_status pass_on(pome_run *run, size_t from, size_t to, const pome_port *port,
                           pome_error *error) {
  const pome_port *given =
      pome_function_find_port(run->stages[from]->plan->function, POME_OUTPUT_PORT, port->name);
  if (given->feature == POME_FEATURE_IMAGE && port->feature == POME_FEATURE_IMAGE) {
    pome_value *image;
    POME__TRY(pome_run_get_value(run->stages[from], port->name, &image, error));
    pome_status status = pome_run_set_value(run->stages[to], port->name, image, error);
    pome_value_free(image);
    return status;
  }
  const pome__result *result;
  POME__TRY(pome__run_result(run->stages[from], port->name, &result, &given, error));
  if (result->keys != NULL) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "\"%s\" passes a dictionary between the stages of a pipeline", port->name);
  }
  return pome_run_set_tensor(run->stages[to], port->name, &result->tensor, error);
}

static pome_status run_stage(pome_run *run, size_t s, const pome_state *state, pome_error *error) {
  const pome_function *pipeline = run->plan->function;
  const pome__function_description *stage = pipeline->stages[s].description;
  for (size_t i = 0; i < stage->input_count; i++) {
    size_t from = giver(pipeline, stage->inputs[i].name, s);
    if (from != NO_STAGE) POME__TRY(pass_on(run, from, s, &stage->inputs[i], error));
  }
  if (atomic_load_explicit(&run->cancel, memory_order_relaxed))
    return pome__fail(error, POME_CANCELLED, "the prediction was cancelled");
  return pome__run_execute(run->stages[s], stage->state_count > 0 ? state : NULL, error);
}

/* No stage has results from before, and none keeps inputs for later, however the prediction ends.
 */
static void forget(pome_run *run, bool inputs) {
  for (size_t s = 0; s < run->plan->stage_count; s++) {
    const pome_run *stage = run->stages[s];
    for (size_t i = 0; inputs && i < stage->plan->plan->function->input_count; i++)
      stage->inputs[i].set = false;
    for (size_t i = 0; !inputs && i < stage->plan->plan->result_count; i++)
      stage->results[i].ready = false;
  }
}

pome_status pome__pipeline_execute(pome_run *run, const pome_state *state, pome_error *error) {
  pome_status status = POME_OK;
  run->done = 0;
  forget(run, false);
  for (size_t s = 0; status == POME_OK && s < run->plan->stage_count; s++)
    status = run_stage(run, s, state, error);
  forget(run, true);
  if (status != POME_OK) forget(run, false);
  return status;
}

pome_status pome__pipeline_result(const pome_run *run, const char *name,
                                  const pome__result **result, const pome_port **port,
                                  pome_error *error) {
  const pome_function *pipeline = run->plan->function;
  if (pome_function_find_port(pipeline, POME_OUTPUT_PORT, name) == NULL) {
    char known[200] = "";
    for (size_t i = 0; i < pipeline->description->output_count; i++)
      pome__append_name(known, sizeof known, pipeline->description->outputs[i].name);
    return pome__fail(error, POME_INPUT, "no result is named \"%s\"; the results are: %s", name,
                      known);
  }
  return pome__run_result(run->stages[giver(pipeline, name, pipeline->stage_count)], name, result,
                          port, error);
}
