/* See results.h. */
#include "results.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "show.h"

/* Most probable labels that print for a dictionary. */
#define SHOWN_LABELS 10

static pome_status copy_strings(pome__arena *arena, pome_tensor *tensor, pome_error *error) {
  pome_string *items = tensor->data;
  for (size_t i = 0; i < pome_tensor_count(tensor); i++) {
    char *text = pome__arena_string(arena, items[i].data, items[i].size);
    if (!text) return pome__fail_memory(error, "an output");
    items[i].data = text;
  }
  return POME_OK;
}

static pome_status copy_tensor(pome__arena *arena, const pome_tensor *source, pome_tensor *target,
                               pome_error *error) {
  POME__TRY(pome_tensor_init(target, source->dtype, source->rank, source->shape, NULL, error));
  target->data = pome__arena_alloc(arena, pome_tensor_bytes(target), 64);
  if (!target->data) return pome__fail_memory(error, "an output");
  POME__TRY(pome_tensor_copy(source, target, error));
  return source->dtype == POME_STRING ? copy_strings(arena, target, error) : POME_OK;
}

static pome_status append(struct results *list, const char *prefix, const char *name,
                          const char *suffix, port_result **item, pome_error *error) {
  if (list->count == list->room) {
    size_t room = list->room ? list->room * 2 : 8;
    port_result *items = POME__NEW_ARRAY(list->arena, port_result, room);
    if (!items) return pome__fail_memory(error, "the outputs");
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->room = room;
  }
  size_t size = strlen(prefix) + strlen(name) + strlen(suffix) + 1;
  char *full = pome__arena_alloc(list->arena, size, 1);
  if (!full) return pome__fail_memory(error, "the outputs");
  snprintf(full, size, "%s%s%s", prefix, name, suffix);
  *item = &list->items[list->count++];
  **item = (port_result){.name = full};
  return POME_OK;
}

static pome_status collect_port(struct results *list, const engine_unit *unit,
                                const pome_port *port, const char *suffix, pome_error *error) {
  pome_value *value;
  POME__TRY(pome_run_get_value(unit->run, port->name, &value, error));
  port_result *item;
  pome_status status = append(list, "", port->name, suffix, &item, error);
  if (status == POME_OK) {
    item->feature = pome_value_feature(value);
    status = copy_tensor(list->arena, pome_value_tensor(value), &item->tensor, error);
  }
  const pome_tensor *keys = pome_value_keys(value);
  if (status == POME_OK && keys) status = copy_tensor(list->arena, keys, &item->keys, error);
  pome_value_free(value);
  return status;
}

pome_status results_collect(struct results *list, const engine_unit *unit, const char *suffix,
                            pome_error *error) {
  for (size_t i = 0; i < pome_function_port_count(unit->function, POME_OUTPUT_PORT); i++)
    POME__TRY(collect_port(list, unit, pome_function_port(unit->function, POME_OUTPUT_PORT, i),
                           suffix, error));
  return POME_OK;
}

pome_status results_collect_states(struct results *list, const struct engine *engine,
                                   pome_error *error) {
  for (size_t i = 0; engine->state && i < pome_state_count(engine->state); i++) {
    const char *name = pome_state_name(engine->state, i);
    pome_tensor stored;
    port_result *item;
    POME__TRY(pome_state_read(engine->state, name, &stored, error));
    POME__TRY(append(list, "state:", name, "", &item, error));
    item->feature = POME_FEATURE_STATE;
    POME__TRY(copy_tensor(list->arena, &stored, &item->tensor, error));
  }
  return POME_OK;
}

const port_result *results_find(const struct results *list, const char *name) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->items[i].name, name) == 0) return &list->items[i];
  return NULL;
}

/* "D@1" of a dictionary becomes "D.keys@1". */
static char *part_name(pome__arena *arena, const char *name, const char *part) {
  size_t size = strlen(name) + strlen(part) + 1;
  char *full = pome__arena_alloc(arena, size, 1);
  const char *at = strrchr(name, '@');
  if (full)
    snprintf(full, size, "%.*s%s%s", at ? (int)(at - name) : (int)strlen(name), name, part,
             at ? at : "");
  return full;
}

pome_status results_arrays(const struct results *list, pome__array **items, size_t *count,
                           pome_error *error) {
  pome__array *out = POME__NEW_ARRAY(list->arena, pome__array, 2 * list->count + 1);
  if (!out) return pome__fail_memory(error, "the outputs");
  size_t n = 0;
  for (size_t i = 0; i < list->count; i++) {
    const port_result *r = &list->items[i];
    bool dictionary = r->feature == POME_FEATURE_DICTIONARY;
    if (dictionary)
      out[n++] = (pome__array){.name = part_name(list->arena, r->name, ".keys"), .tensor = r->keys};
    out[n++] =
        (pome__array){.name = dictionary ? part_name(list->arena, r->name, ".values") : r->name,
                      .tensor = r->tensor};
    if (!out[n - 1].name || (dictionary && !out[n - 2].name))
      return pome__fail_memory(error, "the outputs");
  }
  *items = out;
  *count = n;
  return POME_OK;
}

/* ---- printing ---- */

typedef struct label {
  size_t index;
  double value;
} label;

static int by_value(const void *a, const void *b) {
  const label *x = a, *y = b;
  if (x->value != y->value) return x->value < y->value ? 1 : -1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static void print_dictionary(const port_result *r) {
  size_t count = pome_tensor_count(&r->tensor);
  double *values = show_doubles(&r->tensor);
  label *labels = calloc(count + 1, sizeof *labels);
  for (size_t i = 0; values && labels && i < count; i++) labels[i] = (label){i, values[i]};
  if (values && labels) qsort(labels, count, sizeof *labels, by_value);
  for (size_t i = 0; values && labels && i < count && i < SHOWN_LABELS; i++) {
    char key[SHOW_TEXT];
    fputs("  ", stdout);
    report_put(show_element(&r->keys, labels[i].index, key, sizeof key));
    printf(": %.6g\n", labels[i].value);
  }
  if (count > SHOWN_LABELS) printf("  ... %zu more\n", count - SHOWN_LABELS);
  free(values);
  free(labels);
}

void results_print(const struct results *list) {
  for (size_t i = 0; i < list->count; i++) {
    const port_result *r = &list->items[i];
    char shape[SHOW_TEXT];
    fputs(report_bold(), stdout);
    report_put(r->name);
    fputs(report_plain(), stdout);
    if (r->feature == POME_FEATURE_DICTIONARY) {
      printf("  dictionary of %zu\n", pome_tensor_count(&r->tensor));
      print_dictionary(r);
      continue;
    }
    printf("  %s", pome_dtype_name(r->tensor.dtype));
    printf(" %s\n", show_shape(r->tensor.rank, r->tensor.shape, shape, sizeof shape));
    show_values(&r->tensor, 2);
  }
}

json_t *results_json(const struct results *list, bool values) {
  json_t *root = json_object();
  for (size_t i = 0; root && i < list->count; i++) {
    const port_result *r = &list->items[i];
    json_t *item = json_pack("{s:s, s:s, s:o}", "feature", show_feature(r->feature), "dtype",
                             pome_dtype_name(r->tensor.dtype), "shape",
                             show_shape_json(r->tensor.rank, r->tensor.shape));
    int failed = !item;
    if (!failed && r->feature == POME_FEATURE_DICTIONARY && values)
      failed |= json_object_set_new(item, "keys", show_values_json(&r->keys));
    if (!failed && values)
      failed |= json_object_set_new(item, "values", show_values_json(&r->tensor));
    failed |= json_object_set_new(root, r->name, item);
    if (failed) {
      json_decref(root);
      root = NULL;
    }
  }
  return root;
}

int results_digits(const struct results *list) {
  int digits = 9;
  for (size_t i = 0; i < list->count; i++)
    if (show_digits(list->items[i].tensor.dtype) > digits)
      digits = show_digits(list->items[i].tensor.dtype);
  return digits;
}
