/* Family recurrent: gru, lstm, rnn.
 *
 * The input's part of all gates is one product before the loop over time; each step adds the
 * product of the hidden state. What the operators' prose leaves open is as coremltools' numerical
 * tests have it: gru resets before the product with the recurrent weights (unless reset_after); a
 * single reverse direction gives its outputs in processing order, only the bidirectional lstm
 * aligns both directions in time; the output gate's peephole sees the new, clipped cell.
 */
#include <math.h>
#include <string.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/product.h"
#include "tensor/element.h"

#define FAMILY "recurrent"

typedef enum cell_kind { RNN, LSTM, GRU } cell_kind;

static const char *const directions[] = {"forward", "reverse", "bidirectional", NULL};
enum direction { FORWARD, REVERSE, BIDIRECTIONAL };

/* Both spellings of the hard sigmoid occur: hard_sigmoid in lstm, sigmoid_hard in rnn. */
static const char *const activations[] = {"tanh",         "scaled_tanh", "sigmoid", "hard_sigmoid",
                                          "sigmoid_hard", "relu",        "linear",  NULL};
enum activation { TANH, SCALED_TANH, SIGMOID, HARD_SIGMOID, SIGMOID_HARD, RELU, LINEAR };

/* NaN stays NaN. */
static double clamp(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}

/* scaled_tanh has alpha = beta = 1 here, which makes it tanh. */
static double activate(double x, int activation) {
  switch (activation) {
  case TANH:
  case SCALED_TANH: return tanh(x);
  case SIGMOID: return 1 / (1 + exp(-x));
  case HARD_SIGMOID:
  case SIGMOID_HARD: return clamp(0.2 * x + 0.5, 0, 1);
  case RELU: return clamp(x, 0, INFINITY);
  default: return x;
  }
}

static int gates_of(cell_kind kind) {
  return kind == LSTM ? 4 : kind == GRU ? 3 : 1;
}

/* ---- inference ---- */

static pome_status read_options(pome__call *call, cell_kind kind, int *direction, int *gate,
                                int *cell, int *output) {
  POME__TRY(pome__arg_choice(call, "direction", directions, direction));
  if (*direction == BIDIRECTIONAL && kind != LSTM) {
    return pome__call_fail(call, "direction \"bidirectional\" is allowed for lstm only");
  }
  *gate = *cell = LINEAR;
  if (kind != RNN) POME__TRY(pome__arg_choice(call, "recurrent_activation", activations, gate));
  if (kind == LSTM) POME__TRY(pome__arg_choice(call, "cell_activation", activations, cell));
  return pome__arg_choice(call, "activation", activations, output);
}

/* A parameter of the given dimensions, when it is there. */
static pome_status check_shape(pome__call *call, const char *name, int rank, int64_t first,
                               int64_t second) {
  const pome__type *type = pome__arg_type(call, name);
  if (type == NULL || type->rank < 0) return POME_OK;
  POME__TRY(pome__need_rank(call, pome__arg_index(call, name), 0, rank, rank));
  POME__TRY(pome__need_dims_equal(call, name, type->dims[0], "what the layer needs", first));
  if (rank < 2) return POME_OK;
  return pome__need_dims_equal(call, name, type->dims[1], "what the layer needs", second);
}

/* States of a batch may have rows to spare, which are not read: coremltools makes them so for
 * packed sequences, and Core ML takes it. */
static pome_status check_state(pome__call *call, const char *name, int64_t batch, int64_t width) {
  const pome__type *type = pome__arg_type(call, name);
  if (type == NULL || type->rank < 0) return POME_OK;
  POME__TRY(pome__need_rank(call, pome__arg_index(call, name), 0, 2, 2));
  if (type->dims[0] != POME_DIM_UNKNOWN && batch != POME_DIM_UNKNOWN && type->dims[0] < batch) {
    return pome__call_fail(call, "%s has %lld rows; the batch needs %lld", name,
                           (long long)type->dims[0], (long long)batch);
  }
  return pome__need_dims_equal(call, name, type->dims[1], "what the layer needs", width);
}

static pome_status check_weights(pome__call *call, cell_kind kind, int direction, int64_t input,
                                 int64_t hidden) {
  int64_t rows = pome__dim_mul(hidden, gates_of(kind));
  int64_t peepholes = pome__dim_mul(hidden, 3);
  POME__TRY(check_shape(call, "weight_ih", 2, rows, input));
  POME__TRY(check_shape(call, "weight_hh", 2, rows, hidden));
  POME__TRY(check_shape(call, "bias", 1, rows, 0));
  POME__TRY(check_shape(call, "input_bias", 1, rows, 0));
  POME__TRY(check_shape(call, "peephole", 1, peepholes, 0));
  if (direction != BIDIRECTIONAL) return POME_OK;
  if (!pome__arg_given(call, "weight_ih_back") || !pome__arg_given(call, "weight_hh_back")) {
    return pome__call_fail(call,
                           "a bidirectional layer needs 'weight_ih_back' and 'weight_hh_back'");
  }
  POME__TRY(check_shape(call, "weight_ih_back", 2, rows, input));
  POME__TRY(check_shape(call, "weight_hh_back", 2, rows, hidden));
  POME__TRY(check_shape(call, "bias_back", 1, rows, 0));
  return check_shape(call, "peephole_back", 1, peepholes, 0);
}

static pome_status infer_recurrent(pome__call *call, cell_kind kind) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *weight = pome__arg_type(call, "weight_hh");
  int direction;
  int gate;
  int cell;
  int output;
  POME__TRY(pome__need_rank(call, 0, 0, 3, 3));
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "weight_hh"), 0, 2, 2));
  POME__TRY(read_options(call, kind, &direction, &gate, &cell, &output));
  int64_t dims[3] = {POME_DIM_UNKNOWN, POME_DIM_UNKNOWN, POME_DIM_UNKNOWN};
  if (x->rank == 3) memcpy(dims, x->dims, sizeof(dims));
  int64_t hidden = weight->rank < 0 ? POME_DIM_UNKNOWN : weight->dims[1];
  POME__TRY(check_weights(call, kind, direction, dims[2], hidden));
  int64_t width = pome__dim_mul(hidden, direction == BIDIRECTIONAL ? 2 : 1);
  POME__TRY(check_state(call, "initial_h", dims[1], width));
  POME__TRY(check_state(call, "initial_c", dims[1], width));
  if (!pome__arg_bool(call, "output_sequence")) dims[0] = 1;
  dims[2] = width;
  POME__TRY(pome__out(call, 0, x->dtype, 3, dims));
  POME__TRY(pome__out(call, 1, x->dtype, 2, dims + 1));
  return kind == LSTM ? pome__out(call, 2, x->dtype, 2, dims + 1) : POME_OK;
}

/* ---- evaluation ---- */

/* One direction of one layer. Buffers hold a batch of rows. */
typedef struct layer {
  pome__call *call;
  cell_kind kind;
  int gate, cell, output;
  bool reverse, aligned, sequence, reset_after;
  int64_t steps, batch, input, hidden;
  int64_t column, columns; /* where this direction's part of states and outputs lies */
  pome_tensor weight_ih, weight_hh;
  double *bias, *input_bias, *peephole; /* zeros when absent */
  double clip;
  pome_tensor from_x; /* [steps, batch, gates * hidden] */
  pome_tensor from_h; /* [batch, gates * hidden] */
  pome_tensor h;      /* [batch, hidden], in the type of products */
  pome_tensor reset;  /* gru: r * h */
  double *c;          /* lstm: [batch, hidden] */
  double *gates;      /* [gates * hidden] of one row: sums from x and bias, then from h */
  double *recurrent;
  double *row; /* [hidden] */
} layer;

static pome_status load_or_zero(pome__call *call, const char *name, size_t count, double **out) {
  const pome_tensor *tensor = pome__arg_tensor(call, name);
  *out = POME__SCRATCH(call, double, count + 1);
  if (*out == NULL) return pome__call_memory(call);
  if (tensor != NULL) pome__load_f64(tensor->data, tensor->dtype, 0, 1, count, *out);
  return POME_OK;
}

static pome_status new_tensor(pome__call *call, int64_t rows, int64_t columns,
                              pome_tensor *tensor) {
  const int64_t shape[2] = {rows, columns};
  void *data = POME__SCRATCH(call, double, (size_t)(rows * columns) + 1);
  if (data == NULL) return pome__call_memory(call);
  return pome_tensor_init(tensor, pome__product_dtype(call), 2, shape, data, call->error);
}

/* The state of this direction, from [batch, columns]. */
static void load_state(const layer *l, const char *name, int64_t b, double *out) {
  const pome_tensor *tensor = pome__arg_tensor(l->call, name);
  pome__load_f64(tensor->data, tensor->dtype, b * l->columns + l->column, 1, (size_t)l->hidden,
                 out);
}

static pome_status begin_layer(layer *l, bool back) {
  pome__call *call = l->call;
  int64_t width = gates_of(l->kind) * l->hidden;
  size_t n = (size_t)width;
  POME__TRY(pome__product_operand(
      call, pome__arg_tensor(call, back ? "weight_ih_back" : "weight_ih"), &l->weight_ih));
  POME__TRY(pome__product_operand(
      call, pome__arg_tensor(call, back ? "weight_hh_back" : "weight_hh"), &l->weight_hh));
  POME__TRY(load_or_zero(call, back ? "bias_back" : "bias", n, &l->bias));
  POME__TRY(load_or_zero(call, "input_bias", n, &l->input_bias));
  POME__TRY(
      load_or_zero(call, back ? "peephole_back" : "peephole", 3 * (size_t)l->hidden, &l->peephole));
  l->clip = INFINITY;
  if (pome__arg_given(call, "clip")) POME__TRY(pome__arg_float(call, "clip", &l->clip));
  POME__TRY(new_tensor(call, l->steps * l->batch, width, &l->from_x));
  POME__TRY(new_tensor(call, l->batch, width, &l->from_h));
  POME__TRY(new_tensor(call, l->batch, l->hidden, &l->h));
  POME__TRY(new_tensor(call, l->batch, l->hidden, &l->reset));
  l->c = POME__SCRATCH(call, double, (size_t)(l->batch * l->hidden) + 1);
  l->gates = POME__SCRATCH(call, double, n + 1);
  l->recurrent = POME__SCRATCH(call, double, n + 1);
  l->row = POME__SCRATCH(call, double, (size_t)l->hidden + 1);
  if (!l->c || !l->gates || !l->recurrent || !l->row) return pome__call_memory(call);
  for (int64_t b = 0; b < l->batch; b++) {
    load_state(l, "initial_h", b, l->row);
    pome__store_f64(l->h.data, l->h.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
    if (l->kind == LSTM) load_state(l, "initial_c", b, l->c + b * l->hidden);
  }
  return POME_OK;
}

/* y[rows, n] = x[rows, k] . w[n, k], rows first .. of w */
static pome__product dense(const pome_tensor *x, int64_t rows, int64_t k, const pome_tensor *w,
                           int64_t first, int64_t n, pome_tensor *y, int64_t y_width) {
  pome__product p = {
      .m = (size_t)rows,
      .n = (size_t)n,
      .k = (size_t)k,
      .x = {x, 0, k, 1},
      .w = {w, first * k, k, 1},
      .y = y,
      .y_offset = first,
      .y_row = y_width,
      .y_column = 1,
  };
  return p;
}

static void load_gates(const layer *l, int64_t t, int64_t b) {
  int64_t width = gates_of(l->kind) * l->hidden;
  pome__load_f64(l->from_x.data, l->from_x.dtype, (t * l->batch + b) * width, 1, (size_t)width,
                 l->gates);
  pome__load_f64(l->from_h.data, l->from_h.dtype, b * width, 1, (size_t)width, l->recurrent);
}

static void step_rnn(const layer *l, double *h) {
  for (int64_t i = 0; i < l->hidden; i++) {
    h[i] = activate(l->gates[i] + l->recurrent[i] + l->bias[i], l->output);
  }
}

/* Gates i, f, o, z. */
static void step_lstm(const layer *l, double *h, double *c) {
  int64_t n = l->hidden;
  for (int64_t i = 0; i < n; i++) {
    double sum[4];
    for (int g = 0; g < 4; g++)
      sum[g] = l->gates[g * n + i] + l->recurrent[g * n + i] + l->bias[g * n + i];
    double in = activate(sum[0] + l->peephole[i] * c[i], l->gate);
    double forget = activate(sum[1] + l->peephole[n + i] * c[i], l->gate);
    double z = activate(sum[3], l->cell);
    c[i] = clamp(forget * c[i] + in * z, -l->clip, l->clip);
    double out = activate(sum[2] + l->peephole[2 * n + i] * c[i], l->gate);
    h[i] = out * activate(c[i], l->output);
  }
}

static double gru_gate(const layer *l, int64_t at) {
  return activate(l->gates[at] + l->recurrent[at] + l->bias[at] + l->input_bias[at], l->gate);
}

/* Gates r, o, z. The recurrent part of o has been made from r * h, unless the reset comes after. */
static void step_gru(const layer *l, double *h) {
  int64_t n = l->hidden;
  for (int64_t i = 0; i < n; i++) {
    double o = l->recurrent[n + i] + l->bias[n + i];
    if (l->reset_after) o *= gru_gate(l, i);
    o = activate(l->gates[n + i] + l->input_bias[n + i] + o, l->output);
    double z = gru_gate(l, 2 * n + i);
    h[i] = (1 - z) * o + z * h[i];
  }
}

/* gru: the recurrent part of o from r * h. */
static void reset_before(const layer *l, int64_t t, const pome__product *p,
                         const pome__product_space *space) {
  for (int64_t b = 0; b < l->batch; b++) {
    load_gates(l, t, b);
    pome__load_f64(l->h.data, l->h.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
    for (int64_t i = 0; i < l->hidden; i++) l->row[i] *= gru_gate(l, i);
    pome__store_f64(l->reset.data, l->reset.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
  }
  pome__product_run(l->call, p, space);
}

static void store_part(const layer *l, pome_tensor *y, int64_t row, const double *values) {
  pome__store_f64(y->data, y->dtype, row * l->columns + l->column, 1, (size_t)l->hidden, values);
}

static pome_status run_layer(layer *l) {
  pome__call *call = l->call;
  int64_t width = gates_of(l->kind) * l->hidden;
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome__product input =
      dense(x, l->steps * l->batch, l->input, &l->weight_ih, 0, width, &l->from_x, width);
  pome__product hidden =
      dense(&l->h, l->batch, l->hidden, &l->weight_hh, 0, width, &l->from_h, width);
  pome__product reset =
      dense(&l->reset, l->batch, l->hidden, &l->weight_hh, l->hidden, l->hidden, &l->from_h, width);
  pome__product_space space;
  POME__TRY(pome__product_prepare(call, &input, &space));
  pome__product_run(call, &input, &space);
  POME__TRY(pome__product_prepare(call, &hidden, &space));
  for (int64_t k = 0; k < l->steps && !pome__call_stopped(call); k++) {
    int64_t t = l->reverse ? l->steps - 1 - k : k;
    pome__product_run(call, &hidden, &space);
    if (l->kind == GRU && !l->reset_after) reset_before(l, t, &reset, &space);
    for (int64_t b = 0; b < l->batch; b++) {
      load_gates(l, t, b);
      pome__load_f64(l->h.data, l->h.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
      if (l->kind == LSTM) {
        step_lstm(l, l->row, l->c + b * l->hidden);
      } else if (l->kind == GRU) {
        step_gru(l, l->row);
      } else {
        step_rnn(l, l->row);
      }
      pome__store_f64(l->h.data, l->h.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
      if (l->sequence)
        store_part(l, &call->outputs[0], (l->aligned ? t : k) * l->batch + b, l->row);
    }
  }
  for (int64_t b = 0; b < l->batch; b++) {
    pome__load_f64(l->h.data, l->h.dtype, b * l->hidden, 1, (size_t)l->hidden, l->row);
    if (!l->sequence) store_part(l, &call->outputs[0], b, l->row);
    store_part(l, &call->outputs[1], b, l->row);
    if (l->kind == LSTM) store_part(l, &call->outputs[2], b, l->c + b * l->hidden);
  }
  return POME_OK;
}

static pome_status eval_recurrent(pome__call *call, cell_kind kind) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int direction;
  layer l;
  memset(&l, 0, sizeof(l));
  l.call = call;
  l.kind = kind;
  POME__TRY(read_options(call, kind, &direction, &l.gate, &l.cell, &l.output));
  l.sequence = pome__arg_bool(call, "output_sequence");
  l.reset_after = pome__arg_bool(call, "reset_after");
  l.steps = x->shape[0];
  l.batch = x->shape[1];
  l.input = x->shape[2];
  l.hidden = pome__arg_tensor(call, "weight_hh")->shape[1];
  l.aligned = direction == BIDIRECTIONAL;
  l.columns = l.hidden * (l.aligned ? 2 : 1);
  l.reverse = direction == REVERSE;
  POME__TRY(begin_layer(&l, false));
  POME__TRY(run_layer(&l));
  if (!l.aligned) return POME_OK;
  l.reverse = true;
  l.column = l.hidden;
  POME__TRY(begin_layer(&l, true));
  return run_layer(&l);
}

#define CELL(name, kind)                                                                           \
  static pome_status infer_##name(pome__call *call) {                                              \
    return infer_recurrent(call, kind);                                                            \
  }                                                                                                \
  static pome_status eval_##name(pome__call *call) {                                               \
    return eval_recurrent(call, kind);                                                             \
  }

CELL(gru, GRU)
CELL(lstm, LSTM)
CELL(rnn, RNN)

/* ---- rows: fp32 only up to iOS16 ---- */

#define CONST               POME__PARAM_CONST
#define OPTIONAL            (POME__PARAM_CONST | POME__PARAM_OPTIONAL)
#define WEIGHT(name, types) POME__P(name, 'T', types, CONST)
#define MAYBE(name, types)  POME__P(name, 'T', types, OPTIONAL)
#define STATE(types)        POME__P("x", 'T', types, 0), POME__P("initial_h", 'T', types, 0)

#define WEIGHTS(types) WEIGHT("weight_ih", types), WEIGHT("weight_hh", types), MAYBE("bias", types)
#define DIRECTION                                                                                  \
  POME__P_STRING("direction", CONST, "forward"), POME__P_BOOL("output_sequence", CONST, false)
#define GATE              POME__P_STRING("recurrent_activation", CONST, "sigmoid")
#define ACTIVATION(name)  POME__P_STRING(name, CONST, "tanh")
#define GRU_PARAMS(types) STATE(types), WEIGHTS(types), DIRECTION, GATE, ACTIVATION("activation")
#define LSTM_PARAMS(types)                                                                         \
  STATE(types), POME__P("initial_c", 'T', types, 0), WEIGHTS(types), MAYBE("peephole", types),     \
      MAYBE("weight_ih_back", types), MAYBE("weight_hh_back", types), MAYBE("bias_back", types),   \
      MAYBE("peephole_back", types), DIRECTION, GATE, ACTIVATION("cell_activation"),               \
      ACTIVATION("activation"), MAYBE("clip", types)
#define RNN_PARAMS(types) STATE(types), WEIGHTS(types), DIRECTION, ACTIVATION("activation")
#define ONLY_FP32         POME__BIT(FP32)

static const pome__param gru_15[] = {GRU_PARAMS(ONLY_FP32)};
static const pome__param gru_17[] = {GRU_PARAMS(POME__TF)};
static const pome__param gru_18[] = {GRU_PARAMS(POME__TF),
                                     POME__P("reset_after", 0, POME__BIT(BOOL), OPTIONAL),
                                     MAYBE("input_bias", POME__TF)};
static const pome__param lstm_15[] = {LSTM_PARAMS(ONLY_FP32)};
static const pome__param lstm_17[] = {LSTM_PARAMS(POME__TF)};
static const pome__param rnn_15[] = {RNN_PARAMS(ONLY_FP32)};
static const pome__param rnn_17[] = {RNN_PARAMS(POME__TF)};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("gru", IOS13, gru_15, infer_gru, eval_gru),
    PURE("gru", IOS17, gru_17, infer_gru, eval_gru),
    PURE("gru", IOS18, gru_18, infer_gru, eval_gru),
    PURE("lstm", IOS13, lstm_15, infer_lstm, eval_lstm),
    PURE("lstm", IOS17, lstm_17, infer_lstm, eval_lstm),
    PURE("rnn", IOS13, rnn_15, infer_rnn, eval_rnn),
    PURE("rnn", IOS17, rnn_17, infer_rnn, eval_rnn),
};

const pome__schema *pome__ops_recurrent(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
