/* pome_model_save: from an opened model to a package. */
#include "save/save.h"
#include "base/options.h"
#include "runtime/runtime.h"

void pome_save_options_init_sized(pome_save_options *options, size_t size) {
  pome__options_init(options, size, NULL, 0);
}

/* The type of the first model, or stage, that has not a program of its own; NULL: none. */
static const char *without_program(const pome_model *model) {
  const pome__package *package = model->package;
  if (model->stage_count == 0 && (model->program == NULL || pome__form_is_converted(package->form)))
    return pome_model_type(model);
  for (size_t i = 0; i < model->stage_count; i++) {
    const pome__package *stage = &package->stages[i];
    if (pome__form_is_converted(stage->form)) return stage->description.model_type_name;
  }
  return NULL;
}

pome_status pome_model_save(const pome_model *model, const char *path,
                            const pome_save_options *options, pome_error *error) {
  pome_save_options chosen;
  pome_save_options_init(&chosen);
  if (model == NULL || path == NULL)
    return pome__fail(error, POME_USAGE, "pome_model_save needs a model and a path");
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  bool pipeline = model->stage_count > 0;
  const char *other = without_program(model);
  if (other != NULL) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "a model of type %s holds no program; programs and pipelines are written",
                      other);
  }
  pome__save_request request = {
      .programs = pipeline ? model->stage_programs : &model->program,
      .program_count = pipeline ? model->stage_count : 1,
      .package = model->package,
      .path = path,
      .replace = chosen.replace,
      .progress = {chosen.context, chosen.progress},
      .allocator = model->allocator,
  };
  return pome__save_package(&request, error);
}
