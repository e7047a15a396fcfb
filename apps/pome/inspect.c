/* pome inspect: what a person needs first: what it is, what goes in and comes out, how large it is,
 * and whether it runs here.
 */
#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "inspect_graph.h"
#include "report.h"
#include "show.h"
#include "verbs.h"
#include "wire/gguf.h"

/* Longer names push their line to the right. */
#define NAME_COLUMN 34
#define LINE_WIDTH  96
/* Of the constants, by name. */
#define LARGEST 5

/* ---- gathering ---- */

static int by_bytes(const void *a, const void *b) {
  const weight_group *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  int order = strcmp(x->encoding, y->encoding);
  return order ? order : (int)x->dtype - (int)y->dtype;
}

static weight_group *find_group(weight_groups *groups, const pome_weight *weight) {
  for (size_t i = 0; i < groups->count; i++)
    if (groups->items[i].dtype == weight->dtype &&
        strcmp(groups->items[i].encoding, weight->encoding) == 0)
      return &groups->items[i];
  weight_group *items = realloc(groups->items, (groups->count + 1) * sizeof *items);
  if (!items) return NULL;
  groups->items = items;
  items[groups->count] = (weight_group){.encoding = weight->encoding, .dtype = weight->dtype};
  return &items[groups->count++];
}

pome_status inspect_weights(const pome_function *function, weight_groups *result,
                            pome_error *error) {
  weight_groups groups = {0};
  for (size_t i = 0; i < pome_function_weight_count(function); i++) {
    pome_weight weight = pome_function_weight(function, i);
    weight_group *group = find_group(&groups, &weight);
    if (!group) {
      free(groups.items);
      return pome__fail_memory(error, "the list of weights");
    }
    group->count++;
    group->bytes += weight.bytes;
    groups.constants++;
    groups.bytes += weight.bytes;
    if (!weight.tensor.data) groups.missing += weight.bytes;
  }
  if (groups.count > 0) qsort(groups.items, groups.count, sizeof *groups.items, by_bytes);
  *result = groups;
  return POME_OK;
}

bool inspect_is_constant(const pome_op_count *op) {
  return strcmp(op->type, "const") == 0;
}

size_t inspect_operations(const pome_function *function) {
  size_t total = 0;
  for (size_t i = 0; i < pome_function_op_type_count(function); i++) {
    pome_op_count op = pome_function_op_type(function, i);
    if (!inspect_is_constant(&op)) total += op.count;
  }
  return total;
}

const char *inspect_system(const char *opset) {
  static const char *const systems[][2] = {
      {"CoreML5", "iOS 15"}, {"CoreML6", "iOS 16"}, {"CoreML7", "iOS 17"}, {"CoreML8", "iOS 18"}};
  for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++)
    if (strcmp(systems[i][0], opset) == 0) return systems[i][1];
  return NULL;
}

bool inspect_refusal(const pome_function *function, pome_error *reason) {
  size_t stages = pome_function_stage_count(function);
  bool programs = strcmp(pome_function_type(function), "mlProgram") == 0 || stages > 0;
  for (size_t i = 0; i < stages; i++)
    programs =
        programs && strcmp(pome_function_type(pome_function_stage(function, i)), "mlProgram") == 0;
  if (programs) return false;
  pome_plan *plan = NULL;
  bool refused = pome_plan_create(function, NULL, &plan, reason) != POME_OK;
  pome_plan_free(plan);
  return refused;
}

bool inspect_wanted(const struct options *options, const pome_function *function) {
  return !options->function || strcmp(options->function, pome_function_name(function)) == 0;
}

/* ---- text ---- */

void inspect_heading(const char *text) {
  printf("%s%s%s\n", report_bold(), text, report_plain());
}

void inspect_padded(const char *text, int width) {
  report_put(text);
  int used = report_width(text);
  printf("%*s", used < width ? width - used : 1, "");
}

static void put_port(const pome_port *port, int name_width) {
  char text[SHOW_TEXT], shapes[4 * SHOW_TEXT];
  fputs("    ", stdout);
  inspect_padded(port->name, name_width + 2);
  inspect_padded(show_type(port, text, sizeof text), 10);
  report_put(show_shapes(port, shapes, sizeof shapes));
  if (port->optional) fputs(", optional", stdout);
  if (port->has_default) printf(", default %g", port->default_value);
  if (port->description[0]) {
    fputs("  ", stdout);
    report_put(port->description);
  }
  putchar('\n');
}

static void put_ports(const pome_function *function, pome_port_kind kind, const char *heading) {
  size_t count = pome_function_port_count(function, kind);
  if (count == 0) return;
  int width = 0;
  for (size_t i = 0; i < count; i++) {
    int length = report_width(pome_function_port(function, kind, i)->name);
    if (length > width) width = length < NAME_COLUMN ? length : NAME_COLUMN;
  }
  printf("  %s\n", heading);
  for (size_t i = 0; i < count; i++) put_port(pome_function_port(function, kind, i), width);
}

/* The largest constants, when there are more than a reader sees at once. */
static void put_largest(const pome_function *function) {
  size_t shown[LARGEST], count = pome_function_weight_count(function);
  char shape[SHOW_TEXT], bytes[64];
  if (count <= LARGEST) return;
  puts("    the largest");
  for (size_t rank = 0; rank < LARGEST; rank++) {
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
      bool taken = false;
      for (size_t r = 0; r < rank; r++) taken = taken || shown[r] == i;
      if (!taken && (best == count || pome_function_weight(function, i).bytes >
                                          pome_function_weight(function, best).bytes))
        best = i;
    }
    pome_weight weight = pome_function_weight(function, shown[rank] = best);
    printf("    %12s  ", report_bytes((double)weight.bytes, bytes, sizeof bytes));
    report_put(weight.name);
    printf("  %s %s %s\n", weight.encoding, pome_dtype_name(weight.dtype),
           show_shape(weight.tensor.rank, weight.tensor.shape, shape, sizeof shape));
  }
}

static pome_status put_weights(const pome_function *function, pome_error *error) {
  weight_groups groups;
  char text[64];
  POME__TRY(inspect_weights(function, &groups, error));
  if (groups.constants > 0)
    printf("  weights: %s in %zu constants\n",
           report_bytes((double)groups.bytes, text, sizeof text), groups.constants);
  for (size_t i = 0; i < groups.count; i++) {
    const weight_group *group = &groups.items[i];
    char kind[128];
    snprintf(kind, sizeof kind, "%s %s", group->encoding, pome_dtype_name(group->dtype));
    fputs("    ", stdout);
    inspect_padded(kind, 24);
    printf("%10s  %5zu\n", report_bytes((double)group->bytes, text, sizeof text), group->count);
  }
  put_largest(function);
  if (groups.missing > 0)
    printf("    the file with %s of them is missing: nothing can run\n",
           report_bytes((double)groups.missing, text, sizeof text));
  free(groups.items);
  return POME_OK;
}

static int by_count(const void *a, const void *b) {
  const pome_op_count *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return strcmp(x->type, y->type);
}

/* "conv 12, relu 10, ...", most frequent first, wrapped. */
static void put_op_counts(const pome_op_count *ops, size_t count) {
  size_t column = 0;
  for (size_t i = 0; i < count; i++) {
    char text[128];
    size_t length = (size_t)snprintf(text, sizeof text, "%s %zu", ops[i].type, ops[i].count);
    if (i == 0 || column + length + 2 > LINE_WIDTH) {
      printf("%s\n    ", i ? "," : "");
      column = 4;
    } else {
      fputs(", ", stdout);
      column += 2;
    }
    report_put(text);
    column += length;
  }
  putchar('\n');
}

static pome_status put_operations(const pome_function *function, pome_error *error) {
  size_t types = pome_function_op_type_count(function), count = 0;
  pome_op_count *ops = calloc(types + 1, sizeof *ops);
  if (!ops) return pome__fail_memory(error, "the list of operations");
  for (size_t i = 0; i < types; i++) {
    pome_op_count op = pome_function_op_type(function, i);
    if (!inspect_is_constant(&op)) ops[count++] = op;
  }
  qsort(ops, count, sizeof *ops, by_count);
  if (count > 0) {
    printf("  operations: %zu", inspect_operations(function));
    put_op_counts(ops, count);
  }
  free(ops);
  return POME_OK;
}

const char *inspect_large_number(double value, char *text, size_t size) {
  static const char *const words[] = {"", " thousand", " million", " billion", " trillion"};
  size_t w = 0;
  for (; value >= 999.5 && w < 4; w++) value /= 1000;
  snprintf(text, size, "%.*f%s", w == 0 || value >= 99.95 ? 0 : 1, value, words[w]);
  return text;
}

static pome_status put_cost(const pome_function *function, pome_error *error) {
  inspect_cost cost;
  char text[64];
  POME__TRY(inspect_estimate(function, &cost, error));
  if (cost.multiply_adds > 0)
    printf("  about %s multiply-adds\n",
           inspect_large_number(cost.multiply_adds, text, sizeof text));
  if (cost.activation_bytes > 0)
    printf("  intermediate values: %s at once at most\n",
           report_bytes(cost.activation_bytes, text, sizeof text));
  if (cost.open > 0)
    printf("  estimates leave out %zu operation%s of open size\n", cost.open,
           cost.open == 1 ? "" : "s");
  return POME_OK;
}

static void put_unsupported(const pome_function *function) {
  bool any = false;
  pome_error reason;
  if (inspect_refusal(function, &reason)) {
    fputs("  cannot run here: ", stdout);
    report_put(reason.message);
    putchar('\n');
    return;
  }
  for (size_t i = 0; i < pome_function_op_type_count(function); i++) {
    pome_op_count op = pome_function_op_type(function, i);
    if (!op.unsupported) continue;
    if (!any) printf("  %scannot run here%s\n", report_bold(), report_plain());
    any = true;
    fputs("    ", stdout);
    report_put(op.type);
    printf(" (%zu): ", op.count);
    report_put(op.unsupported);
    putchar('\n');
  }
  if (!any) puts("  every operation runs here");
}

/* "1  resize  mlProgram (CoreML6, iOS 16), 8 operations: image -> features" */
static void put_stage(const pome_function *stage, size_t number) {
  const char *opset = pome_function_opset(stage), *system = inspect_system(opset);
  printf("    %zu  ", number);
  report_put(pome_function_name(stage));
  printf("  %s%s%s%s%s%s", pome_function_type(stage), opset[0] ? " (" : "", opset,
         system ? ", " : "", system ? system : "", opset[0] ? ")" : "");
  if (opset[0]) printf(", %zu operations", inspect_operations(stage));
  for (int kind = POME_INPUT_PORT; kind <= POME_OUTPUT_PORT; kind++) {
    fputs(kind == POME_INPUT_PORT ? ":" : " ->", stdout);
    for (size_t i = 0; i < pome_function_port_count(stage, (pome_port_kind)kind); i++) {
      fputs(i ? ", " : " ", stdout);
      report_put(pome_function_port(stage, (pome_port_kind)kind, i)->name);
    }
  }
  putchar('\n');
}

static void put_stages(const pome_function *function) {
  size_t count = pome_function_stage_count(function);
  if (count > 0) puts("  stages");
  for (size_t i = 0; i < count; i++) put_stage(pome_function_stage(function, i), i + 1);
}

/* A classifier's label is a text or a whole number, what a regressor gives is neither. */
static void put_predicted(const pome_function *function) {
  const char *name = pome_function_predicted_feature(function);
  if (name == NULL) return;
  const pome_port *port = pome_function_find_port(function, POME_OUTPUT_PORT, name);
  bool label =
      port != NULL && (port->feature == POME_FEATURE_STRING || port->feature == POME_FEATURE_INT64);
  fputs(label ? "  predicts the label " : "  predicts ", stdout);
  report_put(name);
  putchar('\n');
}

static pome_status put_function(const pome_model *model, const pome_function *function,
                                pome_error *error) {
  bool is_default = pome_model_find_function(model, NULL) == function;
  printf("\n%sfunction ", report_bold());
  report_put(pome_function_name(function));
  const char *opset = pome_function_opset(function), *system = inspect_system(opset);
  printf("%s%s%s%s%s%s%s\n", report_plain(), opset[0] ? " (" : "", opset, system ? ", " : "",
         system ? system : "", opset[0] ? ")" : "",
         is_default && pome_model_function_count(model) > 1 ? ", the default" : "");
  put_ports(function, POME_INPUT_PORT, "inputs");
  put_ports(function, POME_OUTPUT_PORT, "outputs");
  put_ports(function, POME_STATE_PORT, "states");
  put_stages(function);
  put_predicted(function);
  POME__TRY(put_weights(function, error));
  POME__TRY(put_operations(function, error));
  POME__TRY(put_cost(function, error));
  put_unsupported(function);
  return POME_OK;
}

static void put_metadata(const pome_model *model) {
  size_t count = pome_model_metadata_count(model);
  if (count > 0) putchar('\n'), inspect_heading("metadata");
  for (size_t i = 0; i < count; i++) {
    const char *key, *value;
    pome_model_metadata(model, i, &key, &value);
    fputs("  ", stdout);
    report_put(key);
    fputs(": ", stdout);
    report_put(value);
    putchar('\n');
  }
}

static void put_constants(const pome_function *function) {
  for (size_t i = 0; i < pome_function_weight_count(function); i++) {
    pome_weight weight = pome_function_weight(function, i);
    char shape[SHOW_TEXT], bytes[64];
    inspect_padded(weight.name, 48);
    printf("%-10s %-8s %10s  ", weight.encoding, pome_dtype_name(weight.dtype),
           report_bytes((double)weight.bytes, bytes, sizeof bytes));
    printf("%s", show_shape(weight.tensor.rank, weight.tensor.shape, shape, sizeof shape));
    if (weight.offset != POME_NO_OFFSET) printf("  at %" PRIu64, weight.offset);
    putchar('\n');
  }
}

static void put_head(const pome_model *model, const char *path) {
  const char *slash = strrchr(path, '/');
  size_t functions = pome_model_function_count(model);
  fputs(report_bold(), stdout);
  report_put(slash && slash[1] ? slash + 1 : path);
  fputs(report_plain(), stdout);
  printf(": %s (%s)", pome_model_type(model), pome_model_container(model));
  int version = pome_model_specification_version(model);
  if (version > 0) printf(", specification version %d", version);
  printf(", %zu function%s\n", functions, functions == 1 ? "" : "s");
}

static pome_status put_model(const pome_model *model, const struct options *options,
                             pome_error *error) {
  if (!options->weights) put_head(model, options->operands.items[0]);
  for (size_t i = 0; i < pome_model_function_count(model); i++) {
    const pome_function *function = pome_model_function(model, i);
    if (!inspect_wanted(options, function)) continue;
    if (options->weights) put_constants(function);
    else POME__TRY(put_function(model, function, error));
  }
  if (!options->weights) put_metadata(model);
  return POME_OK;
}

/* A program's text is the result itself: as it is into a file, harmless on a terminal. */
static pome_status write_text(void *context, const char *text, size_t size) {
  if (*(const bool *)context) report_safe(stdout, text, size, true);
  else fwrite(text, 1, size, stdout);
  return report_broken() ? POME_IO : POME_OK;
}

static pome_status put_text(const pome_model *model, pome_error *error) {
  bool terminal = report_terminal();
  pome_status status = pome_model_print(model, write_text, &terminal, error);
  if (status == POME_OK) putchar('\n');
  return report_broken() ? POME_OK : status; /* report_finish tells about stdout */
}

/* The text as one JSON string. */
typedef struct collected {
  char *text;
  size_t size, room;
} collected;

static pome_status collect_text(void *context, const char *text, size_t size) {
  collected *c = context;
  if (c->room - c->size < size) {
    size_t room = (c->size + size) * 2;
    char *grown = realloc(c->text, room);
    if (!grown) return POME_MEMORY;
    c->text = grown;
    c->room = room;
  }
  memcpy(c->text + c->size, text, size);
  c->size += size;
  return POME_OK;
}

static pome_status put_json_text(const pome_model *model, pome_error *error) {
  collected c = {NULL, 0, 0};
  pome_status status = pome_model_print(model, collect_text, &c, error);
  if (status == POME_OK) {
    status = report_json(json_pack("{s:o}", "text", json_stringn(c.text, c.size)), 9, error);
  }
  free(c.text);
  return status;
}

static pome_status inspect(const struct options *options, pome_model **model, pome_error *error) {
  pome_model_options model_options;
  if (pome__gguf_is_file(options->operands.items[0])) return inspect_gguf(options, error);
  engine_model_options(&model_options);
  POME__TRY(pome_model_open(options->operands.items[0], &model_options, model, error));
  const pome_function *function;
  if (options->function) POME__TRY(engine_find(*model, options->function, &function, error));
  if (options->graph) {
    if (!options->function) POME__TRY(engine_find(*model, NULL, &function, error));
    return inspect_graph(function, options->graph, error);
  }
  if (options->text) return options->json ? put_json_text(*model, error) : put_text(*model, error);
  if (options->json) return report_json(inspect_json(*model, options), 9, error);
  return put_model(*model, options, error);
}

int verb_inspect(const struct options *options) {
  pome_model *model = NULL;
  pome_error error = {0};
  pome_status status = inspect(options, &model, &error);
  pome_model_close(model);
  return status == POME_OK ? 0 : report_error(&error);
}
