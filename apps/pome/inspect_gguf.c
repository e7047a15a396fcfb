/* pome inspect for GGUF files: what the checkpoint is, its tensors by type, its metadata.
 *
 * None of it runs here; text is what such a file is used for (tokenize, template).
 */
#include "inspect.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "show.h"
#include "wire/gguf.h"

#define REFUSAL "running GGUF checkpoints is not supported"
/* Longer texts and lists are shortened. */
#define LONGEST_TEXT 160
#define LONGEST_LIST 16

typedef struct type_group {
  uint32_t type;
  size_t count;
  uint64_t bytes;
} type_group;

typedef struct checkpoint {
  pome__blob blob;
  pome__arena arena;
  pome__gguf gguf;
  type_group *groups; /* largest first */
  size_t group_count;
  uint64_t bytes;
  double parameters;
} checkpoint;

/* ---- gathering ---- */

static int by_bytes(const void *a, const void *b) {
  const type_group *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->type < y->type ? -1 : x->type > y->type;
}

static type_group *group_of(checkpoint *c, uint32_t type) {
  for (size_t i = 0; i < c->group_count; i++)
    if (c->groups[i].type == type) return &c->groups[i];
  c->groups[c->group_count] = (type_group){.type = type};
  return &c->groups[c->group_count++];
}

/* Types that are not in the table share one group. */
static pome_status gather(checkpoint *c, pome_error *error) {
  enum {
#define COUNT(id, name, block, bytes) +1
    KNOWN = 0 POME__GGML_TYPES(COUNT)
#undef COUNT
  };
  c->groups = POME__NEW_ARRAY(&c->arena, type_group, KNOWN + 1);
  if (!c->groups) return pome__fail_memory(error, "the list of tensors");
  for (size_t i = 0; i < c->gguf.tensor_count; i++) {
    const pome__gguf_tensor *tensor = &c->gguf.tensors[i];
    double elements = 1;
    type_group *group = group_of(c, pome__ggml_type_of(tensor->type) ? tensor->type : UINT32_MAX);
    for (int d = 0; d < tensor->rank; d++) elements *= (double)tensor->dims[d];
    group->count++;
    group->bytes += tensor->data.size;
    c->bytes += tensor->data.size;
    c->parameters += elements;
  }
  qsort(c->groups, c->group_count, sizeof *c->groups, by_bytes);
  return POME_OK;
}

static const char *type_name(uint32_t type, char *text, size_t size) {
  const pome__ggml_type *known = pome__ggml_type_of(type);
  if (known) return known->name;
  if (type == UINT32_MAX) return "types not known here";
  snprintf(text, size, "type %u", type);
  return text;
}

static const char *architecture(const checkpoint *c, char *text, size_t size) {
  pome_string name = {"unknown", 7};
  (void)pome__gguf_string(pome__gguf_find(&c->gguf, "general.architecture"), &name);
  snprintf(text, size, "%.*s", (int)(name.size < size ? name.size : size - 1), name.data);
  return text;
}

/* The slowest dimension first, as everywhere else. */
static void turn_shape(const pome__gguf_tensor *tensor, int64_t *shape) {
  for (int i = 0; i < tensor->rank; i++) shape[i] = tensor->dims[tensor->rank - 1 - i];
}

/* ---- text ---- */

static void put_text(pome_string text) {
  char line[LONGEST_TEXT + 1];
  size_t size = text.size < LONGEST_TEXT ? text.size : LONGEST_TEXT;
  memcpy(line, text.data, size);
  for (size_t i = 0; i < size; i++)
    if (line[i] == '\0') line[i] = ' ';
  line[size] = '\0';
  report_put(line);
  if (size < text.size) printf("... (%zu bytes)", text.size);
}

static void put_value(const pome__gguf_value *value) {
  int64_t integer;
  double real;
  bool flag;
  pome_string text;
  pome__bytes rest = value->bytes;
  if (pome__gguf_string(value, &text)) {
    put_text(text);
  } else if (pome__gguf_integer(value, &integer)) {
    printf("%" PRId64, integer);
  } else if (pome__gguf_real(value, &real)) {
    printf("%g", real);
  } else if (pome__gguf_bool(value, &flag)) {
    fputs(flag ? "true" : "false", stdout);
  } else if (value->kind != POME__GGUF_ARRAY || value->count > LONGEST_LIST ||
             value->element == POME__GGUF_ARRAY) {
    printf("%zu elements of kind %s", value->count, pome__gguf_kind_name(value->element));
  } else {
    for (size_t i = 0; i < value->count; i++) {
      fputs(i ? ", " : "", stdout);
      if (value->element == POME__GGUF_STRING) {
        put_text(pome__gguf_next_string(&rest));
      } else {
        pome__gguf_value element = pome__gguf_element(value, i);
        put_value(&element);
      }
    }
  }
}

static void put_tensors(const checkpoint *c) {
  for (size_t i = 0; i < c->gguf.tensor_count; i++) {
    const pome__gguf_tensor *tensor = &c->gguf.tensors[i];
    char name[256], shape[SHOW_TEXT], bytes[64], type[32];
    int64_t dims[POME__GGUF_RANK];
    turn_shape(tensor, dims);
    snprintf(name, sizeof name, "%.*s",
             (int)(tensor->name.size < sizeof name ? tensor->name.size : sizeof name - 1),
             tensor->name.data);
    inspect_padded(name, 48);
    printf("%-10s %10s  %s  at %" PRIu64 "\n", type_name(tensor->type, type, sizeof type),
           report_bytes((double)tensor->data.size, bytes, sizeof bytes),
           show_shape(tensor->rank, dims, shape, sizeof shape), tensor->offset);
  }
}

static void put_summary(const checkpoint *c, const char *path) {
  const char *slash = strrchr(path, '/');
  char text[128], name[128];
  fputs(report_bold(), stdout);
  report_put(slash && slash[1] ? slash + 1 : path);
  printf("%s: ", report_plain());
  report_put(architecture(c, name, sizeof name));
  printf(" (GGUF version %u), %zu tensor%s, %s parameters\n", c->gguf.version, c->gguf.tensor_count,
         c->gguf.tensor_count == 1 ? "" : "s",
         inspect_large_number(c->parameters, text, sizeof text));
  printf("  cannot run here: %s; tokenize and template use its text\n", REFUSAL);
  if (c->group_count > 0)
    printf("  weights: %s in %zu tensors\n", report_bytes((double)c->bytes, text, sizeof text),
           c->gguf.tensor_count);
  for (size_t i = 0; i < c->group_count; i++) {
    fputs("    ", stdout);
    inspect_padded(type_name(c->groups[i].type, name, sizeof name), 24);
    printf("%10s  %5zu\n", report_bytes((double)c->groups[i].bytes, text, sizeof text),
           c->groups[i].count);
  }
  if (c->gguf.entry_count > 0) putchar('\n'), inspect_heading("metadata");
  for (size_t i = 0; i < c->gguf.entry_count; i++) {
    fputs("  ", stdout);
    put_text(c->gguf.entries[i].key);
    fputs(": ", stdout);
    put_value(&c->gguf.entries[i].value);
    putchar('\n');
  }
}

/* ---- JSON ---- */

/* Lists that are long, and lists of lists, are told by their size. */
static json_t *value_json(const pome__gguf_value *value) {
  int64_t integer;
  double real;
  bool flag;
  pome_string text;
  pome__bytes rest = value->bytes;
  if (pome__gguf_string(value, &text)) return show_string_json(text.data, text.size);
  if (pome__gguf_integer(value, &integer)) return json_integer(integer);
  if (pome__gguf_real(value, &real)) return show_real_json(real);
  if (pome__gguf_bool(value, &flag)) return json_boolean(flag);
  if (value->kind != POME__GGUF_ARRAY || value->count > LONGEST_LIST ||
      value->element == POME__GGUF_ARRAY)
    return json_pack("{s:s, s:I}", "kind", pome__gguf_kind_name(value->element), "count",
                     (json_int_t)value->count);
  json_t *list = json_array();
  for (size_t i = 0; i < value->count; i++) {
    if (value->element == POME__GGUF_STRING) {
      text = pome__gguf_next_string(&rest);
      json_array_append_new(list, show_string_json(text.data, text.size));
    } else {
      pome__gguf_value element = pome__gguf_element(value, i);
      json_array_append_new(list, value_json(&element));
    }
  }
  return list;
}

static json_t *metadata_json(const checkpoint *c) {
  json_t *map = json_object();
  for (size_t i = 0; i < c->gguf.entry_count; i++) {
    pome_string key = c->gguf.entries[i].key;
    json_t *name = show_string_json(key.data, key.size);
    if (name)
      json_object_set_new(map, json_string_value(name), value_json(&c->gguf.entries[i].value));
    json_decref(name);
  }
  return map;
}

static json_t *tensor_json(const pome__gguf_tensor *tensor) {
  char type[32];
  int64_t dims[POME__GGUF_RANK];
  turn_shape(tensor, dims);
  return json_pack("{s:o, s:s, s:o, s:I, s:I}", "name",
                   show_string_json(tensor->name.data, tensor->name.size), "type",
                   type_name(tensor->type, type, sizeof type), "shape",
                   show_shape_json(tensor->rank, dims), "bytes", (json_int_t)tensor->data.size,
                   "offset", (json_int_t)tensor->offset);
}

static json_t *weights_json(const checkpoint *c, bool each) {
  json_t *groups = json_array(), *tensors = each ? json_array() : NULL;
  char text[64];
  for (size_t i = 0; i < c->group_count; i++)
    json_array_append_new(groups, json_pack("{s:s, s:I, s:I}", "type",
                                            type_name(c->groups[i].type, text, sizeof text),
                                            "count", (json_int_t)c->groups[i].count, "bytes",
                                            (json_int_t)c->groups[i].bytes));
  json_t *result = json_pack("{s:I, s:I, s:I, s:o}", "count", (json_int_t)c->gguf.tensor_count,
                             "bytes", (json_int_t)c->bytes, "parameters",
                             (json_int_t)fmin(c->parameters, 9e18), "by_type", groups);
  for (size_t i = 0; tensors && i < c->gguf.tensor_count; i++)
    json_array_append_new(tensors, tensor_json(&c->gguf.tensors[i]));
  if (result && tensors) json_object_set_new(result, "tensors", tensors);
  return result;
}

static json_t *checkpoint_json(const checkpoint *c, const struct options *options) {
  const char *path = options->operands.items[0];
  char name[128];
  architecture(c, name, sizeof name);
  return json_pack("{s:o, s:o, s:s, s:i, s:o, s:o, s:[], s:[{s:s, s:s}]}", "model",
                   show_string_json(path, strlen(path)), "type",
                   show_string_json(name, strlen(name)), "container", "gguf", "version",
                   (int)c->gguf.version, "metadata", metadata_json(c), "weights",
                   weights_json(c, options->weights), "functions", "unsupported", "type", "gguf",
                   "reason", REFUSAL);
}

/* ---- */

static pome_status show(checkpoint *c, const struct options *options, pome_error *error) {
  const char *path = options->operands.items[0];
  POME__TRY(pome__blob_open(NULL, path, false, NULL, &c->blob, error));
  POME__TRY(pome__blob_check(&c->blob, error));
  POME__TRY(pome__gguf_parse(c->blob.bytes, &c->arena, &c->gguf, error));
  POME__TRY(gather(c, error));
  if (options->json) return report_json(checkpoint_json(c, options), 9, error);
  if (options->weights) put_tensors(c);
  else put_summary(c, path);
  return POME_OK;
}

pome_status inspect_gguf(const struct options *options, pome_error *error) {
  checkpoint c = {0};
  if (options->function || options->text || options->graph) {
    pome__fail(error, POME_UNSUPPORTED, "a GGUF checkpoint has no program: %s", REFUSAL);
    pome__error_at_file(error, options->operands.items[0]);
    return POME_UNSUPPORTED;
  }
  pome__arena_init(&c.arena, NULL, 0);
  pome_status status = show(&c, options, error);
  if (status != POME_OK) pome__error_at_file(error, options->operands.items[0]);
  pome__arena_free(&c.arena);
  pome__blob_close(&c.blob);
  return status;
}
