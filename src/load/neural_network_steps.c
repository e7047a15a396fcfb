/* Recurrent cells that have no operation of their own, as a loop over time.
 *
 * The input's part of all gates is one product before the loop. Each turn takes its row, adds the
 * product with the state, clips, applies the activations, and puts the new state into its place of
 * the result.
 */
#include "load/neural_network_recurrent.h"

#define GATE_CLIP 50.0

typedef struct step {
  pome__value *turn, *h, *c, *all; /* loop variables; c of lstm alone */
} step;

/* ---- small things ---- */

static pome__value *add(pome__nn *nn, pome__value *x, pome__value *y) {
  return pome__nn_binary(nn, "add", x, y);
}

static pome__value *mul(pome__nn *nn, pome__value *x, pome__value *y) {
  return pome__nn_binary(nn, "mul", x, y);
}

static pome__value *one_minus(pome__nn *nn, pome__value *x) {
  return pome__nn_binary(nn, "sub", pome__nn_lit_float(nn, 1), x);
}

static pome__value *clipped(pome__nn *nn, pome__value *x, double limit) {
  return POME__OP(nn, "clip", POME__ARG("x", x), POME__ARG("alpha", pome__nn_lit_float(nn, -limit)),
                  POME__ARG("beta", pome__nn_lit_float(nn, limit)));
}

static pome__value *product(pome__nn *nn, pome__value *x, pome__value *weight) {
  return POME__OP(nn, "linear", POME__ARG("x", x), POME__ARG("weight", weight));
}

static void pieces(pome__nn *nn, pome__value *x, int count, int64_t axis, pome__value **out) {
  const pome__nn_arg args[] = {POME__ARG("x", x),
                               POME__ARG("num_splits", pome__nn_lit_int(nn, count)),
                               POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                               {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "split", args, out, (size_t)count);
}

static pome__value *activate(pome__nn *nn, const pome__nn_cell *cell, int activation,
                             pome__value *x) {
  switch (cell->kind[activation]) {
  case POME__NN_LINEAR: return x;
  case POME__NN_TANH: return pome__nn_unary(nn, "tanh", x);
  case POME__NN_HARD_SIGMOID:
    return POME__OP(nn, "sigmoid_hard", POME__ARG("x", x),
                    POME__ARG("alpha", pome__nn_lit_float(nn, 0.2)),
                    POME__ARG("beta", pome__nn_lit_float(nn, 0.5)));
  default: return pome__nn_activate(nn, cell->activation[activation], x);
  }
}

static pome__value *gate(pome__nn *nn, const pome__nn_cell *cell, int activation, pome__value *x) {
  return activate(nn, cell, activation, clipped(nn, x, GATE_CLIP));
}

/* ---- one turn: the new state of gates that the input has its part in ---- */

static pome__value *next_simple(pome__nn *nn, const pome__nn_cell *cell, pome__value *x,
                                pome__value *h) {
  return gate(nn, cell, 0, add(nn, x, product(nn, h, cell->r)));
}

/* A constant's rows first .. first + out - 1. */
static pome__value *rows_of(pome__nn *nn, pome__value *weight, int64_t first, int64_t count,
                            int64_t columns) {
  const int64_t dims[] = {count, columns};
  const float *data = weight != NULL ? weight->literal->data : NULL;
  if (nn->status != POME_OK) return NULL;
  return pome__nn_const(nn, "rows", 2, dims, data + first * columns);
}

static pome__value *next_gru(pome__nn *nn, const pome__nn_cell *cell, pome__value *x,
                             pome__value *h) {
  pome__value *in[3];
  int64_t n = cell->out;
  pieces(nn, x, 3, 1, in);
  pome__value *r = gate(nn, cell, 0, add(nn, in[0], product(nn, h, rows_of(nn, cell->r, 0, n, n))));
  pome__value *z =
      gate(nn, cell, 0, add(nn, in[2], product(nn, h, rows_of(nn, cell->r, 2 * n, n, n))));
  pome__value *reset = product(nn, mul(nn, h, r), rows_of(nn, cell->r, n, n, n));
  pome__value *o = gate(nn, cell, 1, add(nn, in[1], reset));
  return add(nn, mul(nn, one_minus(nn, z), o), mul(nn, z, h));
}

static pome__value *next_lstm(pome__nn *nn, const pome__nn_cell *cell, pome__value *x,
                              pome__value *h, pome__value *c, pome__value **new_c) {
  pome__value *in[4], *peephole[3] = {NULL, NULL, NULL};
  pieces(nn, add(nn, x, product(nn, h, cell->r)), 4, 1, in);
  if (cell->peephole != NULL) {
    pieces(nn, cell->peephole, 3, 0, peephole);
    in[0] = add(nn, in[0], mul(nn, peephole[0], c));
    in[1] = add(nn, in[1], mul(nn, peephole[1], c));
  }
  pome__value *i = gate(nn, cell, 0, in[0]), *z = gate(nn, cell, 1, in[3]);
  pome__value *f = cell->coupled ? one_minus(nn, i) : gate(nn, cell, 0, in[1]);
  c = clipped(nn, add(nn, mul(nn, c, f), mul(nn, i, z)), cell->clip);
  if (cell->peephole != NULL) in[2] = add(nn, in[2], mul(nn, peephole[2], c));
  *new_c = c;
  return mul(nn, activate(nn, cell, 2, c), gate(nn, cell, 0, in[2]));
}

/* ---- the loop ---- */

static pome__value *variable(pome__nn *nn, const pome__value *like) {
  pome__value *value = pome__nn_new_value(nn, nn->layer_name);
  if (value != NULL) value->type = like->type;
  return value;
}

/* A block with the loop's variables as its inputs. */
static pome__block *open_block(pome__nn *nn, const step *outer, step *inner) {
  pome__block *block = pome__block_new(nn->program, nn->function, NULL);
  *inner = (step){variable(nn, outer->turn), variable(nn, outer->h),
                  outer->c != NULL ? variable(nn, outer->c) : NULL, variable(nn, outer->all)};
  pome__value *values[] = {inner->turn, inner->h, inner->all, inner->c};
  size_t count = outer->c != NULL ? 4 : 3;
  if (nn->status != POME_OK) return NULL;
  if (block == NULL || !pome__block_set_inputs(nn->program, block, values, count)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  return block;
}

static void close_block(pome__nn *nn, pome__block *block, pome__value *const *values,
                        size_t count) {
  if (nn->status == POME_OK && !pome__block_set_outputs(nn->program, block, values, count))
    pome__nn_no_memory(nn);
}

/* The place that turn t stands for in a sequence of `length`, backward or not. */
static pome__value *place(pome__nn *nn, pome__value *turn, pome__value *length, bool backward) {
  if (!backward) return turn;
  pome__value *left = pome__nn_binary(nn, "sub", length, turn);
  return pome__nn_binary(nn, "sub", left, pome__nn_lit_int(nn, 1));
}

static void fill_body(pome__nn *nn, const pome__nn_cell *cell, pome__value *gates,
                      pome__value *length, pome__block *block, step *s) {
  static const int64_t front = 0, one = 1;
  pome__value *c = s->c, *h;
  pome__value *x = POME__OP(nn, "gather", POME__ARG("x", gates),
                            POME__ARG("indices", place(nn, s->turn, length, cell->reverse)),
                            POME__ARG("axis", pome__nn_lit_int(nn, 0)));
  if (cell->type == POME__NN_SIMPLE) h = next_simple(nn, cell, x, s->h);
  else if (cell->type == POME__NN_GRU) h = next_gru(nn, cell, x, s->h);
  else h = next_lstm(nn, cell, x, s->h, s->c, &c);
  pome__value *at = place(nn, s->turn, length, cell->aligned);
  pome__value *all = POME__OP(nn, "scatter", POME__ARG("data", s->all),
                              POME__ARG("indices", pome__nn_reshape(nn, at, 1, &one)),
                              POME__ARG("updates", pome__nn_expand(nn, h, &front, 1)),
                              POME__ARG("axis", pome__nn_lit_int(nn, 0)),
                              POME__ARG("mode", pome__nn_lit_text(nn, "update")));
  pome__value *turn = add(nn, s->turn, pome__nn_lit_int(nn, 1));
  pome__value *values[] = {turn, h, all, c};
  close_block(nn, block, values, s->c != NULL ? 4 : 3);
}

/* [S, B, out] of zeros. */
static pome__value *room(pome__nn *nn, pome__value *x, int64_t out) {
  pome__value *shape =
      pome__nn_joined(nn, pome__nn_sizes(nn, x, 0, 2), pome__nn_lit_ints(nn, &out, 1));
  return POME__OP(nn, "fill", POME__ARG("shape", shape),
                  POME__ARG("value", pome__nn_lit_float(nn, 0)));
}

static void append_loop(pome__nn *nn, const step *outer, pome__block *const *blocks,
                        pome__value **outputs) {
  pome__op *op = nn->status == POME_OK ? pome__op_new(nn->program, "while_loop") : NULL;
  pome__value *values[] = {outer->turn, outer->h, outer->all, outer->c}, *made[4];
  size_t count = outer->c != NULL ? 4 : 3;
  bool ok = op != NULL && pome__op_add_arg(nn->program, op, "loop_vars", values, count, false) &&
            pome__op_add_block(nn->program, op, blocks[0]) &&
            pome__op_add_block(nn->program, op, blocks[1]);
  for (size_t i = 0; ok && i < count; i++) {
    made[i] = pome__nn_new_value(nn, nn->layer_name);
    ok = made[i] != NULL && pome__op_add_output(nn->program, op, made[i]);
  }
  if (!ok) pome__nn_no_memory(nn);
  pome__nn_append(nn, op);
  if (nn->status != POME_OK) return;
  outputs[0] = made[2];
  outputs[1] = made[1];
  if (outer->c != NULL) outputs[2] = made[3];
}

void pome__nn_steps(pome__nn *nn, const pome__nn_cell *cell, pome__value *x, pome__value *h,
                    pome__value *c, pome__value **outputs) {
  static const int64_t none = 0;
  int count = c != NULL ? 3 : 2;
  for (int i = 0; i < count; i++) outputs[i] = NULL;
  pome__value *gates = POME__OP(nn, "linear", POME__ARG("x", x), POME__ARG("weight", cell->w),
                                POME__ARG("bias", cell->b));
  pome__value *length = pome__nn_reshape(nn, pome__nn_sizes(nn, x, 0, 1), 0, &none);
  step outer = {pome__nn_lit_int(nn, 0), h, c, room(nn, x, cell->out)}, inner;
  pome__block *blocks[2] = {NULL, NULL}, *around = nn->block;
  if (nn->status != POME_OK) return;
  for (int b = 0; b < 2; b++) {
    blocks[b] = open_block(nn, &outer, &inner);
    if (blocks[b] == NULL) return;
    nn->block = blocks[b];
    if (b == 0) {
      pome__value *more = pome__nn_binary(nn, "less", inner.turn, length);
      close_block(nn, blocks[b], &more, 1);
    } else {
      fill_body(nn, cell, gates, length, blocks[b], &inner);
    }
    nn->block = around;
  }
  append_loop(nn, &outer, blocks, outputs);
  if (!cell->sequence) {
    static const int64_t front = 0;
    outputs[0] = pome__nn_expand(nn, outputs[1], &front, 1);
  }
}
