/* Recurrent layers: [sequence, batch, size, 1, 1] to the same with the size of the output, or its
 * last step.
 *
 * Gates are clipped to -50 .. 50 before their activation, which changes nothing for sigmoid, tanh
 * and the hard sigmoid: with these the layer is the program form's own operation, whose weights
 * stack the gates (lstm i f o z, gru r o z). With others, or coupled gates, neural_network_steps.c
 * makes a loop. Backward, the outputs stay in the order of processing; only the bidirectional layer
 * turns them back.
 */
#include "load/neural_network_recurrent.h"

#include <string.h>

#define MAX_SIZE ((int64_t)1 << 24)

static const char *const activation_names[] = {[POME__NN_LINEAR] = "linear",
                                               [POME__NN_RELU] = "relu",
                                               [POME__NN_SIGMOID] = "sigmoid",
                                               [POME__NN_TANH] = "tanh",
                                               [POME__NN_HARD_SIGMOID] = "hard_sigmoid"};

/* ---- parameters ---- */

/* Writers leave the parameters out: a hard sigmoid is then that of 0.2 and 0.5, the scaled tanh, as
 * coremltools' tests have it, tanh. */
static pome__nn_gate_kind kind_of(pome__nn *nn, pome__pb activation) {
  pome__pb p;
  static const uint32_t with_two[] = {5, 31, 41};
  if (pome__nn_message(nn, activation, 10, &p)) return POME__NN_RELU;
  if (pome__nn_message(nn, activation, 40, &p)) return POME__NN_SIGMOID;
  if (pome__nn_message(nn, activation, 30, &p)) return POME__NN_TANH;
  for (int i = 0; i < 3; i++) {
    if (!pome__nn_message(nn, activation, with_two[i], &p)) continue;
    float alpha = (float)pome__nn_float(nn, p, 1, 0), beta = (float)pome__nn_float(nn, p, 2, 0);
    bool none = alpha == 0 && beta == 0;
    if (i == 0 && (none || (alpha == 1 && beta == 0))) return POME__NN_LINEAR;
    if (i == 1 && (none || (alpha == 1 && beta == 1))) return POME__NN_TANH;
    if (i == 2 && (none || (alpha == 0.2f && beta == 0.5f))) return POME__NN_HARD_SIGMOID;
  }
  return POME__NN_OTHER;
}

/* The activations in the fields of that number, f, g, h. */
static void read_activations(pome__nn *nn, pome__pb params, uint32_t number, int count,
                             pome__nn_cell *cell) {
  int i = 0;
  pome__pb_field field;
  while (nn->status == POME_OK && pome__pb_next(&params, &field, nn->error)) {
    if (field.number != number || i == count) continue;
    nn->status = pome__pb_expect(&params, &field, POME__PB_LEN, "an activation", nn->error);
    if (nn->status != POME_OK) return;
    cell->activation[i] = pome__pb_enter(&params, &field);
    cell->kind[i] = kind_of(nn, cell->activation[i]);
    i++;
  }
  if (nn->status == POME_OK && i < count)
    pome__nn_fail(nn, POME_INPUT, "it has %d activations; it needs %d", i, count);
}

static void read_sizes(pome__nn *nn, pome__pb params, pome__nn_cell *cell) {
  cell->in = pome__nn_int(nn, params, 1, 0);
  cell->out = pome__nn_int(nn, params, 2, 0);
  if (cell->in < 1 || cell->in > MAX_SIZE || cell->out < 1 || cell->out > MAX_SIZE)
    pome__nn_fail(nn, POME_INPUT, "vectors of %lld and %lld numbers", (long long)cell->in,
                  (long long)cell->out);
}

/* The matrices or vectors in those fields, one below the other. */
static pome__value *stacked(pome__nn *nn, pome__pb message, const uint32_t *fields, int count,
                            int64_t rows, int64_t columns, const char *stem, double add_to_second) {
  const int64_t dims[] = {count * rows, columns};
  int rank = columns > 0 ? 2 : 1;
  size_t each = pome__nn_count(nn, 1, &rows) * (size_t)(columns > 0 ? columns : 1);
  size_t all = pome__nn_count(nn, rank, dims);
  for (int i = 0; i < count; i++) pome__nn_has_weights(nn, message, fields[i], stem, each);
  float *data = pome__nn_new_floats(nn, all);
  for (int i = 0; data != NULL && i < count; i++)
    pome__nn_read_weights(nn, message, fields[i], stem, (size_t)rows,
                          (size_t)(columns > 0 ? columns : 1), data + (size_t)i * each);
  for (size_t i = 0; nn->status == POME_OK && add_to_second != 0 && i < each; i++)
    data[each + i] += (float)add_to_second;
  return nn->status == POME_OK ? pome__nn_const(nn, stem, rank, dims, data) : NULL;
}

static pome__value *zeros(pome__nn *nn, int64_t count) {
  return pome__nn_const_filled(nn, 1, &count, 0);
}

/* ---- values ---- */

static pome__value *sequence_of(pome__nn *nn, pome__value *x) {
  static const int64_t unit[] = {3, 4};
  if (pome__nn_rank(nn, x) != 5 && nn->status == POME_OK)
    pome__nn_fail(nn, POME_INPUT, "its input has rank %d; it must have 5", x->type.rank);
  return pome__nn_squeeze(nn, x, unit, 2);
}

/* The state that input `i` gives, else zeros, as [batch, size]. */
static pome__value *state_of(pome__nn *nn, const pome__nn_layer *layer, size_t i, pome__value *x,
                             int64_t size) {
  if (i < layer->in_count) {
    const int64_t shape[] = {-1, size};
    return pome__nn_reshape(nn, pome__nn_in(nn, layer, i), 2, shape);
  }
  pome__value *shape =
      pome__nn_joined(nn, pome__nn_sizes(nn, x, 1, 2), pome__nn_lit_ints(nn, &size, 1));
  return POME__OP(nn, "fill", POME__ARG("shape", shape),
                  POME__ARG("value", pome__nn_lit_float(nn, 0)));
}

static void give_sequence(pome__nn *nn, const pome__nn_layer *layer, pome__value *y) {
  static const int64_t behind[] = {3, 4};
  pome__nn_out(nn, layer, 0, pome__nn_expand(nn, y, behind, 2));
}

static void give_state(pome__nn *nn, const pome__nn_layer *layer, size_t i, pome__value *state) {
  static const int64_t around[] = {0, 3, 4};
  if (i < layer->out_count) pome__nn_out(nn, layer, i, pome__nn_expand(nn, state, around, 3));
}

static pome__value *name_of(pome__nn *nn, const pome__nn_cell *cell, int i) {
  return pome__nn_lit_text(nn, activation_names[cell->kind[i]]);
}

static pome__value *direction(pome__nn *nn, const char *name) {
  return pome__nn_lit_text(nn, name);
}

/* ---- simple and gru ---- */

/* What tells the two layers apart: the fields of their matrices and vectors, one for each gate, and
 * how many activations they have, of which the last is that of the result. */
typedef struct plain_kind {
  pome__nn_cell_type type;
  const char *op;
  int gates, activations;
  uint32_t weights[3], recursions[3], biases[3];
} plain_kind;

static void to_plain(pome__nn *nn, const pome__nn_layer *layer, const plain_kind *kind) {
  pome__pb p = layer->params;
  pome__nn_cell cell = {.type = kind->type,
                        .sequence = pome__nn_bool(nn, p, 15),
                        .reverse = pome__nn_bool(nn, p, 100)};
  pome__value *outputs[2];
  int gates = kind->gates, last = kind->activations - 1;
  read_sizes(nn, p, &cell);
  read_activations(nn, p, 10, kind->activations, &cell);
  if (nn->status != POME_OK) return;
  pome__value *x = sequence_of(nn, pome__nn_in(nn, layer, 0));
  pome__value *h = state_of(nn, layer, 1, x, cell.out);
  pome__value *w = stacked(nn, p, kind->weights, gates, cell.out, cell.in, "weights", 0);
  pome__value *r = stacked(nn, p, kind->recursions, gates, cell.out, cell.out, "recursion", 0);
  pome__value *b = pome__nn_bool(nn, p, 20)
                       ? stacked(nn, p, kind->biases, gates, cell.out, 0, "bias", 0)
                       : zeros(nn, gates * cell.out);
  if (nn->status != POME_OK) return;
  if (cell.kind[0] < POME__NN_SIGMOID || cell.kind[last] < POME__NN_SIGMOID) {
    cell.w = w, cell.r = r, cell.b = b;
    pome__nn_steps(nn, &cell, x, h, NULL, outputs);
  } else {
    const pome__nn_arg args[] = {
        POME__ARG("x", x),
        POME__ARG("initial_h", h),
        POME__ARG("weight_ih", w),
        POME__ARG("weight_hh", r),
        POME__ARG("bias", b),
        POME__ARG("direction", direction(nn, cell.reverse ? "reverse" : "forward")),
        POME__ARG("output_sequence", pome__nn_lit_bool(nn, cell.sequence)),
        POME__ARG("activation", name_of(nn, &cell, last)),
        POME__ARG("recurrent_activation", last > 0 ? name_of(nn, &cell, 0) : NULL),
        {NULL, NULL, NULL, 0}};
    pome__nn_op_many(nn, kind->op, args, outputs, 2);
  }
  give_sequence(nn, layer, outputs[0]);
  give_state(nn, layer, 1, outputs[1]);
}

void pome__nn_to_simple_recurrent(pome__nn *nn, const pome__nn_layer *layer) {
  static const plain_kind simple = {POME__NN_SIMPLE, "rnn", 1, 1, {30}, {31}, {32}};
  to_plain(nn, layer, &simple);
}

void pome__nn_to_gru(pome__nn *nn, const pome__nn_layer *layer) {
  static const plain_kind gru = {POME__NN_GRU, "gru",        3,           2,
                                 {31, 32, 30}, {51, 52, 50}, {71, 72, 70}};
  to_plain(nn, layer, &gru);
}

/* ---- lstm ---- */

/* LSTMParams: sequenceOutput 10, hasBiasVectors 20, forgetBias 30, hasPeepholeVectors 40,
 * coupledInputAndForgetGate 50, cellClipThreshold 60 */
static void read_lstm(pome__nn *nn, pome__pb p, pome__nn_cell *cell) {
  pome__pb shared;
  cell->type = POME__NN_LSTM;
  cell->clip = 50;
  read_sizes(nn, p, cell);
  read_activations(nn, p, 10, 3, cell);
  if (!pome__nn_message(nn, p, 15, &shared)) return;
  cell->sequence = pome__nn_bool(nn, shared, 10);
  cell->has_bias = pome__nn_bool(nn, shared, 20);
  cell->forget_bias = pome__nn_bool(nn, shared, 30);
  cell->has_peephole = pome__nn_bool(nn, shared, 40);
  cell->coupled = pome__nn_bool(nn, shared, 50);
  cell->clip = pome__nn_float_not_0(nn, shared, 60, 50);
}

/* LSTMWeightParams, of gates in the order i, f, o, z. */
static void read_lstm_weights(pome__nn *nn, pome__pb p, pome__nn_cell *cell) {
  static const uint32_t weights[] = {1, 2, 4, 3}, recursions[] = {20, 21, 23, 22},
                        biases[] = {40, 41, 43, 42}, peepholes[] = {60, 61, 62};
  double one = cell->forget_bias ? 1 : 0;
  cell->w = stacked(nn, p, weights, 4, cell->out, cell->in, "weights", 0);
  cell->r = stacked(nn, p, recursions, 4, cell->out, cell->out, "recursion", 0);
  cell->peephole =
      cell->has_peephole ? stacked(nn, p, peepholes, 3, cell->out, 0, "peephole", 0) : NULL;
  if (cell->has_bias) {
    cell->b = stacked(nn, p, biases, 4, cell->out, 0, "bias", one);
    return;
  }
  float *data = pome__nn_new_floats(nn, 4 * (size_t)cell->out);
  for (int64_t i = cell->out; data != NULL && i < 2 * cell->out; i++) data[i] = (float)one;
  const int64_t dims = 4 * cell->out;
  cell->b = data != NULL ? pome__nn_const(nn, "bias", 1, &dims, data) : NULL;
}

/* What is activated last is not clipped, so all that has a name will do. */
static bool is_plain(const pome__nn_cell *cell) {
  return !cell->coupled && cell->kind[0] >= POME__NN_SIGMOID && cell->kind[1] >= POME__NN_SIGMOID &&
         cell->kind[2] != POME__NN_OTHER;
}

static void plain_lstm(pome__nn *nn, const pome__nn_cell *cell, const pome__nn_cell *back,
                       pome__value *x, pome__value *h, pome__value *c, pome__value **outputs) {
  const char *way = back != NULL ? "bidirectional" : cell->reverse ? "reverse" : "forward";
  const pome__nn_arg args[] = {POME__ARG("x", x),
                               POME__ARG("initial_h", h),
                               POME__ARG("initial_c", c),
                               POME__ARG("weight_ih", cell->w),
                               POME__ARG("weight_hh", cell->r),
                               POME__ARG("bias", cell->b),
                               POME__ARG("peephole", cell->peephole),
                               POME__ARG("weight_ih_back", back != NULL ? back->w : NULL),
                               POME__ARG("weight_hh_back", back != NULL ? back->r : NULL),
                               POME__ARG("bias_back", back != NULL ? back->b : NULL),
                               POME__ARG("peephole_back", back != NULL ? back->peephole : NULL),
                               POME__ARG("direction", direction(nn, way)),
                               POME__ARG("output_sequence", pome__nn_lit_bool(nn, cell->sequence)),
                               POME__ARG("recurrent_activation", name_of(nn, cell, 0)),
                               POME__ARG("cell_activation", name_of(nn, cell, 1)),
                               POME__ARG("activation", name_of(nn, cell, 2)),
                               POME__ARG("clip", pome__nn_lit_float(nn, cell->clip)),
                               {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "lstm", args, outputs, 3);
}

void pome__nn_to_lstm(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params, weights;
  pome__nn_cell cell = {.reverse = pome__nn_bool(nn, p, 100)};
  pome__value *outputs[3];
  read_lstm(nn, p, &cell);
  if (!pome__nn_message(nn, p, 20, &weights)) pome__nn_fail(nn, POME_INPUT, "it has no weights");
  if (nn->status != POME_OK) return;
  pome__value *x = sequence_of(nn, pome__nn_in(nn, layer, 0));
  pome__value *h = state_of(nn, layer, 1, x, cell.out), *c = state_of(nn, layer, 2, x, cell.out);
  read_lstm_weights(nn, weights, &cell);
  if (is_plain(&cell)) plain_lstm(nn, &cell, NULL, x, h, c, outputs);
  else pome__nn_steps(nn, &cell, x, h, c, outputs);
  give_sequence(nn, layer, outputs[0]);
  give_state(nn, layer, 1, outputs[1]);
  give_state(nn, layer, 2, outputs[2]);
}

static pome__value *beside(pome__nn *nn, pome__value *forward, pome__value *back, int64_t axis) {
  pome__value *parts[] = {forward, back};
  return POME__OP(nn, "concat", POME__LIST("values", parts, 2),
                  POME__ARG("axis", pome__nn_lit_int(nn, axis)));
}

static void halves(pome__nn *nn, pome__value *both, pome__value **parts) {
  const pome__nn_arg args[] = {POME__ARG("x", both),
                               POME__ARG("num_splits", pome__nn_lit_int(nn, 2)),
                               POME__ARG("axis", pome__nn_lit_int(nn, 1)),
                               {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "split", args, parts, 2);
}

static bool read_both_weights(pome__nn *nn, pome__pb p, pome__nn_cell *forward,
                              pome__nn_cell *back) {
  int count = 0;
  pome__pb_field field;
  while (nn->status == POME_OK && pome__pb_next(&p, &field, nn->error)) {
    if (field.number != 20) continue;
    nn->status = pome__pb_expect(&p, &field, POME__PB_LEN, "weights", nn->error);
    if (nn->status != POME_OK) return false;
    if (count < 2) read_lstm_weights(nn, pome__pb_enter(&p, &field), count == 0 ? forward : back);
    count++;
  }
  if (nn->status == POME_OK && count != 2)
    pome__nn_fail(nn, POME_INPUT, "it has weights for %d directions; it needs 2", count);
  return nn->status == POME_OK;
}

/* Inputs: x, h, c, and h and c of the way back; outputs likewise. */
void pome__nn_to_bi_lstm(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_cell cell = {.reverse = false}, back;
  pome__value *outputs[3], *back_outputs[3], *parts[2];
  read_lstm(nn, layer->params, &cell);
  if (nn->status != POME_OK) return;
  back = cell;
  back.reverse = back.aligned = true;
  pome__pb_field own;
  if (pome__nn_field(nn, layer->params, 11, &own))
    read_activations(nn, layer->params, 11, 3, &back);
  if (!read_both_weights(nn, layer->params, &cell, &back)) return;
  pome__value *x = sequence_of(nn, pome__nn_in(nn, layer, 0)), *state[4];
  for (size_t i = 0; i < 4; i++) state[i] = state_of(nn, layer, i + 1, x, cell.out);
  if (is_plain(&cell) && memcmp(cell.kind, back.kind, sizeof cell.kind) == 0) {
    plain_lstm(nn, &cell, &back, x, beside(nn, state[0], state[2], 1),
               beside(nn, state[1], state[3], 1), outputs);
    for (int s = 1; s < 3; s++) {
      halves(nn, outputs[s], parts);
      outputs[s] = parts[0];
      back_outputs[s] = parts[1];
    }
  } else {
    pome__nn_steps(nn, &cell, x, state[0], state[1], outputs);
    pome__nn_steps(nn, &back, x, state[2], state[3], back_outputs);
    outputs[0] = beside(nn, outputs[0], back_outputs[0], 2);
  }
  give_sequence(nn, layer, outputs[0]);
  for (size_t s = 1; s < 3; s++) {
    give_state(nn, layer, s, outputs[s]);
    give_state(nn, layer, s + 2, back_outputs[s]);
  }
}
