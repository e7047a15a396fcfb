/* Opening models and answering questions about them. A model whose type is not a program opens too:
 * it can be inspected, not run. */
#include <string.h>

#include "base/options.h"
#include "runtime/runtime.h"

void pome_model_options_init_sized(pome_model_options *options, size_t size) {
  pome__options_init(options, size, NULL, 0);
}

static pome_status describe_functions(pome_model *model, pome_error *error) {
  pome__description *description = &model->package->description;
  model->functions = POME__NEW_ARRAY(&model->arena, pome_function, description->function_count);
  if (model->functions == NULL) return pome__fail_memory(error, "a model");
  for (size_t i = 0; i < description->function_count; i++) {
    pome_function *function = &model->functions[model->function_count++];
    function->model = model;
    function->description = &description->functions[i];
    function->name = function->description->name;
    function->type = description->model_type_name;
    if (model->stage_count > 0 && i == 0)
      POME__TRY(pome__pipeline_describe(model, function, error));
    if (model->program == NULL) {
      function->op_counts = function->description->layers;
      function->op_count_count = function->description->layer_count;
      continue;
    }
    function->whole = model->program;
    function->program = pome__program_find_function(model->program, function->description->name);
    if (function->program == NULL) {
      return pome__fail(error, POME_INPUT,
                        "the description names a function \"%s\" that the program does not have",
                        function->description->name);
    }
    POME__TRY(pome__function_summarise(&model->arena, function, error));
    POME__TRY(pome__function_list(&model->arena, function, error));
  }
  return POME_OK;
}

static pome_status load(pome_model *model, const pome_model_options *options, pome_error *error) {
  /* What should hold a program and does not is refused; other types open without one. */
  int type = model->package->description.model_type;
  if (model->package->form != POME__PROGRAM_NONE || type == 0 || type == POME__MODEL_TYPE_PROGRAM) {
    POME__TRY(pome__load_program(model->package, options->allocator, model->package->arena.limit,
                                 &model->program, error));
  }
  if (model->package->stage_count > 0)
    POME__TRY(pome__pipeline_load(model, model->package->arena.limit, error));
  return describe_functions(model, error);
}

static pome_status finish(pome__package *package, const pome_model_options *options,
                          pome_model **out, pome_error *error) {
  pome_model *model = pome__alloc_zero(options->allocator, sizeof *model);
  if (model == NULL) {
    pome__package_close(package);
    return pome__fail_memory(error, "a model");
  }
  model->allocator = options->allocator;
  model->package = package;
  pome__arena_init(&model->arena, options->allocator, 0);
  pome_status status = load(model, options, error);
  if (status != POME_OK) {
    pome_model_close(model);
    return status;
  }
  *out = model;
  return POME_OK;
}

pome_status pome_model_open(const char *path, const pome_model_options *options, pome_model **model,
                            pome_error *error) {
  pome_model_options chosen;
  pome_model_options_init(&chosen);
  if (path == NULL || model == NULL)
    return pome__fail(error, POME_USAGE, "pome_model_open needs a path and a place for the model");
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  pome__package *package;
  pome_status status = pome__package_open(path, &chosen, &package, error);
  if (status == POME_OK) status = finish(package, &chosen, model, error);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}

pome_status pome_model_open_memory(const void *spec, size_t spec_size, const void *weights,
                                   size_t weights_size, const pome_model_options *options,
                                   pome_model **model, pome_error *error) {
  pome_model_options chosen;
  pome_model_options_init(&chosen);
  if (spec == NULL || model == NULL)
    return pome__fail(error, POME_USAGE, "pome_model_open_memory needs a model and a place for it");
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  pome__package *package;
  POME__TRY(pome__package_open_memory((pome__bytes){spec, spec_size},
                                      (pome__bytes){weights, weights_size}, &chosen, &package,
                                      error));
  return finish(package, &chosen, model, error);
}

void pome_model_close(pome_model *model) {
  if (model == NULL) return;
  pome__program_free(model->program);
  for (size_t i = 0; i < model->stage_count; i++) pome__program_free(model->stage_programs[i]);
  pome__package_close(model->package);
  pome__arena_free(&model->arena);
  pome__free(model->allocator, model, sizeof *model);
}

pome_status pome__model_of_program(pome__program *program, const pome_allocator *allocator,
                                   pome_model **out, pome_error *error) {
  pome_model *model = pome__alloc_zero(allocator, sizeof *model);
  pome__package *package = pome__alloc_zero(allocator, sizeof *package);
  if (model == NULL || package == NULL) {
    pome__free(allocator, model, sizeof *model);
    pome__free(allocator, package, sizeof *package);
    pome__program_free(program);
    return pome__fail_memory(error, "a model");
  }
  pome__arena_init(&package->arena, allocator, 0);
  package->container = "memory";
  package->description.model_type = POME__MODEL_TYPE_PROGRAM;
  package->description.model_type_name = pome__model_type_name(POME__MODEL_TYPE_PROGRAM);
  package->description.default_function = "";
  model->allocator = allocator;
  model->package = package;
  model->program = program;
  pome__arena_init(&model->arena, allocator, 0);
  pome_status status = pome__describe_program(package, program, error);
  if (status == POME_OK) status = describe_functions(model, error);
  if (status != POME_OK) {
    pome_model_close(model);
    return status;
  }
  *out = model;
  return POME_OK;
}

/* ---- questions ---- */

const char *pome_model_type(const pome_model *model) {
  return model->package->description.model_type_name;
}
const char *pome_model_container(const pome_model *model) {
  return model->package->container;
}
int pome_model_specification_version(const pome_model *model) {
  return model->package->description.specification_version;
}
size_t pome_model_metadata_count(const pome_model *model) {
  return model->package->description.metadata_count;
}

void pome_model_metadata(const pome_model *model, size_t index, const char **key,
                         const char **value) {
  if (index >= pome_model_metadata_count(model)) return;
  *key = model->package->description.metadata[2 * index];
  *value = model->package->description.metadata[2 * index + 1];
}

size_t pome_model_function_count(const pome_model *model) {
  return model->function_count;
}

const pome_function *pome_model_function(const pome_model *model, size_t index) {
  return index < model->function_count ? &model->functions[index] : NULL;
}

static const pome_function *find_function(const pome_model *model, const char *name) {
  for (size_t i = 0; i < model->function_count; i++) {
    if (strcmp(model->functions[i].description->name, name) == 0) return &model->functions[i];
  }
  return NULL;
}

const pome_function *pome_model_find_function(const pome_model *model, const char *name) {
  if (name != NULL) return find_function(model, name);
  const char *preferred = model->package->description.default_function;
  if (preferred != NULL && preferred[0] != '\0') return find_function(model, preferred);
  const pome_function *main_function = find_function(model, "main");
  return main_function != NULL || model->function_count == 0 ? main_function : &model->functions[0];
}

const char *pome_function_name(const pome_function *function) {
  return function->name;
}
const char *pome_function_type(const pome_function *function) {
  return function->type;
}
size_t pome_function_stage_count(const pome_function *function) {
  return function->stage_count;
}

const pome_function *pome_function_stage(const pome_function *function, size_t index) {
  return index < function->stage_count ? &function->stages[index] : NULL;
}

const pome_model *pome_function_model(const pome_function *function) {
  return function->model;
}

const char *pome_function_opset(const pome_function *function) {
  return function->program == NULL ? "" : pome__opset_name(function->program->opset);
}

const char *pome_function_predicted_feature(const pome_function *function) {
  return function->description->predicted_feature;
}

static const pome_port *ports(const pome_function *function, pome_port_kind kind, size_t *count) {
  const pome__function_description *d = function->description;
  switch (kind) {
  case POME_INPUT_PORT: *count = d->input_count; return d->inputs;
  case POME_OUTPUT_PORT: *count = d->output_count; return d->outputs;
  case POME_STATE_PORT: *count = d->state_count; return d->states;
  }
  *count = 0;
  return NULL;
}

size_t pome_function_port_count(const pome_function *function, pome_port_kind kind) {
  size_t count;
  (void)ports(function, kind, &count);
  return count;
}

const pome_port *pome_function_port(const pome_function *function, pome_port_kind kind,
                                    size_t index) {
  size_t count;
  const pome_port *all = ports(function, kind, &count);
  return index < count ? &all[index] : NULL;
}

const pome_port *pome_function_find_port(const pome_function *function, pome_port_kind kind,
                                         const char *name) {
  size_t count;
  const pome_port *all = ports(function, kind, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(all[i].name, name) == 0) return &all[i];
  }
  return NULL;
}

size_t pome_function_op_type_count(const pome_function *function) {
  return function->op_count_count;
}

pome_op_count pome_function_op_type(const pome_function *function, size_t index) {
  return index < function->op_count_count ? function->op_counts[index]
                                          : (pome_op_count){"", 0, NULL};
}

size_t pome_function_weight_count(const pome_function *function) {
  return function->weight_count;
}

pome_weight pome_function_weight(const pome_function *function, size_t index) {
  return index < function->weight_count ? function->weights[index]
                                        : (pome_weight){.name = "", .encoding = ""};
}

pome_status pome_model_print(const pome_model *model,
                             pome_status (*write)(void *context, const char *text, size_t size),
                             void *context, pome_error *error) {
  bool any = model->program != NULL;
  if (any) POME__TRY(pome__program_print(model->program, write, context, error));
  for (size_t i = 0; i < model->stage_count; i++) {
    if (model->stage_programs[i] == NULL) continue;
    if (any) POME__TRY(write(context, "\n", 1));
    POME__TRY(pome__program_print(model->stage_programs[i], write, context, error));
    any = true;
  }
  return any ? POME_OK
             : pome__fail(error, POME_UNSUPPORTED, "a model of type %s holds no program",
                          pome_model_type(model));
}
