/* The inputs and outputs of a network.
 *
 * An input of the function has the shape of its port; what the network sees of it is that, or in
 * the older mapping its five dimensions. A network with recurrent layers or embeddings takes
 * sequences in that mapping: arrays with two more dimensions before the declared ones, of which the
 * second, the batch, is 1. Outputs of the older mapping lose the dimensions that the port does not
 * declare.
 */
#include <stdio.h>
#include <string.h>

#include "load/neural_network.h"
#include "tensor/shape.h"

#define MAX_PREPROCESSING 64

/* ---- inputs ---- */

static bool has_sequences(pome__nn *nn, pome__pb network) {
  static const uint32_t sequential[] = {150, 340, 400, 410, 420, 430};
  bool found = false;
  pome__pb_field field, type;
  while (nn->status == POME_OK && pome__pb_next(&network, &field, nn->error)) {
    if (field.number != 1 || field.wire != POME__PB_LEN) continue;
    pome__pb layer = pome__pb_enter(&network, &field);
    for (size_t i = 0; i < sizeof sequential / sizeof sequential[0]; i++)
      found = found || pome__nn_field(nn, layer, sequential[i], &type);
  }
  if (network.status != POME_OK && nn->status == POME_OK) nn->status = network.status;
  return found;
}

static int channels_of(const pome_port *port) {
  return port->color == POME_COLOR_RGB || port->color == POME_COLOR_BGR ? 3 : 1;
}

static int64_t dim_of(const pome_port *port, int d) {
  bool fixed = port->flexibility == POME_SHAPE_FIXED || port->lower[d] == port->upper[d];
  return fixed ? port->shape[d] : POME_DIM_UNKNOWN;
}

static bool type_of_port(pome__nn *nn, const pome_port *port, bool sequences, pome__type *type) {
  int64_t dims[POME_MAX_RANK] = {1};
  if (port->feature == POME_FEATURE_IMAGE) {
    dims[1] = channels_of(port);
    dims[2] = dim_of(port, 0);
    dims[3] = dim_of(port, 1);
    *type = pome__type_tensor(POME_FP32, 4, dims);
    return true;
  }
  if (port->feature != POME_FEATURE_TENSOR || port->rank < 1) {
    pome__nn_fail(nn, POME_UNSUPPORTED,
                  "input \"%s\" is neither an image nor an array of a declared shape", port->name);
    return false;
  }
  if (nn->rank5 && port->rank != 1 && port->rank != 3) {
    pome__nn_fail(nn, POME_INPUT,
                  "input \"%s\" has %d dimensions; in this mapping arrays have 1 or 3", port->name,
                  (int)port->rank);
    return false;
  }
  for (int d = 0; d < port->rank; d++) dims[d] = dim_of(port, d);
  *type = pome__type_tensor(POME_FP32, sequences ? -1 : port->rank, dims);
  return true;
}

/* [1, 1, C, H, W] of [C] or [C, H, W], and [S, 1, C, H, W] of sequences. */
static pome__value *as_rank5(pome__nn *nn, const pome_port *port, pome__value *value,
                             bool sequences) {
  static const int64_t around[] = {0, 1, 3, 4}, before[] = {0, 1};
  if (!sequences)
    return port->rank == 1 ? pome__nn_expand(nn, value, around, 4)
                           : pome__nn_expand(nn, value, before, 2);
  int64_t shape[] = {-1, 1, 1, 1, 1};
  for (int d = 0; d < port->rank; d++) {
    shape[2 + d] = dim_of(port, d);
    if (shape[2 + d] < 1)
      pome__nn_fail(nn, POME_UNSUPPORTED, "input \"%s\" of a recurrent network has an open size",
                    port->name);
  }
  return pome__nn_reshape(nn, value, 5, shape);
}

/* ---- preprocessing of images ---- */

/* NeuralNetworkImageScaler: channelScale 10, blueBias 20, greenBias 21, redBias 22, grayBias 30 */
static pome__value *scale_image(pome__nn *nn, pome__pb scaler, const pome_port *port,
                                pome__value *image) {
  static const uint32_t rgb[] = {22, 21, 20}, gray = 30;
  int channels = channels_of(port);
  bool color = channels == 3, any = false;
  float *bias = pome__nn_new_floats(nn, (size_t)channels);
  for (int c = 0; bias != NULL && c < channels; c++) {
    int at = port->color == POME_COLOR_BGR ? 2 - c : c;
    bias[c] = (float)pome__nn_float(nn, scaler, color ? rgb[at] : gray, 0);
    any = any || bias[c] != 0;
  }
  const int64_t dims[] = {channels, 1, 1};
  image = pome__nn_scaled(nn, image, pome__nn_float_not_0(nn, scaler, 10, 1), 0);
  if (!any || nn->status != POME_OK) return image;
  return pome__nn_binary(nn, "add", image, pome__nn_const(nn, "bias", 3, dims, bias));
}

/* NeuralNetworkMeanImage: meanImage 1, read as if it were WeightParams, whose floats have that
 * number too. */
static pome__value *subtract_mean(pome__nn *nn, pome__pb preprocessing, const pome_port *port,
                                  pome__value *image) {
  const int64_t dims[] = {channels_of(port), port->shape[0], port->shape[1]};
  return pome__nn_binary(nn, "sub", image,
                         pome__nn_weights(nn, preprocessing, 11, "mean_image", 3, dims, 0));
}

/* NeuralNetworkPreprocessing: featureName 1, scaler 10, meanImage 11 */
typedef struct preprocessing {
  pome__pb messages[MAX_PREPROCESSING];
  const char *names[MAX_PREPROCESSING];
  size_t count;
} preprocessing;

static void read_preprocessing(pome__nn *nn, pome__pb network, preprocessing *all) {
  pome__pb_field field;
  all->count = 0;
  while (nn->status == POME_OK && pome__pb_next(&network, &field, nn->error)) {
    if (field.number != 2) continue;
    nn->status = pome__pb_expect(&network, &field, POME__PB_LEN, "preprocessing", nn->error);
    if (nn->status == POME_OK && all->count == MAX_PREPROCESSING)
      pome__nn_fail(nn, POME_UNSUPPORTED, "preprocessing of more than %d images",
                    MAX_PREPROCESSING);
    if (nn->status != POME_OK) return;
    all->messages[all->count] = pome__pb_enter(&network, &field);
    all->names[all->count] = pome__nn_text(nn, all->messages[all->count], 1);
    all->count++;
  }
  if (network.status != POME_OK && nn->status == POME_OK) nn->status = network.status;
}

/* One without a name is for the first image. */
static pome__value *preprocess(pome__nn *nn, const preprocessing *all, const pome_port *port,
                               bool first, pome__value *image) {
  pome__pb inner;
  for (size_t i = 0; i < all->count; i++) {
    pome__pb one = all->messages[i];
    bool meant = strcmp(all->names[i], port->name) == 0 || (first && all->names[i][0] == '\0');
    if (!meant) continue;
    if (pome__nn_message(nn, one, 10, &inner)) image = scale_image(nn, inner, port, image);
    else if (pome__nn_message(nn, one, 11, &inner)) image = subtract_mean(nn, one, port, image);
  }
  return image;
}

static void define_port(pome__nn *nn, const pome_port *port, pome__value *value) {
  pome__nn_blob *blob = POME__NEW(&nn->scratch, pome__nn_blob);
  if (nn->status != POME_OK) return;
  if (blob == NULL || !pome__scope_add(&nn->blobs, port->name, blob)) {
    pome__nn_no_memory(nn);
    return;
  }
  blob->name = port->name;
  pome__nn_define(nn, blob, value);
}

pome__value *pome__nn_add_input(pome__nn *nn, const pome_port *port, const pome__type *type) {
  pome__value *value = pome__function_new_value(nn->program, nn->function, port->name, type);
  if (value == NULL || !pome__function_add_input(nn->program, nn->function, value) ||
      !pome__scope_add(&nn->names, value->name, value)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  return value;
}

void pome__nn_inputs(pome__nn *nn, pome__pb network, pome__function_description *description) {
  static const int64_t front = 0;
  bool sequences = nn->rank5 && has_sequences(nn, network), first = true;
  bool image5 = pome__nn_int(nn, network, 6, 0) == 0;
  preprocessing all;
  read_preprocessing(nn, network, &all);
  for (size_t i = 0; nn->status == POME_OK && i < description->input_count; i++) {
    pome_port *port = &description->inputs[i];
    pome__type type;
    if (!type_of_port(nn, port, sequences, &type)) return;
    pome__value *value = pome__nn_add_input(nn, port, &type);
    snprintf(nn->layer_name, sizeof nn->layer_name, "%.80s", port->name);
    if (port->feature == POME_FEATURE_IMAGE) {
      value = preprocess(nn, &all, port, first, value);
      if (image5) value = pome__nn_expand(nn, value, &front, 1);
      first = false;
    } else if (nn->rank5) {
      value = as_rank5(nn, port, value, sequences);
    }
    if (port->optional && !port->has_default && port->feature == POME_FEATURE_TENSOR) {
      port->has_default = true;
      port->default_value = 0;
    }
    define_port(nn, port, value);
  }
}

/* ---- outputs ---- */

static pome__value *blob_value(pome__nn *nn, const char *name) {
  if (nn->status != POME_OK) return NULL;
  const pome__nn_blob *blob = pome__scope_find(&nn->blobs, name);
  if (blob != NULL && blob->value != NULL) return blob->value;
  pome__nn_fail(nn, POME_INPUT, "no layer gives the output \"%s\"", name);
  return NULL;
}

/* The value has the name, or an identity of it gets it; whoever had it gets another. */
static pome__value *named(pome__nn *nn, pome__value *value, const char *name) {
  if (nn->status != POME_OK || strcmp(value->name, name) == 0) return value;
  pome__value *holder = pome__scope_find(&nn->names, name);
  pome__value *spare = pome__nn_new_value(nn, name);
  value = pome__nn_unary(nn, "identity", value);
  if (nn->status != POME_OK) return NULL;
  if (holder != NULL && holder->producer == NULL)
    pome__nn_fail(nn, POME_UNSUPPORTED, "\"%s\" is an input and another output", name);
  if (holder != NULL && strcmp(holder->name, name) == 0) holder->name = spare->name;
  value->name = value->producer->name = name;
  return value;
}

/* A port of a fixed shape gets it, if the numbers of elements agree. In the older mapping others
 * lose sequence and batch, and a vector's height and width, where these are 1. */
static pome__value *as_declared(pome__nn *nn, const pome_port *port, pome__value *value) {
  static const int64_t front[] = {0, 1}, around[] = {0, 1, 3, 4};
  size_t declared, count;
  if (nn->status != POME_OK || value->type.rank < 0) return value;
  int rank = value->type.rank;
  const int64_t *dims = value->type.dims;
  if (port->rank > 0 && port->flexibility == POME_SHAPE_FIXED && port->rank != rank &&
      pome__shape_count(port->rank, port->shape, &declared) &&
      pome__shape_count(rank, dims, &count) && declared == count)
    return pome__nn_reshape(nn, value, port->rank, port->shape);
  if (!nn->rank5 || rank != 5 || dims[0] != 1 || dims[1] != 1) return value;
  bool vector = dims[3] == 1 && dims[4] == 1 && port->rank != 3;
  return pome__nn_squeeze(nn, value, vector ? around : front, vector ? 4 : 2);
}

static pome__value *output_of(pome__nn *nn, const pome_port *port) {
  pome__value *value = pome__nn_at_least_1d(nn, blob_value(nn, port->name));
  if (nn->status != POME_OK) return NULL;
  snprintf(nn->layer_name, sizeof nn->layer_name, "%.80s", port->name);
  if (port->feature != POME_FEATURE_IMAGE) value = as_declared(nn, port, value);
  if (port->feature == POME_FEATURE_TENSOR && port->dtype == POME_INT32)
    value = pome__nn_whole(nn, value);
  return named(nn, value, port->name);
}

/* ---- classifiers ---- */

static pome__literal *label(pome__nn *nn, pome_dtype dtype, const void *data, size_t bytes) {
  return pome__literal_new_tensor(nn->program, dtype, 0, NULL, data, bytes);
}

typedef struct labels {
  pome__nn *nn;
  const pome__literal **items;
  size_t count, capacity;
  pome_dtype dtype;
} labels;

static pome_status add_whole(void *context, uint64_t value) {
  labels *list = context;
  if (list->items != NULL && list->count < list->capacity)
    list->items[list->count] = label(list->nn, POME_INT64, &value, sizeof value);
  list->count++;
  return POME_OK;
}

static void add_text(labels *list, const pome__pb *pb, const pome__pb_field *field) {
  pome__nn *nn = list->nn;
  pome__bytes text = {NULL, 0};
  nn->status = pome__pb_text(pb, field, "a label", &text, nn->error);
  if (nn->status == POME_OK && list->items != NULL && list->count < list->capacity) {
    pome_string string = {
        pome__arena_string(&nn->program->arena, (const char *)text.data, text.size), text.size};
    if (string.data == NULL) pome__nn_no_memory(nn);
    list->items[list->count] = label(nn, POME_STRING, &string, sizeof string);
  }
  list->count++;
}

/* StringVector{vector 1}, Int64Vector{vector 1} */
static void walk_labels(labels *list, pome__pb vector) {
  pome__nn *nn = list->nn;
  list->count = 0;
  pome__pb_field field;
  while (nn->status == POME_OK && pome__pb_next(&vector, &field, nn->error)) {
    if (field.number != 1) continue;
    if (list->dtype == POME_STRING) add_text(list, &vector, &field);
    else nn->status = pome__pb_varints(&vector, &field, add_whole, list, nn->error);
  }
  if (vector.status != POME_OK && nn->status == POME_OK) nn->status = vector.status;
}

/* The labels as a list that `classify` takes: stringClassLabels 100, int64ClassLabels 101. */
static pome__value *read_labels(pome__nn *nn, pome__pb model) {
  pome__pb vector;
  labels list = {.nn = nn};
  if (pome__nn_message(nn, model, 100, &vector)) list.dtype = POME_STRING;
  else if (pome__nn_message(nn, model, 101, &vector)) list.dtype = POME_INT64;
  else pome__nn_fail(nn, POME_INPUT, "the classifier has no labels");
  if (nn->status != POME_OK) return NULL;
  walk_labels(&list, vector);
  list.capacity = list.count;
  pome__arena *arena = &nn->program->arena;
  list.items = POME__NEW_ARRAY(arena, const pome__literal *, list.count);
  pome__literal *made = POME__NEW(arena, pome__literal);
  pome__type *element = POME__NEW(arena, pome__type);
  const pome__type **elements = POME__NEW_ARRAY(arena, const pome__type *, 1);
  if (list.items == NULL || made == NULL || element == NULL || elements == NULL) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  walk_labels(&list, vector);
  for (size_t i = 0; i < list.count; i++)
    if (list.items[i] == NULL) pome__nn_no_memory(nn);
  if (nn->status != POME_OK) return NULL;
  *element = pome__type_tensor(list.dtype, 0, NULL);
  elements[0] = element;
  made->type = (pome__type){.kind = POME__TYPE_LIST,
                            .elements = elements,
                            .element_count = 1,
                            .length = (int64_t)list.count};
  made->items = list.items;
  made->item_count = list.count;
  made->blob_offset = POME_NO_OFFSET;
  pome__value *value = pome__function_new_literal(nn->program, nn->function, made);
  if (value == NULL) pome__nn_no_memory(nn);
  return value;
}

/* The blob of the probabilities: the one that is named, else what the last layer gives. */
static pome__value *probabilities_of(pome__nn *nn, pome__pb network) {
  const char *name = pome__nn_text(nn, network, 200);
  if (name[0] != '\0') return blob_value(nn, name);
  for (size_t i = nn->status == POME_OK ? nn->change_count : 0; i > 0; i--) {
    const pome__nn_blob *blob = nn->changes[i - 1].blob;
    if (blob != &nn->stopped && blob != &nn->broken) return blob->value;
  }
  pome__nn_fail(nn, POME_INPUT, "the classifier has no layer");
  return NULL;
}

static pome__value *flat(pome__nn *nn, pome__value *x) {
  const int64_t all = -1;
  return pome__nn_rank(nn, x) == 1 ? x : pome__nn_reshape(nn, x, 1, &all);
}

void pome__nn_classify(pome__nn *nn, pome__pb model, const pome__function_description *description,
                       pome__value *probabilities, pome__value **outputs) {
  const char *names[] = {description->predicted_feature, description->predicted_probabilities};
  snprintf(nn->layer_name, sizeof nn->layer_name, "classify");
  pome__value *classes = read_labels(nn, model);
  pome__nn_op_many(nn, "classify",
                   (const pome__nn_arg[]){POME__ARG("probabilities", probabilities),
                                          POME__ARG("classes", classes),
                                          {NULL, NULL, NULL, 0}},
                   outputs, 2);
  for (int i = 0; nn->status == POME_OK && i < 2; i++) {
    if (names[i] == NULL || names[i][0] == '\0') continue;
    pome__value *holder = pome__scope_find(&nn->names, names[i]);
    if (holder != NULL && holder->producer == NULL)
      pome__nn_fail(nn, POME_UNSUPPORTED, "\"%s\" is an input and an output", names[i]);
    pome__value *spare = holder != NULL ? pome__nn_new_value(nn, names[i]) : NULL;
    if (spare != NULL && strcmp(holder->name, names[i]) == 0) holder->name = spare->name;
    outputs[i]->name = names[i];
  }
}

void pome__nn_outputs(pome__nn *nn, pome__pb network, int model_type,
                      const pome__function_description *description) {
  bool classifier = model_type == POME__MODEL_TYPE_NETWORK_CLASSIFIER;
  size_t count = description->output_count;
  pome__value *answers[2] = {NULL, NULL};
  pome__value **outputs = POME__NEW_ARRAY(&nn->scratch, pome__value *, count);
  if (outputs == NULL) pome__nn_no_memory(nn);
  if (nn->status == POME_OK && classifier)
    pome__nn_classify(nn, network, description, flat(nn, probabilities_of(nn, network)), answers);
  for (size_t i = 0; nn->status == POME_OK && i < count; i++) {
    const pome_port *port = &description->outputs[i];
    for (int l = 0; l < 2; l++)
      if (answers[l] != NULL && strcmp(answers[l]->name, port->name) == 0) outputs[i] = answers[l];
    if (outputs[i] == NULL) outputs[i] = output_of(nn, port);
  }
  if (nn->status == POME_OK &&
      !pome__block_set_outputs(nn->program, nn->function->body, outputs, count))
    pome__nn_no_memory(nn);
}
