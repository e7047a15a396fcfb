/* A language model on disk: a stateful program with functions `prefill` (many tokens at once) and
 * `decode` (one), a tokenizer.json and a config.json beside it. The sizes are read from the
 * program's ports: tokens from input_ids, context from the last dimension of causal_mask,
 * vocabulary from logits.
 */
#include <string.h>

#include "base/options.h"
#include "llm/folder.h"
#include "llm/llm.h"
#include "wire/gguf.h"
#include "wire/json.h"

/* Keeps the size of a mask, its square at most, in range. */
#define MAX_CONTEXT ((int64_t)1 << 24)

void pome_llm_options_init_sized(pome_llm_options *options, size_t size) {
  pome__options_init(options, size, NULL, 0);
}

/* ---- files ---- */

/* The folder of the language model that `path` is or stands in. */
static pome_status find_folder(const char *path, char *folder, pome_error *error) {
  char tokenizer[POME__PATH_LIMIT];
  if (pome__gguf_is_file(path)) {
    (void)pome__fail(error, POME_UNSUPPORTED, "running GGUF checkpoints is not supported");
    pome__error_hint(
        error,
        "its tokenizer and chat template can be used: inspect, tokenize and template read it");
    pome__error_at_file(error, path);
    return POME_UNSUPPORTED;
  }
  POME__TRY(pome__model_folder(path, folder, error));
  if (pome__file_beside(folder, "tokenizer.json", tokenizer)) return POME_OK;
  (void)pome__fail(
      error, POME_INPUT,
      "no language model here: a folder with model.mlpackage and tokenizer.json is needed");
  pome__error_at_file(error, path);
  return POME_INPUT;
}

static int32_t token_id(const json_t *config, const char *key) {
  const json_t *value = json_object_get(config, key);
  return json_is_integer(value) && json_integer_value(value) >= 0 &&
                 json_integer_value(value) <= INT32_MAX
             ? (int32_t)json_integer_value(value)
             : -1;
}

static pome_status read_config(pome_llm *llm, const char *folder, pome_error *error) {
  char path[POME__PATH_LIMIT];
  json_t *config;
  llm->bos = llm->eos = -1;
  if (!pome__file_beside(folder, "config.json", path)) return POME_OK;
  POME__TRY(pome__json_read(path, &config, error));
  llm->bos = token_id(config, "bos_token_id");
  llm->eos = token_id(config, "eos_token_id");
  json_decref(config);
  return POME_OK;
}

/* ---- stages ---- */

static const pome_port *port_of(const pome_function *function, const char *name) {
  return pome_function_find_port(
      function, strcmp(name, POME__PORT_LOGITS) == 0 ? POME_OUTPUT_PORT : POME_INPUT_PORT, name);
}

static pome_status check_stage(const pome_function *function, pome_error *error) {
  static const char *const names[] = {POME__PORT_IDS, POME__PORT_POSITIONS, POME__PORT_MASK,
                                      POME__PORT_CURRENT, POME__PORT_LOGITS};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const pome_port *port = port_of(function, names[i]);
    if (port == NULL || port->rank < 1 || port->flexibility != POME_SHAPE_FIXED) {
      return pome__fail(
          error, POME_UNSUPPORTED,
          "function \"%s\" has no port \"%s\" of fixed shape; only language models with input_ids, "
          "position_ids, causal_mask, current_pos and logits can be run",
          pome_function_name(function), names[i]);
    }
  }
  if (pome_function_port_count(function, POME_INPUT_PORT) != 4) {
    return pome__fail(error, POME_UNSUPPORTED, "function \"%s\" has %zu inputs; 4 are expected",
                      pome_function_name(function),
                      pome_function_port_count(function, POME_INPUT_PORT));
  }
  return POME_OK;
}

static int64_t last_dim(const pome_port *port) {
  return port->shape[port->rank - 1];
}

static pome_status make_stage(pome_llm *llm, const char *name, const pome_plan_options *options,
                              pome__stage *stage, pome_error *error) {
  stage->function = pome_model_find_function(llm->model, name);
  if (stage->function == NULL) return POME_OK;
  POME__TRY(check_stage(stage->function, error));
  int64_t tokens = last_dim(port_of(stage->function, POME__PORT_IDS)),
          context = last_dim(port_of(stage->function, POME__PORT_MASK));
  int64_t vocab = last_dim(port_of(stage->function, POME__PORT_LOGITS));
  bool agrees =
      llm->context == 0 || (llm->context == (size_t)context && llm->vocab_size == (size_t)vocab);
  if (tokens < 1 || context < tokens || context > MAX_CONTEXT || vocab < 1 || vocab > INT32_MAX ||
      !agrees) {
    return pome__fail(error, POME_INPUT,
                      "function \"%s\" feeds %lld tokens into a context of %lld and answers %lld "
                      "logits, which do not go together",
                      name, (long long)tokens, (long long)context, (long long)vocab);
  }
  stage->tokens = (size_t)tokens;
  llm->context = (size_t)context;
  llm->vocab_size = (size_t)vocab;
  return pome_plan_create(stage->function, options, &stage->plan, error);
}

static pome_status open_parts(pome_llm *llm, const char *path, const char *folder,
                              const pome_model_options *model, const pome_plan_options *plan,
                              pome_error *error) {
  POME__TRY(pome_model_open(path, model, &llm->model, error));
  POME__TRY(make_stage(llm, "prefill", plan, &llm->prefill, error));
  POME__TRY(make_stage(llm, "decode", plan, &llm->decode, error));
  if (llm->decode.plan == NULL || llm->decode.tokens != 1) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "the model has no function \"decode\" that feeds one token");
  }
  POME__TRY(read_config(llm, folder, error));
  return pome_tokenizer_open(folder, llm->allocator, &llm->tokenizer, error);
}

pome_status pome_llm_open(const char *path, const pome_llm_options *options, pome_llm **out,
                          pome_error *error) {
  pome_llm_options chosen;
  pome_llm_options_init(&chosen);
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  pome_model_options model;
  pome_model_options_init(&model);
  POME__TRY(pome__options_take(&model, sizeof model, chosen.model, error));
  char folder[POME__PATH_LIMIT];
  POME__TRY(find_folder(path, folder, error));
  pome_llm *llm = pome__alloc_zero(model.allocator, sizeof *llm);
  if (llm == NULL) return pome__fail_memory(error, "a language model");
  llm->allocator = model.allocator;
  pome_status status = open_parts(llm, path, folder, &model, chosen.plan, error);
  if (status != POME_OK) {
    pome__error_at_file(error, path);
    pome_llm_close(llm);
    return status;
  }
  *out = llm;
  return POME_OK;
}

void pome_llm_close(pome_llm *llm) {
  if (llm == NULL) return;
  pome_plan_free(llm->prefill.plan);
  pome_plan_free(llm->decode.plan);
  pome_tokenizer_close(llm->tokenizer);
  pome_model_close(llm->model);
  pome__free(llm->allocator, llm, sizeof *llm);
}

const pome_model *pome_llm_model(const pome_llm *llm) {
  return llm->model;
}
const pome_tokenizer *pome_llm_tokenizer(const pome_llm *llm) {
  return llm->tokenizer;
}
const pome_plan *pome_llm_decode_plan(const pome_llm *llm) {
  return llm->decode.plan;
}
size_t pome_llm_context(const pome_llm *llm) {
  return llm->context;
}
size_t pome_llm_vocab_size(const pome_llm *llm) {
  return llm->vocab_size;
}
int32_t pome_llm_eos(const pome_llm *llm) {
  return llm->eos;
}
int32_t pome_llm_bos(const pome_llm *llm) {
  return llm->bos;
}
