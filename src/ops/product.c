/* Matrix products on operands of any stored type. See product.h.
 *
 * The rows of w are worked through in panels: a panel is brought into the type that sums are made
 * in, multiplied with all rows of x, and stored. What already lies in memory as a kernel wants it
 * is not copied.
 */
#include "ops/product.h"

#include <string.h>

#include "kernels/kernels.h"
#include "ops/loops.h"
#include "tensor/element.h"

#define PANEL 64
#define LANES 2

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

typedef enum kind { SUM_F64, SUM_F32, SUM_I64 } kind;

const pome__kernels *pome__call_kernels(const pome__call *call) {
  return call->kernels != NULL ? call->kernels : pome__kernels_get(POME__ISA_SCALAR);
}

pome_dtype pome__product_dtype(const pome__call *call) {
  return call->numerics == POME_NUMERICS_STRICT ? POME_FP64 : POME_FP32;
}

size_t pome__product_step(size_t m, size_t k) {
  const size_t most = (size_t)1 << 27, unit = 64; /* multiply-adds, columns */
  size_t units = m == 0 || k == 0 || m > most / k ? 0 : most / (m * k) / unit;
  return units > 0 ? units * unit : unit;
}

/* ---- double ---- */

static lanes load_lanes(const double *p) {
  lanes v;
  memcpy(&v, p, sizeof(v));
  return v;
}

static double add_lanes(lanes v) {
  return v[0] + v[1];
}

double pome__dot_f64(size_t n, const double *x, const double *y) {
  lanes a = {0};
  lanes b = {0};
  lanes c = {0};
  lanes d = {0};
  size_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    a += load_lanes(x + i) * load_lanes(y + i);
    b += load_lanes(x + i + LANES) * load_lanes(y + i + LANES);
    c += load_lanes(x + i + 2 * LANES) * load_lanes(y + i + 2 * LANES);
    d += load_lanes(x + i + 3 * LANES) * load_lanes(y + i + 3 * LANES);
  }
  double sum = add_lanes((a + b) + (c + d));
  for (; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* y[0], y[1], y[2] = x . each of three rows of w, k apart. */
static void dot_three(size_t k, const double *x, const double *w, double *y) {
  lanes a = {0};
  lanes b = {0};
  lanes c = {0};
  lanes d = {0};
  lanes e = {0};
  lanes f = {0};
  size_t i = 0;
  for (; i + 2 * LANES <= k; i += 2 * LANES) {
    lanes u = load_lanes(x + i);
    lanes v = load_lanes(x + i + LANES);
    a += u * load_lanes(w + i);
    b += u * load_lanes(w + k + i);
    c += u * load_lanes(w + 2 * k + i);
    d += v * load_lanes(w + i + LANES);
    e += v * load_lanes(w + k + i + LANES);
    f += v * load_lanes(w + 2 * k + i + LANES);
  }
  y[0] = add_lanes(a + d);
  y[1] = add_lanes(b + e);
  y[2] = add_lanes(c + f);
  for (; i < k; i++) {
    y[0] += x[i] * w[i];
    y[1] += x[i] * w[k + i];
    y[2] += x[i] * w[2 * k + i];
  }
}

static void panel_f64(size_t m, size_t rows, size_t k, const double *x, const double *w,
                      const double *bias, double *y) {
  for (size_t j = 0; j < rows; j += 3) {
    for (size_t i = 0; i < m; i++) {
      double sums[3];
      size_t n = rows - j < 3 ? rows - j : 3;
      if (n == 3) {
        dot_three(k, x + i * k, w + j * k, sums);
      } else {
        for (size_t s = 0; s < n; s++) sums[s] = pome__dot_f64(k, x + i * k, w + (j + s) * k);
      }
      for (size_t s = 0; s < n; s++)
        y[i * rows + j + s] = sums[s] + (bias != NULL ? bias[j + s] : 0);
    }
  }
}

/* ---- integers ---- */

static void panel_i64(size_t m, size_t rows, size_t k, const int64_t *x, const int64_t *w,
                      const int64_t *bias, int64_t *y) {
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < rows; j++) {
      uint64_t sum = bias != NULL ? (uint64_t)bias[j] : 0;
      for (size_t p = 0; p < k; p++) sum += (uint64_t)x[i * k + p] * (uint64_t)w[j * k + p];
      y[i * rows + j] = (int64_t)sum;
    }
  }
}

/* ---- operands ---- */

static bool is_whole(const pome_tensor *tensor) {
  return pome__dtype_is_integer(tensor->dtype) || tensor->dtype == POME_BOOL;
}

static kind kind_of(const pome__call *call, const pome__product *p) {
  if (is_whole(p->x.tensor) && is_whole(p->w.tensor)) return SUM_I64;
  bool single = call->numerics != POME_NUMERICS_STRICT && p->x.tensor->dtype != POME_FP64 &&
                p->w.tensor->dtype != POME_FP64 && p->y->dtype != POME_FP64;
  return single ? SUM_F32 : SUM_F64;
}

static void load(const pome__call *call, kind sum, const pome_tensor *tensor, int64_t offset,
                 int64_t stride, size_t n, void *out) {
  if (sum == SUM_F64) {
    pome__load_f64(tensor->data, tensor->dtype, offset, stride, n, out);
  } else if (sum == SUM_I64) {
    pome__load_i64(tensor->data, tensor->dtype, offset, stride, n, out);
  } else {
    const float *got = pome__read_f32(call, tensor, offset, stride, n, out);
    if (got != out) memcpy(out, got, n * sizeof(float));
  }
}

static void store(const pome__call *call, kind sum, pome_tensor *tensor, int64_t offset,
                  int64_t stride, size_t n, const void *in) {
  if (sum == SUM_F64) {
    pome__store_f64(tensor->data, tensor->dtype, offset, stride, n, in);
  } else if (sum == SUM_I64) {
    pome__store_i64(tensor->data, tensor->dtype, offset, stride, n, in);
  } else {
    pome__write_f32(call, tensor, offset, stride, n, in);
  }
}

/* Rows begin .. begin+rows-1 of a matrix as a packed [rows, k]. A matrix that runs down its columns
 * is read that way. */
static void load_rows(const pome__call *call, kind sum, const pome__matrix *a, size_t begin,
                      size_t rows, size_t k, void *out) {
  int64_t offset = a->offset + (int64_t)begin * a->row;
  size_t width = sum == SUM_F32 ? sizeof(float) : sizeof(double);
  if (a->column == 1 || a->row != 1) {
    for (size_t i = 0; i < rows; i++) {
      load(call, sum, a->tensor, offset + (int64_t)i * a->row, a->column, k,
           (char *)out + i * k * width);
    }
    return;
  }
  for (size_t first = 0; first < rows; first += PANEL) {
    size_t n = rows - first < PANEL ? rows - first : PANEL;
    for (size_t p = 0; p < k; p++) {
      double column[PANEL]; /* room for any of the three types */
      load(call, sum, a->tensor, offset + (int64_t)first + (int64_t)p * a->column, 1, n, column);
      if (sum == SUM_F32) {
        for (size_t i = 0; i < n; i++) ((float *)out)[(first + i) * k + p] = ((float *)column)[i];
      } else {
        for (size_t i = 0; i < n; i++) ((double *)out)[(first + i) * k + p] = column[i];
      }
    }
  }
}

/* True when x is read where it lies. */
static bool x_in_place(kind sum, const pome__product *p) {
  if (p->x.column != 1) return false;
  if (sum == SUM_F32) return p->x.tensor->dtype == POME_FP32 && p->x.row >= 0;
  return sum == SUM_F64 && p->x.tensor->dtype == POME_FP64 && p->x.row == (int64_t)p->k;
}

pome_status pome__product_prepare(pome__call *call, const pome__product *p,
                                  pome__product_space *space) {
  size_t row = p->k > 0 ? p->k : 1;
  size_t rows = p->m > 0 ? p->m : 1;
  size_t panel = p->n < PANEL ? p->n + 1 : PANEL;
  bool fits =
      row <= SIZE_MAX / 8 / rows && row <= SIZE_MAX / 8 / PANEL && rows <= SIZE_MAX / 8 / PANEL;
  if (!fits) return pome__call_memory(call);
  bool in_place = x_in_place(kind_of(call, p), p);
  space->x = POME__NEW_ARRAY(call->scratch, double, in_place ? 1 : rows *row);
  space->w = POME__NEW_ARRAY(call->scratch, double, panel *row);
  space->y = POME__NEW_ARRAY(call->scratch, double, panel *rows);
  space->bias = POME__NEW_ARRAY(call->scratch, double, panel);
  bool all = space->x != NULL && space->w != NULL && space->y != NULL && space->bias != NULL;
  return all ? POME_OK : pome__call_memory(call);
}

/* Columns begin .. begin+rows-1 of y from a packed [m, rows]; down the columns when that is how y
 * runs. */
static void store_panel(const pome__call *call, kind sum, const pome__product *p, size_t begin,
                        size_t rows, const void *panel) {
  size_t width = sum == SUM_F32 ? sizeof(float) : sizeof(double);
  int64_t offset = p->y_offset + (int64_t)begin * p->y_column;
  if (p->y_row != 1 || p->y_column == 1) {
    for (size_t i = 0; i < p->m; i++) {
      store(call, sum, p->y, offset + (int64_t)i * p->y_row, p->y_column, rows,
            (const char *)panel + i * rows * width);
    }
    return;
  }
  for (size_t first = 0; first < p->m; first += PANEL) {
    size_t n = p->m - first < PANEL ? p->m - first : PANEL;
    for (size_t j = 0; j < rows; j++) {
      double column[PANEL]; /* room for any of the three types */
      for (size_t i = 0; i < n; i++) {
        memcpy((char *)column + i * width, (const char *)panel + ((first + i) * rows + j) * width,
               width);
      }
      store(call, sum, p->y, offset + (int64_t)first + (int64_t)j * p->y_column, 1, n, column);
    }
  }
}

/* ---- float: by the kernels ---- */

/* All columns at once, when w and y lie as the kernels want them. */
static bool run_in_place(const pome__call *call, const pome__product *p,
                         const pome__matmul *shared) {
  const pome_tensor *w = p->w.tensor;
  bool half = w->dtype == POME_FP16;
  if ((!half && w->dtype != POME_FP32) || p->w.column != 1 ||
      (p->w.row != (int64_t)p->k && p->n > 1))
    return false;
  if (p->y->dtype != POME_FP32 || p->y_column != 1) return false;
  if (p->bias != NULL && p->bias->dtype != POME_FP32) return false;
  const pome__kernels *kernels = pome__call_kernels(call);
  pome__matmul args = *shared;
  args.w = half ? (const void *)((const uint16_t *)w->data + p->w.offset)
                : (const float *)w->data + p->w.offset;
  args.bias = p->bias != NULL ? (const float *)p->bias->data + p->bias_offset : NULL;
  args.y = (float *)p->y->data + p->y_offset;
  args.y_stride = (size_t)p->y_row;
  size_t step = pome__product_step(p->m, p->k);
  for (size_t begin = 0; begin < p->n && !pome__call_stopped(call); begin += step) {
    size_t end = p->n - begin < step ? p->n : begin + step;
    if (p->m == 1) {
      (half ? kernels->gemv_f16 : kernels->gemv_f32)(&args, begin, end);
    } else {
      (half ? kernels->gemm_f16 : kernels->gemm_f32)(&args, begin, end);
    }
  }
  return true;
}

static void run_f32(const pome__call *call, const pome__product *p,
                    const pome__product_space *space) {
  const pome__kernels *kernels = pome__call_kernels(call);
  pome__matmul args = {.m = p->m, .k = p->k, .x = space->x, .x_stride = p->k};
  if (x_in_place(SUM_F32, p)) {
    args.x = (const float *)p->x.tensor->data + p->x.offset;
    args.x_stride = (size_t)p->x.row;
  } else {
    load_rows(call, SUM_F32, &p->x, 0, p->m, p->k, space->x);
  }
  if (run_in_place(call, p, &args)) return;
  bool packed = p->w.column == 1 && p->w.row == (int64_t)p->k;
  bool half = packed && p->w.tensor->dtype == POME_FP16;
  bool single = packed && p->w.tensor->dtype == POME_FP32;
  for (size_t begin = 0; begin < p->n && !pome__call_stopped(call); begin += PANEL) {
    size_t rows = p->n - begin < PANEL ? p->n - begin : PANEL;
    args.w = space->w;
    if (half) {
      args.w = (const uint16_t *)p->w.tensor->data + p->w.offset + (int64_t)(begin * p->k);
    } else if (single) {
      args.w = (const float *)p->w.tensor->data + p->w.offset + (int64_t)(begin * p->k);
    } else {
      load_rows(call, SUM_F32, &p->w, begin, rows, p->k, space->w);
    }
    if (p->bias != NULL) {
      load(call, SUM_F32, p->bias, p->bias_offset + (int64_t)begin, 1, rows, space->bias);
      args.bias = space->bias;
    }
    args.y = space->y;
    args.y_stride = rows;
    if (p->m == 1) {
      (half ? kernels->gemv_f16 : kernels->gemv_f32)(&args, 0, rows);
    } else {
      (half ? kernels->gemm_f16 : kernels->gemm_f32)(&args, 0, rows);
    }
    store_panel(call, SUM_F32, p, begin, rows, space->y);
  }
}

void pome__product_run(const pome__call *call, const pome__product *p,
                       const pome__product_space *space) {
  if (p->m == 0 || p->n == 0) return;
  kind sum = kind_of(call, p);
  if (sum == SUM_F32) {
    run_f32(call, p, space);
    return;
  }
  const void *x = space->x;
  if (x_in_place(sum, p)) {
    x = (const double *)p->x.tensor->data + p->x.offset;
  } else {
    load_rows(call, sum, &p->x, 0, p->m, p->k, space->x);
  }
  for (size_t begin = 0; begin < p->n && !pome__call_stopped(call); begin += PANEL) {
    size_t rows = p->n - begin < PANEL ? p->n - begin : PANEL;
    load_rows(call, sum, &p->w, begin, rows, p->k, space->w);
    const void *bias = NULL;
    if (p->bias != NULL) {
      load(call, sum, p->bias, p->bias_offset + (int64_t)begin, 1, rows, space->bias);
      bias = space->bias;
    }
    if (sum == SUM_F64) {
      panel_f64(p->m, rows, p->k, x, space->w, bias, space->y);
    } else {
      panel_i64(p->m, rows, p->k, x, space->w, bias, space->y);
    }
    store_panel(call, sum, p, begin, rows, space->y);
  }
}

pome_status pome__product_operand(pome__call *call, const pome_tensor *tensor, pome_tensor *copy) {
  pome_dtype dtype = pome__product_dtype(call);
  size_t count = pome_tensor_count(tensor);
  *copy = *tensor;
  if (tensor->dtype == dtype) return POME_OK;
  void *data =
      pome__arena_array(call->scratch, count > 0 ? count : 1, dtype == POME_FP64 ? 8 : 4, 64);
  if (data == NULL) return pome__call_memory(call);
  load(call, dtype == POME_FP64 ? SUM_F64 : SUM_F32, tensor, 0, 1, count, data);
  copy->data = data;
  copy->dtype = dtype;
  return POME_OK;
}
