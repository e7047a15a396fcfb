/* Family pool: the mean, the largest element or the root of the sum of squares of windows.
 *
 * Padding counts as zeros in a mean unless exclude_padding_from_average; it never wins a maximum.
 * The part of a window that ceil_mode lets reach beyond the padding does not count at all.
 */
#include <math.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/spatial.h"
#include "tensor/element.h"

#define FAMILY "pool"

static pome_status solve(pome__call *call, pome__window *w) {
  const pome__type *x = pome__arg_type(call, "x");
  size_t count;
  POME__TRY(pome__arg_ints(call, "kernel_sizes", w->kernel, POME__SPATIAL, &count));
  w->rank = x->rank - 2;
  if ((int)count != w->rank) {
    return pome__call_fail(call, "'kernel_sizes' has %zu numbers; x has %d spatial dimensions",
                           count, w->rank);
  }
  for (int i = 0; i < w->rank; i++) w->in[i] = x->dims[2 + i];
  bool ceil_mode = pome__arg_bool(call, "ceil_mode");
  if (ceil_mode && w->rank > 2)
    return pome__call_fail(call, "ceil_mode is allowed for 1 or 2 spatial dimensions only");
  POME__TRY(pome__window_solve(call, ceil_mode, w));
  for (int i = 0; ceil_mode && i < w->rank; i++) {
    if (w->before[i] != w->after[i]) {
      return pome__call_fail(call, "padding must be the same on both sides when ceil_mode is set");
    }
  }
  return POME_OK;
}

static pome_status infer_pool_up_to(pome__call *call, int highest) {
  const pome__type *x = pome__arg_type(call, "x");
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "x"), 0, 3, highest));
  if (x->rank < 0) {
    int64_t kernel[POME__SPATIAL];
    size_t count;
    POME__TRY(pome__arg_ints(call, "kernel_sizes", kernel, POME__SPATIAL, &count));
    const int64_t unknown[2 + POME__SPATIAL] = {-1, -1, -1, -1, -1};
    return pome__out(call, 0, x->dtype, (int)count + 2, unknown);
  }
  pome__window w;
  int64_t dims[POME_MAX_RANK];
  POME__TRY(solve(call, &w));
  pome__window_dims(&w, x->dims[0], x->dims[1], dims);
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

static pome_status infer_pool(pome__call *call) {
  return infer_pool_up_to(call, 5);
}
static pome_status infer_l2_pool(pome__call *call) {
  return infer_pool_up_to(call, 4);
}

typedef enum pool { AVERAGE, AVERAGE_INSIDE, MAXIMUM, L2 } pool;

/* The part of a window at `out` that lies inside: taps first .. end-1; and how many taps lie inside
 * the padded dimension. */
typedef struct extent {
  int64_t origin, first, end, padded;
} extent;

static extent extent_of(const pome__window *w, int i, int64_t out) {
  extent e;
  e.origin = out * w->stride[i] - w->before[i];
  e.first = e.origin < 0 ? -e.origin : 0;
  int64_t end = w->in[i] - e.origin;
  e.end = end < w->kernel[i] ? end : w->kernel[i];
  if (e.end < e.first) e.end = e.first;
  int64_t padded = w->in[i] + w->after[i] - e.origin;
  e.padded = padded < w->kernel[i] ? padded : w->kernel[i];
  return e;
}

static double pool_window(const pome__window *w, const double *x, const extent *e, pool how) {
  double result = how == MAXIMUM ? -INFINITY : 0;
  for (int64_t d = e[0].first; d < e[0].end; d++) {
    for (int64_t h = e[1].first; h < e[1].end; h++) {
      const double *row =
          x + ((e[0].origin + d) * w->in[1] + e[1].origin + h) * w->in[2] + e[2].origin;
      for (int64_t k = e[2].first; k < e[2].end; k++) {
        double v = row[k];
        if (how == MAXIMUM) {
          result = v > result || isnan(v) ? v : result;
        } else {
          result += how == L2 ? v * v : v;
        }
      }
    }
  }
  if (how == L2) return sqrt(result);
  if (how == MAXIMUM) return result;
  double inside = 1;
  double padded = 1;
  for (int i = 0; i < POME__SPATIAL; i++) {
    inside *= (double)(e[i].end - e[i].first);
    padded *= (double)e[i].padded;
  }
  double count = how == AVERAGE ? padded : inside;
  return count > 0 ? result / count : 0;
}

static void pool_channel(const pome__window *w, const double *x, pool how, double *y) {
  for (int64_t d = 0; d < w->out[0]; d++) {
    extent e[POME__SPATIAL];
    e[0] = extent_of(w, 0, d);
    for (int64_t h = 0; h < w->out[1]; h++) {
      e[1] = extent_of(w, 1, h);
      for (int64_t k = 0; k < w->out[2]; k++) {
        e[2] = extent_of(w, 2, k);
        *y++ = pool_window(w, x, e, how);
      }
    }
  }
}

static pome_status eval_pool(pome__call *call, pool how) {
  const pome_tensor *x = pome__arg_tensor(call, "x");
  pome_tensor *y = &call->outputs[0];
  pome__window w;
  POME__TRY(solve(call, &w));
  pome__window_pad_rank(&w);
  int64_t in = w.in[0] * w.in[1] * w.in[2];
  int64_t out = w.out[0] * w.out[1] * w.out[2];
  double *from = POME__SCRATCH(call, double, (size_t)in);
  double *to = POME__SCRATCH(call, double, (size_t)out);
  if (from == NULL || to == NULL) return pome__call_memory(call);
  int64_t channels = x->shape[0] * x->shape[1];
  for (int64_t c = 0; c < channels && !pome__call_stopped(call); c++) {
    pome__load_f64(x->data, x->dtype, c * in, 1, (size_t)in, from);
    pool_channel(&w, from, how, to);
    pome__store_f64(y->data, y->dtype, c * out, 1, (size_t)out, to);
  }
  return POME_OK;
}

static pome_status eval_avg_pool(pome__call *call) {
  return eval_pool(call,
                   pome__arg_bool(call, "exclude_padding_from_average") ? AVERAGE_INSIDE : AVERAGE);
}
static pome_status eval_max_pool(pome__call *call) {
  return eval_pool(call, MAXIMUM);
}
static pome_status eval_l2_pool(pome__call *call) {
  return eval_pool(call, L2);
}

/* ---- rows ---- */

#define I32   POME__BIT(INT32)
#define CONST POME__PARAM_CONST
#define POOL                                                                                       \
  POME__P("x", 'T', POME__TF, 0), POME__P("kernel_sizes", 0, I32, CONST),                          \
      POME__P_COMPUTED("strides", 0, I32, CONST, pome__spatial_ones),                              \
      POME__P("pad_type", 0, POME__BIT(STRING), CONST),                                            \
      POME__P_COMPUTED("pad", 0, I32, CONST, pome__spatial_zeros),                                 \
      POME__P_BOOL("ceil_mode", CONST, false)

static const pome__param pool_params[] = {POOL};
static const pome__param avg_pool_params[] = {
    POME__P_BOOL("exclude_padding_from_average", CONST, false), POOL};

#define ROW(name, params, infer, eval)                                                             \
  POME__ROW(name, FAMILY, POME__IOS13, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    ROW("avg_pool", avg_pool_params, infer_pool, eval_avg_pool),
    ROW("l2_pool", pool_params, infer_l2_pool, eval_l2_pool),
    ROW("max_pool", pool_params, infer_pool, eval_max_pool),
};

const pome__schema *pome__ops_pool(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
