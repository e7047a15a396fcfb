/* Recurrent layers in every combination of activations, direction, bias, peephole and clip, against
 * a plain loop over time steps and units in double, written here from the equations.
 *
 * Weights are multiples of 1/8, which every type holds. Which of the optional parameters are given
 * goes round with the combinations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "op_case.h"

#define STEPS 3
#define BATCH 2
#define INPUT 2
#define UNITS 2
#define TEXT  8192

static const char *const names[] = {"tanh",         "scaled_tanh", "sigmoid", "hard_sigmoid",
                                    "sigmoid_hard", "relu",        "linear"};
#define ACTIVATIONS (sizeof names / sizeof names[0])

static double act(size_t which, double v) {
  switch (which) {
  case 0:
  case 1: return tanh(v);
  case 2: return 1 / (1 + exp(-v));
  case 3:
  case 4: return v > 2.5 ? 1 : v < -2.5 ? 0 : 0.2 * v + 0.5;
  case 5: return v > 0 ? v : 0;
  default: return v;
  }
}

typedef enum kind { RNN, GRU, LSTM } kind;
static const int gate_counts[] = {1, 3, 4};

typedef struct weights {
  double ih[4 * UNITS][INPUT], hh[4 * UNITS][UNITS], bias[4 * UNITS], input_bias[4 * UNITS];
  double peephole[3 * UNITS];
} weights;

typedef struct layer {
  kind kind;
  size_t gate, cell, out;
  bool reverse, both, has_bias, has_peephole, has_clip, reset_after, sequence;
  double clip;
  double x[STEPS][BATCH][INPUT], h[BATCH][2 * UNITS], c[BATCH][2 * UNITS];
  weights way[2];
  double y[STEPS][BATCH][2 * UNITS]; /* result: sequence, and last states in h and c */
} layer;

/* ---- the plain loop ---- */

static double row_of(const weights *w, int row, const double *x, const double *h) {
  double sum = w->bias[row] + w->input_bias[row];
  for (int i = 0; i < INPUT; i++) sum += w->ih[row][i] * x[i];
  for (int i = 0; i < UNITS; i++) sum += w->hh[row][i] * h[i];
  return sum;
}

static void step_gru(const layer *l, const weights *w, const double *x, double *h) {
  double r[UNITS], rh[UNITS], next[UNITS];
  for (int u = 0; u < UNITS; u++) r[u] = act(l->gate, row_of(w, u, x, h));
  for (int u = 0; u < UNITS; u++) rh[u] = r[u] * h[u];
  for (int u = 0; u < UNITS; u++) {
    double o;
    if (l->reset_after) {
      double inner = w->bias[UNITS + u];
      for (int i = 0; i < UNITS; i++) inner += w->hh[UNITS + u][i] * h[i];
      o = w->input_bias[UNITS + u] + r[u] * inner;
      for (int i = 0; i < INPUT; i++) o += w->ih[UNITS + u][i] * x[i];
    } else {
      o = row_of(w, UNITS + u, x, rh);
    }
    double z = act(l->gate, row_of(w, 2 * UNITS + u, x, h));
    next[u] = (1 - z) * act(l->out, o) + z * h[u];
  }
  memcpy(h, next, sizeof next);
}

static void step_lstm(const layer *l, const weights *w, const double *x, double *h, double *c) {
  double next[UNITS];
  for (int u = 0; u < UNITS; u++) {
    double i = act(l->gate, row_of(w, u, x, h) + w->peephole[u] * c[u]);
    double f = act(l->gate, row_of(w, UNITS + u, x, h) + w->peephole[UNITS + u] * c[u]);
    double z = act(l->cell, row_of(w, 3 * UNITS + u, x, h));
    c[u] = f * c[u] + i * z;
    if (l->has_clip && c[u] > l->clip) c[u] = l->clip;
    if (l->has_clip && c[u] < -l->clip) c[u] = -l->clip;
    double o = act(l->gate, row_of(w, 2 * UNITS + u, x, h) + w->peephole[2 * UNITS + u] * c[u]);
    next[u] = o * act(l->out, c[u]);
  }
  memcpy(h, next, sizeof next);
}

static void run_way(layer *l, int way, bool backwards) {
  const weights *w = &l->way[way];
  for (int b = 0; b < BATCH; b++) {
    double *h = l->h[b] + way * UNITS, *c = l->c[b] + way * UNITS;
    for (int k = 0; k < STEPS; k++) {
      int t = backwards ? STEPS - 1 - k : k;
      const double *x = l->x[t][b];
      double next[UNITS];
      for (int u = 0; u < UNITS; u++) next[u] = act(l->out, row_of(w, u, x, h));
      if (l->kind == GRU) step_gru(l, w, x, h);
      else if (l->kind == LSTM) step_lstm(l, w, x, h, c);
      else memcpy(h, next, sizeof next);
      memcpy(l->y[l->both ? t : k][b] + way * UNITS, h, UNITS * sizeof *h);
    }
  }
}

/* ---- as the text of a case ---- */

static uint32_t seed;

static double draw(void) {
  seed = seed * 1664525u + 1013904223u;
  return ((double)(seed >> 24) - 128) / 128;
}

/* A multiple of 1/8 between -1 and 1. */
static void fill(double *out, size_t count, bool given) {
  for (size_t i = 0; i < count; i++) out[i] = given ? round(draw() * 8) / 8 : 0;
}

static void add(char *text, const char *format, ...) {
  size_t used = strlen(text);
  va_list list;
  va_start(list, format);
  vsnprintf(text + used, TEXT - used, format, list);
  va_end(list);
}

static void add_numbers(char *text, const double *values, size_t count) {
  for (size_t i = 0; i < count; i++) add(text, "%s%.9g", i == 0 ? "{" : ", ", values[i]);
  add(text, "}");
}

static void add_weights(char *text, const layer *l, int way, const char *type) {
  const weights *w = &l->way[way];
  const char *back = way == 1 ? "_back" : "";
  int rows = gate_counts[l->kind] * UNITS;
  add(text, "; weight_ih%s=%s[%d, %d]", back, type, rows, INPUT);
  add_numbers(text, w->ih[0], (size_t)rows * INPUT);
  add(text, "; weight_hh%s=%s[%d, %d]", back, type, rows, UNITS);
  add_numbers(text, w->hh[0], (size_t)rows * UNITS);
  if (l->has_bias) {
    add(text, "; bias%s=%s[%d]", back, type, rows);
    add_numbers(text, w->bias, (size_t)rows);
  }
  if (l->reset_after) {
    add(text, "; input_bias=%s[%d]", type, rows);
    add_numbers(text, w->input_bias, (size_t)rows);
  }
  if (l->has_peephole) {
    add(text, "; peephole%s=%s[%d]", back, type, 3 * UNITS);
    add_numbers(text, w->peephole, 3 * UNITS);
  }
}

static void add_state(char *text, const char *type, const double *state, int width) {
  double packed[BATCH * 2 * UNITS];
  for (int b = 0; b < BATCH; b++)
    memcpy(packed + b * width, state + b * 2 * UNITS, (size_t)width * sizeof *packed);
  add(text, "%s[%d, %d]", type, BATCH, width);
  add_numbers(text, packed, (size_t)(BATCH * width));
}

static void add_inputs(char *text, layer *l, const char *type, int width) {
  add(text, "x=%s[%d, %d, %d]", type, STEPS, BATCH, INPUT);
  add_numbers(text, l->x[0][0], STEPS * BATCH * INPUT);
  add(text, "; initial_h=");
  add_state(text, type, l->h[0], width);
  if (l->kind == LSTM) {
    add(text, "; initial_c=");
    add_state(text, type, l->c[0], width);
  }
  for (int way = 0; way < (l->both ? 2 : 1); way++) add_weights(text, l, way, type);
  add(text, "; direction=\"%s\"; activation=\"%s\"; output_sequence=%s",
      l->both      ? "bidirectional"
      : l->reverse ? "reverse"
                   : "forward",
      names[l->out], l->sequence ? "true" : "false");
  if (l->kind != RNN) add(text, "; recurrent_activation=\"%s\"", names[l->gate]);
  if (l->kind == LSTM) add(text, "; cell_activation=\"%s\"", names[l->cell]);
  if (l->has_clip) add(text, "; clip=%s[]{%g}", type, l->clip);
  if (l->reset_after) add(text, "; reset_after=true");
}

static void add_results(char *text, layer *l, const char *type, int width) {
  double packed[STEPS * BATCH * 2 * UNITS];
  for (int t = 0; t < STEPS; t++)
    for (int b = 0; b < BATCH; b++)
      memcpy(packed + (t * BATCH + b) * width, l->y[t][b], (size_t)width * sizeof *packed);
  add(text, "%s[%d, %d, %d]", type, l->sequence ? STEPS : 1, BATCH, width);
  if (l->sequence) {
    add_numbers(text, packed, (size_t)(STEPS * BATCH * width));
  } else {
    for (int b = 0; b < BATCH; b++)
      memcpy(packed + b * width, l->h[b], (size_t)width * sizeof *packed);
    add_numbers(text, packed, (size_t)(BATCH * width));
  }
  add(text, "; ");
  add_state(text, type, l->h[0], width);
  if (l->kind != LSTM) return;
  add(text, "; ");
  add_state(text, type, l->c[0], width);
}

static void run_layer(layer *l, const char *type) {
  static const char *const ops[] = {"rnn", "gru", "lstm"};
  char inputs[TEXT] = "", expected[TEXT] = "";
  int width = l->both ? 2 * UNITS : UNITS;
  fill(l->x[0][0], STEPS * BATCH * INPUT, true);
  fill(l->h[0], BATCH * 2 * UNITS, true);
  fill(l->c[0], BATCH * 2 * UNITS, true);
  for (int way = 0; way < 2; way++) {
    weights *w = &l->way[way];
    fill(w->ih[0], 4 * UNITS * INPUT, true);
    fill(w->hh[0], 4 * UNITS * UNITS, true);
    fill(w->bias, 4 * UNITS, l->has_bias);
    fill(w->input_bias, 4 * UNITS, l->reset_after);
    fill(w->peephole, 3 * UNITS, l->has_peephole);
  }
  add_inputs(inputs, l, type, width);
  run_way(l, 0, l->reverse);
  if (l->both) run_way(l, 1, true);
  add_results(expected, l, type, width);
  op_case one = {ops[l->kind], l->reset_after ? POME__IOS18 : POME__IOS17, inputs, expected,
                 strcmp(type, "fp16") == 0 ? 2e-3 : 3e-6};
  op_cases_run(&one, 1);
}

static const char *type_of(size_t turn) {
  return turn % 3 == 0 ? "fp16" : "fp32";
}

static void rnn_in_all_ways(void **state) {
  (void)state;
  size_t turn = 0;
  for (size_t out = 0; out < ACTIVATIONS; out++) {
    for (int flags = 0; flags < 8; flags++, turn++) {
      layer l = {.kind = RNN, .out = out};
      l.reverse = flags & 1;
      l.has_bias = flags & 2;
      l.sequence = flags & 4;
      run_layer(&l, type_of(turn));
    }
  }
}

static void gru_in_all_ways(void **state) {
  (void)state;
  size_t turn = 0;
  for (size_t gate = 0; gate < ACTIVATIONS; gate++) {
    for (size_t out = 0; out < ACTIVATIONS; out++) {
      for (int flags = 0; flags < 8; flags++, turn++) {
        layer l = {.kind = GRU, .gate = gate, .out = out};
        l.reverse = flags & 1;
        l.has_bias = flags & 2;
        l.reset_after = flags & 4;
        l.sequence = turn % 5 != 0;
        run_layer(&l, type_of(turn));
      }
    }
  }
}

static void lstm_in_all_ways(void **state) {
  (void)state;
  size_t turn = 0;
  for (size_t gate = 0; gate < ACTIVATIONS; gate++) {
    for (size_t cell = 0; cell < ACTIVATIONS; cell++) {
      for (size_t out = 0; out < ACTIVATIONS; out++) {
        for (int direction = 0; direction < 3; direction++, turn++) {
          layer l = {.kind = LSTM, .gate = gate, .cell = cell, .out = out, .clip = 0.375};
          l.reverse = direction == 1;
          l.both = direction == 2;
          l.has_bias = turn % 7 < 4;
          l.has_peephole = turn % 2;
          l.has_clip = turn % 5 < 2;
          l.sequence = turn % 4 != 0;
          run_layer(&l, type_of(turn));
        }
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rnn_in_all_ways),
      cmocka_unit_test(gru_in_all_ways),
      cmocka_unit_test(lstm_in_all_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
