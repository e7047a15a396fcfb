/* A NeuralNetwork message, of the classic model types, as a program with one function.
 *
 * Layers stand in the order in which they run. Each has named inputs and outputs, blobs, which a
 * table maps to the values of the program; a layer may give a blob a new value. Converters make a
 * layer's operations (one file a family); here are the network as such, its preprocessing of
 * images, the inputs and outputs that the description tells of, and the labels of a classifier.
 *
 * Arrays come in two mappings. In the exact one the network sees the shapes that the description
 * declares. In the older one every array is [sequence, batch, channel, height, width], and a
 * declared shape of one or three dimensions is the channel, or the last three. Source: coremltools
 * mlmodel/format/NeuralNetwork.proto.
 */
#include "load/neural_network.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* ---- layers ---- */

static const struct row {
  uint32_t number;
  const char *name;
  pome__nn_convert convert;
  const char *operation;
} rows[] = {
#define X(number, name, converter, operation) {number, #name, pome__nn_to_##converter, operation},
    POME__NN_LAYER_TABLE(X)
#undef X
};

/* Read in all: bodies of loops, which are read more than once, count each time. */
#define MAX_LAYERS 131072

/* Code of the application's, which no file has. */
#define CUSTOM 500

static const struct row *row_of(uint32_t number) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].number == number) return &rows[i];
  return NULL;
}

const char *pome__nn_layer_name(uint32_t number) {
  const struct row *row = row_of(number);
  if (row != NULL) return row->name;
  return number == CUSTOM ? "custom" : NULL;
}

pome__value *pome__nn_in(pome__nn *nn, const pome__nn_layer *layer, size_t i) {
  if (nn->status != POME_OK) return NULL;
  if (i < layer->in_count) return layer->in[i]->value;
  pome__nn_fail(nn, POME_INPUT, "it has %zu inputs; input %zu is missing", layer->in_count, i);
  return NULL;
}

void pome__nn_define(pome__nn *nn, pome__nn_blob *blob, pome__value *value) {
  if (nn->status != POME_OK) return;
  if (nn->change_count == nn->change_capacity) {
    size_t capacity = nn->change_capacity > 0 ? 2 * nn->change_capacity : 64;
    pome__nn_change *changes = POME__NEW_ARRAY(&nn->scratch, pome__nn_change, capacity);
    if (changes == NULL) {
      pome__nn_no_memory(nn);
      return;
    }
    if (nn->change_count > 0) memcpy(changes, nn->changes, nn->change_count * sizeof *changes);
    nn->changes = changes;
    nn->change_capacity = capacity;
  }
  nn->changes[nn->change_count++] = (pome__nn_change){blob, blob->value};
  blob->value = value;
}

/* A value that this layer made gets the blob's name. */
void pome__nn_out(pome__nn *nn, const pome__nn_layer *layer, size_t i, pome__value *value) {
  if (nn->status != POME_OK) return;
  if (i >= layer->out_count) return;
  value = pome__nn_number(nn, value);
  if (nn->status != POME_OK) return;
  bool made = value->producer != NULL && value->producer->parent == nn->block &&
              value->producer->index >= nn->first_op;
  if (made) pome__nn_rename(nn, value, layer->out[i]->name);
  pome__nn_define(nn, layer->out[i], value);
}

static pome__nn_blob *blob_of(pome__nn *nn, pome__bytes name) {
  char *text = pome__arena_string(&nn->scratch, (const char *)name.data, name.size);
  pome__nn_blob *blob = text != NULL ? pome__scope_find(&nn->blobs, text) : NULL;
  if (blob != NULL) return blob;
  blob = POME__NEW(&nn->scratch, pome__nn_blob);
  char *kept = pome__arena_string(&nn->program->arena, (const char *)name.data, name.size);
  if (blob == NULL || kept == NULL || !pome__scope_add(&nn->blobs, kept, blob)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  blob->name = kept;
  return blob;
}

/* The blobs that a layer names in the fields of that number. */
static pome__nn_blob **read_blobs(pome__nn *nn, pome__pb layer, uint32_t number, size_t *count) {
  if (nn->status == POME_OK) nn->status = pome__pb_count(&layer, number, count, nn->error);
  if (nn->status != POME_OK) return NULL;
  if (*count > POME__NN_MAX_BLOBS) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "it has %zu inputs or outputs; at most %d are read", *count,
                  POME__NN_MAX_BLOBS);
    return NULL;
  }
  pome__nn_blob **blobs = POME__NEW_ARRAY(&nn->scratch, pome__nn_blob *, *count + 1);
  if (blobs == NULL) pome__nn_no_memory(nn);
  size_t i = 0;
  pome__pb_field field;
  while (nn->status == POME_OK && i < *count && pome__pb_next(&layer, &field, nn->error)) {
    if (field.number != number) continue;
    pome__bytes name;
    nn->status = pome__pb_text(&layer, &field, "a blob's name", &name, nn->error);
    if (nn->status == POME_OK && name.size == 0)
      pome__nn_fail(nn, POME_INPUT, "one of its inputs or outputs has no name");
    if (nn->status == POME_OK) blobs[i++] = blob_of(nn, name);
  }
  return nn->status == POME_OK ? blobs : NULL;
}

/* The one field that tells a layer's type. */
static bool find_type(pome__nn *nn, pome__pb layer, pome__pb_field *type) {
  bool found = false;
  for (pome__pb_field field; pome__pb_next(&layer, &field, nn->error);) {
    if (field.number < 100) continue;
    *type = field;
    found = true;
  }
  if (layer.status != POME_OK) nn->status = layer.status;
  return found && nn->status == POME_OK;
}

static void name_layer(pome__nn *nn, pome__pb message) {
  nn->layer = pome__nn_text(nn, message, 1);
  nn->type = "no type";
}

static void check_inputs(pome__nn *nn, const pome__nn_layer *layer) {
  for (size_t i = 0; nn->status == POME_OK && i < layer->in_count; i++)
    if (layer->in[i]->value == NULL)
      pome__nn_fail(nn, POME_INPUT, "its input \"%s\" is not defined before it",
                    layer->in[i]->name);
}

static void convert_layer(pome__nn *nn, pome__pb message) {
  pome__pb_field type;
  pome__nn_layer layer = {.operation = ""};
  name_layer(nn, message);
  if (nn->layer_count++ == MAX_LAYERS)
    pome__nn_fail(nn, POME_UNSUPPORTED,
                  "more than %d layers, where those in loops count as often as they are read",
                  MAX_LAYERS);
  if (nn->status != POME_OK) return;
  if (!find_type(nn, message, &type)) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "the layer has no type that is known");
    return;
  }
  const struct row *row = row_of(type.number);
  const char *name = pome__nn_layer_name(type.number);
  nn->type = name != NULL ? name : "an unknown type";
  if (row == NULL) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "layers of type %s (field %u) are not run", nn->type,
                  type.number);
    return;
  }
  nn->status = pome__pb_expect(&message, &type, POME__PB_LEN, row->name, nn->error);
  if (nn->status != POME_OK) return;
  layer.operation = row->operation;
  layer.params = pome__pb_enter(&message, &type);
  layer.in = read_blobs(nn, message, 2, &layer.in_count);
  layer.out = read_blobs(nn, message, 3, &layer.out_count);
  check_inputs(nn, &layer);
  if (nn->status != POME_OK) return;
  snprintf(nn->layer_name, sizeof nn->layer_name, "%.80s",
           layer.out_count > 0 ? layer.out[0]->name : row->name);
  nn->first_op = nn->function->op_count;
  row->convert(nn, &layer);
}

void pome__nn_network(pome__nn *nn, pome__pb network) {
  const char *outer = nn->layer, *outer_type = nn->type;
  char outer_name[sizeof nn->layer_name];
  memcpy(outer_name, nn->layer_name, sizeof outer_name);
  pome__pb_field field;
  while (nn->status == POME_OK && pome__pb_next(&network, &field, nn->error)) {
    if (field.number != 1) continue;
    nn->status = pome__pb_expect(&network, &field, POME__PB_LEN, "a layer", nn->error);
    const pome__value *stopped = nn->stopped.value;
    if (nn->status == POME_OK) convert_layer(nn, pome__pb_enter(&network, &field));
    if (nn->status == POME_OK && nn->stopped.value != stopped) {
      pome__nn_unless_stopped(nn, network);
      break;
    }
  }
  if (network.status != POME_OK && nn->status == POME_OK) nn->status = network.status;
  if (nn->status != POME_OK) return;
  nn->layer = outer;
  nn->type = outer_type;
  memcpy(nn->layer_name, outer_name, sizeof outer_name);
  nn->first_op = nn->function->op_count;
}

/* ---- the whole ---- */

static pome__function *new_function(pome__program *program, const pome__package *package) {
  const pome__description *description = &package->description;
  const char *name = description->function_count > 0 ? description->functions[0].name : "main";
  /* The operations of this opset take what layers have as parameters, in one element type. */
  return pome__program_add_function(program, name, POME__IOS16);
}

static void fill_network(pome__nn *nn, pome__pb network, pome__package *package) {
  pome__function_description *described = &package->description.functions[0];
  nn->rank5 = pome__nn_int(nn, network, 5, 0) == 0;
  pome__nn_inputs(nn, network, described);
  pome__nn_network(nn, network);
  nn->layer = nn->type = "";
  pome__nn_outputs(nn, network, package->description.model_type, described);
}

/* ---- layers by type ---- */

/* The one that was refused has its type in the reason, as every message about a layer has. */
static bool names_type(const char *why, const char *type) {
  char text[64];
  snprintf(text, sizeof text, "(%.40s):", type);
  return strstr(why, text) != NULL;
}

static pome_status count_layer(pome__package *package, pome__pb layer, const char *why,
                               pome_error *error) {
  pome__function_description *function = &package->description.functions[0];
  uint32_t number = 0;
  for (pome__pb_field field; pome__pb_next(&layer, &field, error);)
    if (field.number >= 100) number = field.number;
  POME__TRY(layer.status);
  const char *name = pome__nn_layer_name(number);
  if (name == NULL) name = "an unknown type";
  size_t at = 0;
  while (at < function->layer_count && strcmp(function->layers[at].type, name) != 0) at++;
  if (at == function->layer_count)
    function->layers[function->layer_count++] =
        (pome_op_count){name, 0, names_type(why, name) ? why : NULL};
  function->layers[at].count++;
  return POME_OK;
}

pome_status pome__list_layers(pome__package *package, const char *why, pome_error *error) {
  const size_t types = sizeof rows / sizeof rows[0] + 2; /* custom and unknown ones */
  pome__pb network = pome__pb_open(package->program);
  pome__function_description *function = &package->description.functions[0];
  function->layers = POME__NEW_ARRAY(pome__package_arena(package), pome_op_count, types);
  if (function->layers == NULL) return pome__fail_memory(error, "a network");
  for (pome__pb_field field; pome__pb_next(&network, &field, error);) {
    if (field.number != 1 || field.wire != POME__PB_LEN) continue;
    POME__TRY(count_layer(package, pome__pb_enter(&network, &field), why, error));
  }
  return network.status;
}

pome_status pome__nn_build(pome__package *package, const pome_allocator *allocator,
                           size_t memory_limit,
                           void (*fill)(pome__nn *nn, pome__pb model, pome__package *package),
                           pome__program **out, pome_error *error) {
  if (package->description.function_count != 1)
    return pome__fail(error, POME_INPUT, "the model describes %zu functions; it has one",
                      package->description.function_count);
  pome__program *program = pome__program_create(allocator, memory_limit);
  if (program == NULL) return pome__fail_memory(error, "a program");
  pome_error local;
  pome__nn nn = {.program = program,
                 .stopped = {.name = "stopped"},
                 .broken = {.name = "broken"},
                 .layer = "",
                 .type = "",
                 .error = error ? error : &local};
  pome__arena_init(&nn.scratch, allocator, memory_limit);
  pome__scope_init(&nn.blobs, &nn.scratch);
  pome__scope_init(&nn.names, &nn.scratch);
  nn.function = new_function(program, package);
  if (nn.function == NULL) pome__nn_no_memory(&nn);
  else nn.block = nn.function->body;
  pome__pb model = pome__pb_open(package->program);
  /* People count from the start of the file. */
  const pome__package *file = package->parent != NULL ? package->parent : package;
  model.file = file->spec.bytes.data;
  if (nn.status == POME_OK) fill(&nn, model, package);
  pome__arena_free(&nn.scratch);
  if (nn.status != POME_OK) {
    pome__program_free(program);
    return nn.status;
  }
  *out = program;
  return POME_OK;
}

pome_status pome__load_neural_network(pome__package *package, const pome_allocator *allocator,
                                      size_t memory_limit, pome__program **program,
                                      pome_error *error) {
  return pome__nn_build(package, allocator, memory_limit, fill_network, program, error);
}
