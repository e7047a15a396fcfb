/* See golden.h. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/json.h"

static const char *path_in(pome__arena *arena, const char *folder, const char *name) {
  if (name[0] == '/') return pome__arena_string(arena, name, strlen(name));
  size_t length = strlen(folder), size = length + strlen(name) + 2;
  char *path = pome__arena_alloc(arena, size, 1);
  const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
  if (path) snprintf(path, size, "%s%s%s", folder, slash, name);
  return path;
}

/* A text, or NULL when the key is absent. */
static pome_status get_text(const json_t *object, const char *key, const char **text,
                            pome_error *error) {
  const json_t *value = json_object_get(object, key);
  if (value && !json_is_null(value) && !json_is_string(value))
    return pome__fail(error, POME_INPUT, "\"%s\" is not a text", key);
  *text = json_string_value(value);
  return POME_OK;
}

static pome_status get_path(const json_t *object, const char *key, const char *folder,
                            pome__arena *arena, const char **path, pome_error *error) {
  const char *text;
  POME__TRY(get_text(object, key, &text, error));
  if (text && !(text = path_in(arena, folder, text)))
    return pome__fail_memory(error, "a golden folder");
  *path = text;
  return POME_OK;
}

static pome_status read_call(const json_t *value, const char *folder, pome__arena *arena,
                             golden_call *call, pome_error *error) {
  if (!json_is_object(value)) return pome__fail(error, POME_INPUT, "a call is not an object");
  const char *state;
  POME__TRY(get_text(value, "function", &call->function, error));
  POME__TRY(get_path(value, "inputs", folder, arena, &call->inputs, error));
  POME__TRY(get_path(value, "outputs", folder, arena, &call->outputs, error));
  POME__TRY(get_text(value, "state", &state, error));
  if (state && strcmp(state, "new") != 0 && strcmp(state, "keep") != 0)
    return pome__fail(error, POME_INPUT, "\"state\" is \"%s\"; allowed are \"new\" and \"keep\"",
                      state);
  call->state = !state ? GOLDEN_STATE_NONE : state[0] == 'n' ? GOLDEN_STATE_NEW : GOLDEN_STATE_KEEP;
  call->tolerance = json_object_get(value, "tolerance");
  return POME_OK;
}

static pome_status read_root(golden_folder *g, const char *folder, pome__arena *arena,
                             pome_error *error) {
  if (!json_is_object(g->root))
    return pome__fail(error, POME_INPUT, "golden.json is not an object");
  const json_t *calls = json_object_get(g->root, "calls");
  if (!json_is_array(calls))
    return pome__fail(error, POME_INPUT, "golden.json has no list of calls");
  POME__TRY(get_path(g->root, "model", folder, arena, &g->model, error));
  g->tolerance = json_object_get(g->root, "tolerance");
  g->expects_error = json_is_true(json_object_get(g->root, "expects_error"));
  g->count = json_array_size(calls);
  g->calls = POME__NEW_ARRAY(arena, golden_call, g->count);
  if (!g->calls) return pome__fail_memory(error, "a golden folder");
  for (size_t i = 0; i < g->count; i++)
    POME__TRY(read_call(json_array_get(calls, i), folder, arena, &g->calls[i], error));
  return POME_OK;
}

pome_status golden_read(const char *folder, pome__arena *arena, golden_folder *result,
                        pome_error *error) {
  golden_folder g = {0};
  const char *path = path_in(arena, folder, "golden.json");
  if (!path) return pome__fail_memory(error, "a golden folder");
  POME__TRY(pome__json_read(path, &g.root, error));
  pome_status status = read_root(&g, folder, arena, error);
  if (status != POME_OK) {
    pome__error_at_file(error, path);
    golden_free(&g);
    return status;
  }
  *result = g;
  return POME_OK;
}

void golden_free(golden_folder *golden) {
  json_decref(golden->root);
  golden->root = NULL;
}
