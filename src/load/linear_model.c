/* Generalized linear models, GLMRegressor and GLMClassifier, as a program with one operation
 * (ops/classic.c) and, for a classifier, `classify` after it.
 *
 * The features are the model's inputs in order: numbers, or arrays with all their elements. A
 * regressor gives one number, or an array where it has more rows of weights than one. Fields:
 * weights 1 {value 1}, offset 2, postEvaluationTransform 3, and of classifiers classEncoding 4,
 * stringClassLabels 100, int64ClassLabels 101. An offset that is not written is 0. Source:
 * coremltools mlmodel/format/GLMRegressor.proto, GLMClassifier.proto.
 */
#include <stdio.h>
#include <string.h>

#include "load/neural_network.h"
#include "tensor/element.h"

/* ---- numbers ---- */

typedef struct doubles {
  double *at; /* NULL: they are only counted */
  size_t count, capacity;
} doubles;

static pome_status collect(void *context, uint64_t bits) {
  doubles *into = context;
  if (into->at != NULL && into->count < into->capacity)
    memcpy(&into->at[into->count], &bits, sizeof bits);
  into->count++;
  return POME_OK;
}

/* Appends the numbers of field `number`. */
static void read_doubles(pome__nn *nn, pome__pb message, uint32_t number, doubles *into) {
  for (pome__pb_field field; nn->status == POME_OK && pome__pb_next(&message, &field, nn->error);) {
    if (field.number == number)
      nn->status = pome__pb_scalars(&message, &field, POME__PB_I64, collect, into, nn->error);
  }
  if (message.status != POME_OK && nn->status == POME_OK) nn->status = message.status;
}

/* Appends all rows of weights, and gives their number; they must be of one size. */
static size_t read_rows(pome__nn *nn, pome__pb model, doubles *into) {
  size_t rows = 0, size = 0;
  for (pome__pb_field field; nn->status == POME_OK && pome__pb_next(&model, &field, nn->error);) {
    pome__pb row;
    size_t before = into->count;
    if (field.number != 1) continue;
    nn->status = pome__pb_message(&model, &field, "weights", &row, nn->error);
    if (nn->status != POME_OK) return 0;
    read_doubles(nn, row, 1, into);
    if (rows++ == 0) size = into->count - before;
    if (into->count - before != size)
      pome__nn_fail(nn, POME_INPUT, "row %zu of the weights has %zu numbers, the first has %zu",
                    rows, into->count - before, size);
  }
  if (model.status != POME_OK && nn->status == POME_OK) nn->status = model.status;
  if (nn->status == POME_OK && rows == 0) pome__nn_fail(nn, POME_INPUT, "the model has no weights");
  return rows;
}

static void make_room(pome__nn *nn, doubles *list) {
  *list = (doubles){NULL, 0, list->count};
  if (nn->status != POME_OK) return;
  list->at = POME__NEW_ARRAY(&nn->program->arena, double, list->capacity);
  if (list->at == NULL) pome__nn_no_memory(nn);
}

static pome__value *constant(pome__nn *nn, const char *name, int rank, const int64_t *dims,
                             const doubles *list) {
  pome__type type = pome__type_tensor(POME_FP64, rank, dims);
  return pome__nn_const_data(nn, name, &type, list->at, list->capacity * sizeof *list->at);
}

static pome__value *weights_of(pome__nn *nn, pome__pb model, size_t *rows) {
  doubles list = {NULL, 0, 0};
  *rows = read_rows(nn, model, &list);
  make_room(nn, &list);
  read_rows(nn, model, &list);
  if (nn->status != POME_OK) return NULL;
  const int64_t dims[] = {(int64_t)*rows, (int64_t)(list.count / *rows)};
  return constant(nn, "weights", 2, dims, &list);
}

static pome__value *offset_of(pome__nn *nn, pome__pb model, size_t rows) {
  doubles list = {NULL, 0, 0};
  read_doubles(nn, model, 2, &list);
  if (nn->status == POME_OK && list.count != 0 && list.count != rows)
    pome__nn_fail(nn, POME_INPUT, "the model has %zu offsets and %zu rows of weights", list.count,
                  rows);
  list.count = rows;
  make_room(nn, &list);
  read_doubles(nn, model, 2, &list);
  const int64_t size = (int64_t)rows;
  return constant(nn, "offset", 1, &size, &list);
}

/* ---- features ---- */

static bool type_of(pome__nn *nn, const pome_port *port, pome__type *type) {
  int64_t dims[POME_MAX_RANK];
  switch (port->feature) {
  case POME_FEATURE_DOUBLE: *type = pome__type_tensor(POME_FP64, 0, NULL); return true;
  case POME_FEATURE_INT64: *type = pome__type_tensor(POME_INT64, 0, NULL); return true;
  case POME_FEATURE_TENSOR: break;
  default:
    pome__nn_fail(nn, POME_UNSUPPORTED, "input \"%s\" is neither a number nor an array",
                  port->name);
    return false;
  }
  for (int d = 0; d < port->rank; d++)
    dims[d] = port->flexibility == POME_SHAPE_FIXED ? port->shape[d] : POME_DIM_UNKNOWN;
  *type = pome__type_tensor(port->dtype, port->rank, dims);
  return true;
}

static pome__value **features_of(pome__nn *nn, const pome__function_description *description) {
  pome__value **values = POME__NEW_ARRAY(&nn->scratch, pome__value *, description->input_count);
  if (values == NULL) pome__nn_no_memory(nn);
  if (nn->status == POME_OK && description->input_count == 0)
    pome__nn_fail(nn, POME_INPUT, "the model has no inputs");
  for (size_t i = 0; nn->status == POME_OK && i < description->input_count; i++) {
    pome__type type;
    if (type_of(nn, &description->inputs[i], &type))
      values[i] = pome__nn_add_input(nn, &description->inputs[i], &type);
  }
  return values;
}

/* ---- results ---- */

/* One number, or one for each row. */
static void check_output(pome__nn *nn, const pome_port *port, size_t rows) {
  bool array = port->feature == POME_FEATURE_TENSOR;
  if (!array && port->feature != POME_FEATURE_DOUBLE)
    pome__nn_fail(nn, POME_UNSUPPORTED, "output \"%s\" is neither a double nor an array",
                  port->name);
  if (array && !pome__dtype_is_float(port->dtype))
    pome__nn_fail(nn, POME_UNSUPPORTED, "output \"%s\" is an array of %s, not of floats",
                  port->name, pome_dtype_name(port->dtype));
  if (!array && rows != 1)
    pome__nn_fail(nn, POME_INPUT, "\"%s\" is one number, and the weights have %zu rows", port->name,
                  rows);
  bool fits =
      port->rank < 0 ||
      (port->rank == 1 && (port->shape[0] == POME_DIM_UNKNOWN || port->shape[0] == (int64_t)rows));
  if (array && !fits)
    pome__nn_fail(nn, POME_INPUT,
                  "\"%s\" has another shape than [%zu], the number of rows of weights", port->name,
                  rows);
  if (nn->status == POME_OK && pome__scope_find(&nn->names, port->name) != NULL)
    pome__nn_fail(nn, POME_UNSUPPORTED, "\"%s\" is an input and an output", port->name);
}

static void regress(pome__nn *nn, const pome__function_description *description,
                    pome__value *answer, size_t rows) {
  const pome_port *port = description->outputs;
  if (nn->status == POME_OK && description->output_count != 1)
    pome__nn_fail(nn, POME_INPUT, "the regressor has %zu outputs; it gives 1",
                  description->output_count);
  if (nn->status != POME_OK) return;
  check_output(nn, port, rows);
  pome__nn_rename(nn, answer, port->name);
  if (nn->status == POME_OK &&
      !pome__block_set_outputs(nn->program, nn->function->body, &answer, 1))
    pome__nn_no_memory(nn);
}

static void choose_class(pome__nn *nn, pome__pb model,
                         const pome__function_description *description,
                         pome__value *probabilities) {
  pome__value *answers[2], *outputs[2];
  pome__nn_classify(nn, model, description, probabilities, answers);
  if (nn->status == POME_OK && description->output_count > 2)
    pome__nn_fail(nn, POME_INPUT,
                  "the classifier has %zu outputs; it gives a label and "
                  "probabilities",
                  description->output_count);
  for (size_t i = 0; nn->status == POME_OK && i < description->output_count; i++) {
    const char *name = description->outputs[i].name;
    bool label = strcmp(name, answers[0]->name) == 0;
    if (!label && strcmp(name, answers[1]->name) != 0)
      pome__nn_fail(nn, POME_INPUT, "the output \"%s\" is neither the label nor the probabilities",
                    name);
    outputs[i] = answers[label ? 0 : 1];
  }
  if (nn->status == POME_OK &&
      !pome__block_set_outputs(nn->program, nn->function->body, outputs, description->output_count))
    pome__nn_no_memory(nn);
}

static const char *choice(pome__nn *nn, int64_t value, const char *const *names, const char *what) {
  int64_t count = 0;
  while (names[count] != NULL) count++;
  if (value >= 0 && value < count) return names[value];
  pome__nn_fail(nn, POME_UNSUPPORTED, "%s is %lld; 0 to %lld are known", what, (long long)value,
                (long long)count - 1);
  return "";
}

static void fill(pome__nn *nn, pome__pb model, pome__package *package) {
  static const char *const links[] = {"identity", "logit", "probit", NULL};
  static const char *const kinds[] = {"reference", "one_vs_rest", NULL};
  const pome__function_description *description = &package->description.functions[0];
  bool classifier = package->description.model_type == POME__MODEL_TYPE_GLM_CLASSIFIER;
  size_t rows;
  snprintf(nn->layer_name, sizeof nn->layer_name, "linear");
  const char *link = choice(nn, pome__nn_int(nn, model, 3, 0), classifier ? links + 1 : links,
                            "postEvaluationTransform");
  const char *classes =
      classifier ? choice(nn, pome__nn_int(nn, model, 4, 0), kinds, "classEncoding") : "none";
  pome__value **features = features_of(nn, description);
  pome__value *weights = weights_of(nn, model, &rows), *offset = offset_of(nn, model, rows);
  pome__value *answer =
      POME__OP(nn, "generalized_linear", POME__LIST("values", features, description->input_count),
               POME__ARG("weights", weights), POME__ARG("offset", offset),
               POME__ARG("link", pome__nn_lit_text(nn, link)),
               POME__ARG("classes", pome__nn_lit_text(nn, classes)));
  if (classifier) choose_class(nn, model, description, answer);
  else regress(nn, description, answer, rows);
}

pome_status pome__load_linear_model(pome__package *package, const pome_allocator *allocator,
                                    size_t memory_limit, pome__program **program,
                                    pome_error *error) {
  return pome__nn_build(package, allocator, memory_limit, fill, program, error);
}
