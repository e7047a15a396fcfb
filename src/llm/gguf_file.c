/* See gguf_file.h. */
#include "llm/gguf_file.h"

#include <stdio.h>
#include <string.h>

#include "llm/text/unicode.h"

pome_status pome__gguf_file_open(const char *path, const pome_allocator *allocator,
                                 pome__gguf_file *out, pome_error *error) {
  pome__gguf_file file = {0};
  POME__TRY(pome__blob_open(NULL, path, false, allocator, &file.blob, error));
  pome__arena_init(&file.arena, allocator, 0);
  pome_status status = pome__blob_check(&file.blob, error);
  if (status == POME_OK) status = pome__gguf_parse(file.blob.bytes, &file.arena, &file.gguf, error);
  if (status == POME_OK) {
    *out = file;
    return POME_OK;
  }
  pome__error_at_file(error, path);
  pome__gguf_file_close(&file);
  return status;
}

void pome__gguf_file_close(pome__gguf_file *file) {
  pome__arena_free(&file->arena);
  pome__blob_close(&file->blob);
}

static pome_status fail_kind(const char *key, const pome__gguf_value *value, const char *wanted,
                             pome_error *error) {
  bool array = value->kind == POME__GGUF_ARRAY;
  return pome__fail(error, POME_INPUT, "GGUF: \"%s\" is %s%s; %s is needed", key,
                    array ? "an array of " : "of kind ",
                    pome__gguf_kind_name(array ? value->element : value->kind), wanted);
}

pome_status pome__gguf_strings(const pome__gguf *gguf, const char *key,
                               const pome__gguf_value **array, pome_error *error) {
  const pome__gguf_value *value = pome__gguf_find(gguf, key);
  if (value != NULL && (value->kind != POME__GGUF_ARRAY || value->element != POME__GGUF_STRING))
    return fail_kind(key, value, "an array of strings", error);
  *array = value;
  return POME_OK;
}

pome_status pome__gguf_numbers(const pome__gguf *gguf, const char *key,
                               const pome__gguf_value **array, pome_error *error) {
  const pome__gguf_value *value = pome__gguf_find(gguf, key);
  if (value != NULL && (value->kind != POME__GGUF_ARRAY || value->element == POME__GGUF_STRING ||
                        value->element == POME__GGUF_ARRAY))
    return fail_kind(key, value, "an array of numbers", error);
  *array = value;
  return POME_OK;
}

pome_status pome__gguf_text(const pome__gguf *gguf, const char *key, pome_string *text,
                            pome_error *error) {
  const pome__gguf_value *value = pome__gguf_find(gguf, key);
  pome_string found = {NULL, 0};
  if (value != NULL && !pome__gguf_string(value, &found))
    return fail_kind(key, value, "a string", error);
  if (value != NULL && !pome__text_is_utf8(found.data, found.size))
    return pome__fail(error, POME_INPUT, "GGUF: \"%s\" is not valid UTF-8", key);
  *text = found;
  return POME_OK;
}

int32_t pome__gguf_token_id(const pome__gguf *gguf, const char *role) {
  char key[64];
  int64_t id;
  const pome__gguf_value *tokens = pome__gguf_find(gguf, POME__GGUF_TOKENS);
  snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", role);
  bool known = tokens != NULL && tokens->kind == POME__GGUF_ARRAY &&
               pome__gguf_integer(pome__gguf_find(gguf, key), &id) && id >= 0 &&
               (uint64_t)id < tokens->count && id <= INT32_MAX;
  return known ? (int32_t)id : -1;
}
