/* The whole package: what it is made of, in the order in which it is written.
 *
 *   X.mlpackage/Manifest.json
 *   X.mlpackage/Data/com.apple.CoreML/model.mlmodel
 *   X.mlpackage/Data/com.apple.CoreML/weights/weight.bin    only when there are weights
 *
 * The places of all weights are settled first, so the program can name them before or after they
 * are written. The identifiers of the manifest only tell its items apart; they are always the same,
 * and so the same model always gives the same bytes. Source: coremltools
 * modelpackage/src/ModelPackage.cpp.
 */
#include <stdio.h>
#include <string.h>

#include "save/save.h"

#define DATA    "Data"
#define ITEM    DATA "/com.apple.CoreML"
#define SPEC    ITEM "/model.mlmodel"
#define FOLDER  ITEM "/weights"
#define WEIGHTS FOLDER "/weight.bin"

#define SPEC_ID    "A76B9C5E-2F0D-4C1B-9E57-6D3A08F14B21"
#define WEIGHTS_ID "3D0E8F42-71C6-4A95-B8D2-90E5C7A61F34"

static const char manifest_start[] = "{\n"
                                     "    \"fileFormatVersion\": \"1.0.0\",\n"
                                     "    \"itemInfoEntries\": {\n";
static const char manifest_weights[] = "        \"" WEIGHTS_ID "\": {\n"
                                       "            \"author\": \"com.apple.CoreML\",\n"
                                       "            \"description\": \"CoreML Model Weights\",\n"
                                       "            \"name\": \"weights\",\n"
                                       "            \"path\": \"com.apple.CoreML/weights\"\n"
                                       "        },\n";
static const char manifest_end[] = "        \"" SPEC_ID "\": {\n"
                                   "            \"author\": \"com.apple.CoreML\",\n"
                                   "            \"description\": \"CoreML Model Specification\",\n"
                                   "            \"name\": \"model.mlmodel\",\n"
                                   "            \"path\": \"com.apple.CoreML/model.mlmodel\"\n"
                                   "        }\n"
                                   "    },\n"
                                   "    \"rootModelIdentifier\": \"" SPEC_ID "\"\n"
                                   "}\n";

typedef struct saver {
  const pome__save_request *request;
  pome__new_folder folder;
  pome__weight_plan weights;
  pome_error *error;
} saver;

/* ---- files ---- */

static pome_status write_file(saver *s, const char *name,
                              pome_status (*write)(saver *s, const pome__byte_sink *sink)) {
  pome__new_file file = {.descriptor = -1};
  pome__byte_sink sink = {&file, pome__new_file_write};
  POME__TRY(pome__new_file_open(&s->folder, name, &file, s->error));
  pome_status status = write(s, &sink);
  if (status == POME_OK) status = pome__new_file_finish(&file, s->error);
  pome__new_file_drop(&file);
  return status;
}

static pome_status write_manifest(saver *s, const pome__byte_sink *sink) {
  const char *parts[] = {manifest_start, s->weights.count > 0 ? manifest_weights : "",
                         manifest_end};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    POME__TRY(sink->write(sink->context, parts[i], strlen(parts[i]), s->error));
  return POME_OK;
}

static pome_status write_weights(saver *s, const pome__byte_sink *sink) {
  return pome__weight_plan_write(&s->weights, s->request->package, sink, &s->request->progress,
                                 s->error);
}

/* The first specification version that has what the program uses. */
static int least_version(const pome__program *program) {
  int version = program->function_count > 1 ? 9 : 6;
  for (size_t i = 0; i < program->function_count; i++) {
    int needed = (int)program->functions[i]->opset - POME__IOS15 + 6;
    if (needed > version) version = needed;
  }
  return version;
}

/* Model{specificationVersion 1, description 2, isUpdatable 10} */
static void put_head(pome__pb_writer *w, const pome__package *package, int least) {
  const pome__description *description = &package->description;
  int version = description->specification_version;
  pome__pb_put_uint(w, 1, (uint64_t)(version < 1 ? least : version));
  if (description->message.size > 0) {
    pome__pb_put_bytes(w, 2, description->message.data, description->message.size);
  } else {
    pome__pb_begin(w, 2);
    pome__put_description(w, description);
    pome__pb_end(w);
  }
  if (description->updatable) pome__pb_put_uint(w, 10, true);
}

/* Model{mlProgram 502} */
static void put_program_model(pome__pb_writer *w, const saver *s, const pome__package *package,
                              const pome__program *program) {
  put_head(w, package, least_version(program));
  pome__pb_begin(w, POME__MODEL_TYPE_PROGRAM);
  pome__put_program(w, program, &s->weights);
  pome__pb_end(w);
}

/* A stage without a name goes by its number. */
static bool is_named(const pome__package *package) {
  for (size_t i = 0; i < package->stage_count; i++) {
    char number[32];
    snprintf(number, sizeof(number), "%zu", i + 1);
    if (strcmp(package->stages[i].stage_name, number) != 0) return true;
  }
  return false;
}

/* Pipeline{models 1, names 2} */
static void put_stages(pome__pb_writer *w, const saver *s) {
  const pome__package *package = s->request->package;
  for (size_t i = 0; i < package->stage_count; i++) {
    const pome__package *stage = &package->stages[i];
    const pome__program *program = s->request->programs[i];
    if (program) {
      pome__pb_begin(w, 1);
      put_program_model(w, s, stage, program);
      pome__pb_end(w);
    } else {
      pome__pb_put_bytes(w, 1, stage->stage_model.data, stage->stage_model.size);
    }
  }
  bool named = is_named(package);
  for (size_t i = 0; named && i < package->stage_count; i++)
    pome__pb_put_text(w, 2, package->stages[i].stage_name);
}

/* PipelineClassifier and PipelineRegressor{pipeline 1} wrap a Pipeline once more. */
static void put_model(pome__pb_writer *w, void *context) {
  const saver *s = context;
  const pome__package *package = s->request->package;
  if (package->stage_count == 0) {
    put_program_model(w, s, package, s->request->programs[0]);
    return;
  }
  bool wrapped = package->description.model_type != POME__MODEL_TYPE_PIPELINE;
  put_head(w, package, 0);
  pome__pb_begin(w, (uint32_t)package->description.model_type);
  if (wrapped) pome__pb_begin(w, 1);
  put_stages(w, s);
  if (wrapped) pome__pb_end(w);
  pome__pb_end(w);
}

static pome_status write_model(saver *s, const pome__byte_sink *sink) {
  return pome__pb_write(s->request->allocator, sink, put_model, s, s->error);
}

/* ---- the whole ---- */

static pome_status fill(saver *s) {
  POME__TRY(pome__new_folder_make(&s->folder, DATA, s->error));
  POME__TRY(pome__new_folder_make(&s->folder, ITEM, s->error));
  if (s->weights.count > 0) {
    POME__TRY(pome__new_folder_make(&s->folder, FOLDER, s->error));
    POME__TRY(write_file(s, WEIGHTS, write_weights));
  }
  POME__TRY(write_file(s, SPEC, write_model));
  return write_file(s, "Manifest.json", write_manifest);
}

static pome_status check_request(const pome__save_request *request, pome_error *error) {
  const char *missing = NULL;
  for (size_t i = 0; i < request->program_count && !missing; i++)
    if (request->programs[i]) missing = request->programs[i]->missing_weights;
  if (!missing) return POME_OK;
  pome__fail(error, POME_INPUT, "the weight file \"%.200s\" is missing", missing);
  pome__error_hint(error, "a package cannot be written without its weights");
  return POME_INPUT;
}

pome_status pome__save_package(const pome__save_request *request, pome_error *error) {
  saver s = {.request = request, .error = error};
  POME__TRY(check_request(request, error));
  POME__TRY(pome__new_folder_open(request->path, request->replace, &s.folder, error));
  pome_status status =
      pome__weight_plan_make(request->programs, request->program_count, request->package,
                             request->allocator, &s.weights, error);
  if (status == POME_OK) status = fill(&s);
  if (status == POME_OK) status = pome__new_folder_commit(&s.folder, error);
  pome__new_folder_drop(&s.folder);
  pome__weight_plan_free(&s.weights);
  return status;
}
