/* Pipelines: models inside a model.
 *
 * Pipeline{models 1, names 2} holds whole Models with descriptions of their own; the classifier and
 * regressor kinds wrap it once more. Each becomes a stage of the package, whatever its type: it can
 * be looked at. Stages are not descended into: a pipeline in a pipeline is a stage of that type.
 * Names may be missing; a stage without one gets its number. Source: coremltools
 * mlmodel/format/Model.proto.
 */
#include <stdio.h>

#include "package/package.h"
#include "wire/pb.h"

#define MAX_STAGES 256

bool pome__model_type_is_pipeline(int type) {
  return type == POME__MODEL_TYPE_PIPELINE || type == POME__MODEL_TYPE_PIPELINE_CLASSIFIER ||
         type == POME__MODEL_TYPE_PIPELINE_REGRESSOR;
}

pome__program_form pome__model_type_form(int type) {
  switch (type) {
  case POME__MODEL_TYPE_PROGRAM: return POME__PROGRAM_PROTO;
  case POME__MODEL_TYPE_NETWORK_REGRESSOR:
  case POME__MODEL_TYPE_NETWORK_CLASSIFIER:
  case POME__MODEL_TYPE_NETWORK: return POME__PROGRAM_NETWORK;
  case POME__MODEL_TYPE_GLM_REGRESSOR:
  case POME__MODEL_TYPE_GLM_CLASSIFIER: return POME__PROGRAM_LINEAR;
  default: return POME__PROGRAM_NONE;
  }
}

/* PipelineClassifier{pipeline 1}, PipelineRegressor{pipeline 1} */
static pome_status unwrap(pome__bytes message, pome__bytes *pipeline, pome_error *error) {
  pome__pb pb = pome__pb_open(message);
  pome__bytes found = {NULL, 0};
  bool seen = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number != 1) continue;
    pome__pb inner;
    POME__TRY(pome__pb_once(&pb, &field, "the pipeline", &seen, &inner, error));
    found = field.bytes;
  }
  POME__TRY(pb.status);
  *pipeline = found;
  return POME_OK;
}

static pome_status open_stage(pome__package *package, size_t index, pome__bytes message,
                              pome_error *error) {
  pome__package *stage = &package->stages[index];
  char number[32];
  int length = snprintf(number, sizeof(number), "%zu", index + 1);
  stage->container = package->container;
  stage->spec_path = package->spec_path;
  stage->parent = package;
  stage->stage_model = message;
  POME__TRY(pome__package_string(package, number, (size_t)length, &stage->stage_name, error));
  POME__TRY(pome__description_parse_model(message, &package->arena, &stage->description,
                                          &stage->program, error));
  stage->form = pome__model_type_form(stage->description.model_type);
  return POME_OK;
}

static pome_status name_stage(pome__package *package, size_t index, const pome__pb *pb,
                              const pome__pb_field *field, pome_error *error) {
  pome__bytes text;
  POME__TRY(pome__pb_text(pb, field, "a stage's name", &text, error));
  if (index >= package->stage_count || text.size == 0) return POME_OK;
  return pome__package_string(package, (const char *)text.data, text.size,
                              &package->stages[index].stage_name, error);
}

/* Names may stand before, between or after the models, so they have a walk of their own. */
static pome_status read_names(pome__package *package, pome__pb pb, pome_error *error) {
  size_t index = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number == 2) POME__TRY(name_stage(package, index++, &pb, &field, error));
  }
  return pb.status;
}

static pome_status read_models(pome__package *package, pome__pb pb, pome_error *error) {
  size_t index = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number != 1) continue;
    POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a model of the pipeline", error));
    pome_status status = open_stage(package, index, field.bytes, error);
    if (status != POME_OK) {
      pome__error_at_offset(error, pome__pb_offset(&pb, &field));
      return status;
    }
    index++;
  }
  POME__TRY(pb.status);
  return POME_OK;
}

pome_status pome__pipeline_parse(pome__package *package, pome_error *error) {
  pome__bytes message = package->program;
  size_t count;
  if (package->description.model_type != POME__MODEL_TYPE_PIPELINE)
    POME__TRY(unwrap(message, &message, error));
  pome__pb pb = pome__pb_open(message);
  POME__TRY(pome__pb_count(&pb, 1, &count, error));
  if (count == 0 || count > MAX_STAGES)
    return pome__fail(error, POME_INPUT, "a pipeline of %zu models; 1 to %d are read", count,
                      MAX_STAGES);
  if (package->description.function_count != 1)
    return pome__fail(error, POME_INPUT, "the pipeline describes %zu functions; it has one",
                      package->description.function_count);
  package->stages = POME__NEW_ARRAY(&package->arena, pome__package, count);
  if (!package->stages) return pome__fail_memory(error, "the stages of a pipeline");
  package->stage_count = count;
  POME__TRY(read_models(package, pb, error));
  return read_names(package, pb, error);
}
